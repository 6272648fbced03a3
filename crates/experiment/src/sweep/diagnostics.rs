//! Problems of a text, shown with file, line, column, caret and suggestion.

use std::fmt::{self, Display, Formatter};
use std::io::{IsTerminal, Write};
use std::ops::Range;
use std::path::Path;

use annotate_snippets::renderer::{DEFAULT_ERROR_STYLE, Style};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet, normalize_untrusted_str};

#[cfg(test)]
mod tests;

/// As many as anyone reads; a file of another kind can hold a problem in every line.
const SHOWN_PROBLEMS: usize = 100;

/// Everything that is wrong with one text, in the order of the text.
#[derive(Debug)]
pub struct Diagnostics {
    path: String,
    text: String,
    problems: Vec<Problem>,
}

impl Diagnostics {
    /// `problems` must not be empty; their spans are byte ranges of `text`.
    pub(super) fn new(path: &Path, text: &str, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.span.as_ref().map_or(usize::MAX, |span| span.start));
        Self {
            path: path.display().to_string(),
            text: text.to_owned(),
            problems,
        }
    }

    /// Prints to stderr, in colour on a terminal that has some unless `NO_COLOR` is set.
    pub fn print(&self) {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|kind| kind == "dumb");
        let mut stderr = std::io::stderr();
        let text = self.render(stderr.is_terminal() && !no_color && !is_dumb);
        // where stderr is closed there is nobody to tell
        let _ = stderr.write_all(text.as_bytes());
    }

    /// The complete text; its last line sums up.
    pub fn render(&self, coloured: bool) -> String {
        let (renderer, style) = if coloured {
            (Renderer::styled().term_width(UNCUT), DEFAULT_ERROR_STYLE)
        } else {
            (Renderer::plain().term_width(UNCUT), Style::new())
        };
        let shown = self.problems.iter().take(SHOWN_PROBLEMS);
        let shown = shown.map(|problem| {
            let headline = self.headline(problem);
            format!(
                "{style}{headline}{style:#}\n{}\n",
                self.body(problem, &renderer)
            )
        });
        shown.chain([self.summary(), "\n".to_owned()]).collect()
    }

    /// First line and suggestion of every problem.
    #[cfg(test)]
    pub fn lines(&self) -> Vec<(String, &str)> {
        let problems = self.problems.iter();
        problems
            .map(|it| (self.headline(it), it.help.as_deref().unwrap_or_default()))
            .collect()
    }

    /// `path:line:column: key.path: expectation, found`
    fn headline(&self, problem: &Problem) -> String {
        let place = match &problem.span {
            Some(span) => {
                let Position { line, column, .. } = position(&self.text, span.start);
                format!("{}:{line}:{column}", self.path)
            }
            None => self.path.clone(),
        };
        normalize_untrusted_str(&format!("{place}: {}", problem.message))
    }

    /// The source line with a caret, and the suggestion.
    fn body(&self, problem: &Problem, renderer: &Renderer) -> String {
        let mut group = Group::with_level(Level::ERROR);
        if let Some(span) = &problem.span {
            let start = position(&self.text, span.start);
            let source = &self.text[start.source.clone()];
            let end = span.end.clamp(start.source.start, start.source.end) - start.source.start;
            let marked = start.offset..source.floor_char_boundary(end.max(start.offset));
            let (source, marked) = window(source, &marked);
            let snippet = Snippet::source(source).line_start(start.line);
            group = group.element(snippet.annotation(AnnotationKind::Primary.span(marked)));
        }
        if let Some(help) = &problem.help {
            group = group.element(Level::HELP.message(normalize_untrusted_str(help)));
        }
        if group.is_empty() {
            return String::new();
        }
        renderer.render(&[group]) + "\n"
    }

    fn summary(&self) -> String {
        let Self { path, problems, .. } = self;
        match problems.len() {
            1 => format!("1 error in {path}"),
            count if count > SHOWN_PROBLEMS => {
                format!("{count} errors in {path}, of which the first {SHOWN_PROBLEMS} are shown")
            }
            count => format!("{count} errors in {path}"),
        }
    }
}

/// The complete text without colour.
impl Display for Diagnostics {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for Diagnostics {}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Problem {
    /// Bytes of the text; `None` if the text as a whole is meant.
    pub span: Option<Range<usize>>,
    /// `key.path: expectation, found`
    pub message: String,
    /// How to fix it.
    pub help: Option<String>,
}

impl Problem {
    pub fn at(span: Range<usize>, message: String) -> Self {
        Self {
            span: Some(span),
            message,
            help: None,
        }
    }

    pub fn of_text(message: String) -> Self {
        Self {
            span: None,
            message,
            help: None,
        }
    }

    pub fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }
}

/// As many characters of a line are shown before a caret, and as many from it on.
const SHOWN_BEFORE: usize = 60;
const SHOWN_AFTER: usize = 120;
/// Above the columns of any window: the renderer's own way to cut a line prints all of some long ones.
const UNCUT: usize = 100_000;

/// The part of a line around what is marked, and where that is in it.
fn window(line: &str, marked: &Range<usize>) -> (String, Range<usize>) {
    let before = line[..marked.start].char_indices().rev().take(SHOWN_BEFORE);
    let start = before.last().map_or(marked.start, |(byte, _)| byte);
    let end = line[marked.start..].char_indices().nth(SHOWN_AFTER);
    let end = end.map_or(line.len(), |(byte, _)| marked.start + byte);
    let left = if start > 0 { "…" } else { "" };
    let right = if end < line.len() { "…" } else { "" };
    let place = |byte: usize| left.len() + byte.min(end) - start;
    let marked = place(marked.start)..place(marked.end);
    (format!("{left}{}{right}", &line[start..end]), marked)
}

/// A place in a text, as people count.
struct Position {
    line: usize,
    /// In characters.
    column: usize,
    /// Bytes of the text that make up the line, its end left out.
    source: Range<usize>,
    /// In bytes from the start of the line.
    offset: usize,
}

fn position(text: &str, byte: usize) -> Position {
    let byte = text.floor_char_boundary(byte);
    let start = text[..byte].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[byte..]
        .find('\n')
        .map_or(text.len(), |newline| byte + newline);
    // a line ends with LF or CR LF, as in TOML; a CR anywhere else is one of its characters
    let carriage_return = end < text.len() && text[start..end].ends_with('\r');
    let end = end - usize::from(carriage_return);
    // the caret of a problem at a line's end must not point behind what is shown of the line
    let byte = byte.min(end);
    Position {
        line: text[..start].matches('\n').count() + 1,
        column: text[start..byte].chars().count() + 1,
        source: start..end,
        offset: byte - start,
    }
}
