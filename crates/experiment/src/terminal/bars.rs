//! Lines at the bottom of a terminal that are updated in place: indicatif's, with custom drawing.
//!
//! When a terminal becomes narrower, most wrap lines that are too long, and indicatif pads lines
//! with blanks. So lines are short here and never padded, and as many rows are erased as they take at the current
//! width.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use console::{Term, measure_text_width, truncate_str};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

/// How often the lines are redrawn.
const INTERVAL: Duration = Duration::from_millis(250);

/// Columns left free behind a line: for the `^C` that a terminal shows, and since at the last column the
/// cursor of some is in the next row already.
const SPARE: usize = 3;
/// A wide terminal may become this narrow without wrapping.
const MAXIMUM_WIDTH: usize = 79;

static BARS: Mutex<Option<Bars>> = Mutex::new(None);

struct Bars {
    all: MultiProgress,
    /// One for each line.
    each: Vec<ProgressBar>,
    lines: Box<dyn Fn() -> Vec<String> + Send>,
}

/// Keeps lines on the terminal; they are removed when it is dropped.
pub struct Shown(Option<JoinHandle<()>>);

/// Whether standard error is a terminal whose lines can change in place.
pub fn can_show() -> bool {
    let is_named = std::env::var_os("TERM").is_none_or(|name| !name.is_empty());
    Term::stderr().is_term() && !console::is_dumb() && is_named
}

/// Repeatedly shows the result of `lines`, replacing what was shown before.
///
/// `lines` must not take a lock that is held while messages are printed.
pub fn show(lines: impl Fn() -> Vec<String> + Send + 'static) -> Shown {
    let screen = Screen {
        terminal: Term::buffered_stderr(),
        rows: Mutex::default(),
    };
    // No slower than they are changed, so that none of them shows the past.
    let target = ProgressDrawTarget::term_like_with_hz(Box::new(screen), u8::MAX);
    *bars() = Some(Bars {
        all: MultiProgress::with_draw_target(target),
        each: Vec::new(),
        lines: Box::new(lines),
    });
    Shown(Some(thread::spawn(|| {
        while redraw() {
            thread::park_timeout(INTERVAL);
        }
    })))
}

impl Drop for Shown {
    fn drop(&mut self) {
        clear();
        if let Some(thread) = self.0.take() {
            thread.thread().unpark();
            // It draws nothing any more, and a panic there is not the sweep's.
            let _ = thread.join();
        }
    }
}

/// Whether lines are shown on the terminal.
pub fn are_shown() -> bool {
    bars().is_some()
}

/// Removes the lines.
pub fn clear() {
    if let Some(bars) = bars().take() {
        // A terminal that went away is no reason to stop.
        let _ = bars.all.clear();
    }
}

/// Runs `write` above the lines, if any are shown.
pub fn above(write: impl FnOnce()) {
    match bars().as_ref() {
        Some(bars) => bars.all.suspend(write),
        None => write(),
    }
}

/// False if no lines are shown any more.
fn redraw() -> bool {
    match bars().as_mut() {
        Some(bars) => {
            bars.draw();
            true
        }
        None => false,
    }
}

fn bars() -> MutexGuard<'static, Option<Bars>> {
    BARS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Bars {
    fn draw(&mut self) {
        let (rows, columns) = Term::stderr().size();
        let lines = fitting((self.lines)(), rows.max(1).into(), columns.max(1).into());
        for bar in self.each.drain(lines.len().min(self.each.len())..) {
            self.all.remove(&bar);
        }
        while self.each.len() < lines.len() {
            let style = ProgressStyle::with_template("{msg}").expect("the template is constant");
            let bar = ProgressBar::new_spinner().with_style(style);
            self.each.push(self.all.add(bar));
        }
        for (bar, line) in self.each.iter().zip(lines) {
            bar.set_message(line);
        }
    }
}

/// Where indicatif draws: it hands over the lines, and what was there before is erased here.
#[derive(Debug)]
struct Screen {
    terminal: Term,
    rows: Mutex<Rows>,
}

#[derive(Debug, Default)]
struct Rows {
    /// Columns of each line on the terminal.
    drawn: Vec<usize>,
    /// The lines to be drawn next.
    next: Vec<String>,
}

impl Screen {
    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves the cursor at the start of the first of the lines with these columns.
    fn erase(&self, drawn: &[usize]) -> io::Result<()> {
        let columns = usize::from(self.width()).max(1);
        let rows: usize = drawn.iter().map(|line| rows(*line, columns)).sum();
        if rows > 0 {
            self.terminal.move_cursor_up(rows - 1)?;
            self.terminal.write_str("\r")?;
            self.terminal.clear_to_end_of_screen()?;
        }
        Ok(())
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        self.terminal.size().1
    }

    fn height(&self) -> u16 {
        self.terminal.size().0
    }

    // The cursor is moved where lines are erased, in `flush`.
    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        self.write_str(line)
    }

    /// Takes a line, or the blanks behind one.
    fn write_str(&self, text: &str) -> io::Result<()> {
        if !text.trim().is_empty() {
            self.rows().next.push(text.to_owned());
        }
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let mut rows = self.rows();
        let next = std::mem::take(&mut rows.next);
        self.erase(&rows.drawn)?;
        rows.drawn = next.iter().map(|line| measure_text_width(line)).collect();
        // Without a line's end after the last, which would scroll the terminal.
        self.terminal.write_str(&next.join("\n"))?;
        self.terminal.flush()
    }
}

/// As many of `lines`, and as much of each, as a terminal shows without scrolling or wrapping.
fn fitting(lines: Vec<String>, rows: usize, columns: usize) -> Vec<String> {
    let width = columns.saturating_sub(SPARE).clamp(1, MAXIMUM_WIDTH);
    let lines = lines.into_iter().take(rows);
    lines
        .map(|line| truncate_str(&line, width, "…").into_owned())
        .collect()
}

/// The rows that a line of `length` columns takes on a terminal of `columns`.
fn rows(length: usize, columns: usize) -> usize {
    length.div_ceil(columns).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_to_the_terminal() {
        let lines = || vec!["one line".to_owned(), "and another".to_owned()];
        assert_eq!(fitting(lines(), 24, 80), lines());
        assert_eq!(fitting(lines(), 24, 14), ["one line", "and another"]);
        assert_eq!(fitting(lines(), 24, 11), ["one line", "and ano…"]);
        assert_eq!(fitting(lines(), 1, 6), ["on…"]);
        for columns in 1..200 {
            for line in fitting(vec!["█".repeat(200)], 24, columns) {
                let width = measure_text_width(&line);
                assert!(width == 1 || width + 2 < columns && width < 80, "{line}");
            }
        }
    }

    #[test]
    fn a_line_takes_more_rows_once_the_terminal_is_narrower() {
        assert_eq!(rows(0, 80), 1);
        assert_eq!(rows(80, 80), 1);
        assert_eq!(rows(79, 40), 2);
    }
}
