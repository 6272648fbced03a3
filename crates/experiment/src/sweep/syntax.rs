//! Problems with a text as TOML.

use std::collections::HashSet;
use std::ops::Range;

use super::check::Checker;
use super::diagnostics::Problem;

impl Checker {
    /// Adds the errors of `parse` in `text`, and drops every problem that may merely be a consequence.
    pub fn syntax(
        &mut self,
        text: &str,
        errors: &[toml::de::Error],
        parse: impl Fn(&str) -> Vec<toml::de::Error>,
    ) {
        if errors.is_empty() {
            return;
        }
        let newlines: Vec<usize> = text.match_indices('\n').map(|(byte, _)| byte).collect();
        let line = |byte: usize| newlines.partition_point(|newline| *newline < byte);
        let without_place = errors.iter().any(|error| error.span().is_none());
        let deepest = without_place.then(|| where_too_deep(text, parse));
        let mut errors: Vec<SyntaxError> = errors
            .iter()
            .map(|error| SyntaxError::new(error, text, deepest.as_ref()))
            .collect();
        errors.sort_by_key(|error| error.span.start);
        if errors.iter().any(|error| error.unclosed) {
            // what follows the first error may have been mistaken for a part of what is not closed
            let first = errors[0].span.start;
            errors.retain(|error| error.span.start == first || error.unclosed);
            self.problems
                .retain(|problem| problem.span.as_ref().is_some_and(|span| span.start < first));
        }
        // one slip of the pen can upset the parser more than once in a line
        errors.dedup_by_key(|error| line(error.span.start));
        let broken: HashSet<usize> = errors.iter().map(|error| line(error.span.start)).collect();
        self.problems.retain(|Problem { span, .. }| {
            // what the parser made up in place of a missing value has an empty span
            span.as_ref()
                .is_none_or(|span| !span.is_empty() && !broken.contains(&line(span.start)))
        });
        let problems = errors.into_iter().map(|error| Problem {
            span: Some(error.span),
            message: error.message,
            help: error.help.map(str::to_owned),
        });
        self.problems.extend(problems);
    }
}

/// How to fix what a message of the parser with this part is about.
const HELPS: [(&str, &str); 6] = [
    (
        "duplicate key",
        "it has been defined above: merge both, or remove one of them",
    ),
    ("invalid boolean", "true and false are lowercase"),
    (
        "string values must be quoted",
        "put text in straight quotes, as in model = \"resnet18\"",
    ),
    ("leading zero", "remove the zeros in front"),
    (
        "invalid unquoted key",
        "a line assigns a value to a key, as in epochs = 30",
    ),
    (
        "unexpected key or value",
        "a line has one key and one value; the decimal separator is a point",
    ),
];

/// The parser's message, completed where it says too little.
struct SyntaxError {
    span: Range<usize>,
    message: String,
    help: Option<&'static str>,
    /// Whether the other half of a bracket or quote is missing.
    unclosed: bool,
}

impl SyntaxError {
    fn new(error: &toml::de::Error, text: &str, deepest: Option<&Range<usize>>) -> Self {
        let mut message = error.message().to_owned();
        let mut span = error.span().or_else(|| deepest.cloned()).unwrap_or(0..0);
        let unclosed = ["unclosed", "multi-line"]
            .iter()
            .any(|part| message.contains(part));
        let help = if unclosed {
            Some("its end is missing, possibly many lines above")
        } else if message.contains("recurs") {
            "expected fewer levels of keys and lists, found too many".clone_into(&mut message);
            Some(
                "a sweep file has tables such as [train] with plain keys, and losses inside of a sum",
            )
        } else if message.contains("carriage return") && text[..span.start].ends_with('\r') {
            // the parser points behind it
            span.start -= 1;
            Some("end lines with a line feed (LF) or with CR LF")
        } else if message.contains("must be quoted") && span.is_empty() {
            "expected a value after `=`, found none".clone_into(&mut message);
            None
        } else {
            HELPS
                .iter()
                .find(|(part, _)| message.contains(part))
                .map(|(_, help)| *help)
        };
        Self {
            span,
            message,
            help,
            unclosed,
        }
    }
}

/// Where a dotted key gets deeper than the parser goes, which gives no place for it: at the end of the
/// shortest beginning of the text with that error.
fn where_too_deep(text: &str, parse: impl Fn(&str) -> Vec<toml::de::Error>) -> Range<usize> {
    let (mut without, mut with) = (0, text.len());
    loop {
        let middle = text.floor_char_boundary(usize::midpoint(without, with));
        if middle == without {
            return without..with;
        }
        let errors = parse(&text[..middle]);
        if errors.iter().any(|error| error.span().is_none()) {
            with = middle;
        } else {
            without = middle;
        }
    }
}
