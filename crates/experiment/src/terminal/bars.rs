//! Lines at the bottom of a terminal that change in place.
//!
//! When a terminal becomes narrower, most wrap the lines that are too long for it. So lines are short and never
//! filled up with blanks, and as many rows are erased as they take at the width of that moment.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use console::{Term, measure_text_width, truncate_str};

/// How often the lines are drawn again.
const INTERVAL: Duration = Duration::from_millis(250);

/// Columns left free behind a line: for the `^C` that a terminal shows, and since at the last column the
/// cursor of some is in the next row already.
const SPARE: usize = 3;
/// A wide terminal may become this narrow without wrapping.
const MAXIMUM_WIDTH: usize = 79;

static BARS: Mutex<Option<Bars>> = Mutex::new(None);

struct Bars {
    terminal: Term,
    lines: Box<dyn Fn() -> Vec<String> + Send>,
    /// Columns of each line on the terminal.
    drawn: Vec<usize>,
}

/// Keeps lines on the terminal; they go when it is dropped.
pub struct Shown(Option<JoinHandle<()>>);

/// Whether standard error is a terminal whose lines can change in place.
pub fn can_show() -> bool {
    let is_named = std::env::var_os("TERM").is_none_or(|name| !name.is_empty());
    Term::stderr().is_term() && !console::is_dumb() && is_named
}

/// Shows what `lines` gives, again and again, in place of what was shown before.
///
/// `lines` must not take a lock under which something is told.
pub fn show(lines: impl Fn() -> Vec<String> + Send + 'static) -> Shown {
    *bars() = Some(Bars {
        terminal: Term::buffered_stderr(),
        lines: Box::new(lines),
        drawn: Vec::new(),
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

/// Whether lines are on the terminal now.
pub fn are_shown() -> bool {
    bars().is_some()
}

/// Removes the lines.
pub fn clear() {
    if let Some(mut bars) = bars().take() {
        bars.erase();
        flush(&bars.terminal);
    }
}

/// Writes by `write` above the lines, if any are shown.
pub fn above(write: impl FnOnce()) {
    let mut bars = bars();
    if let Some(bars) = bars.as_mut() {
        bars.erase();
        flush(&bars.terminal);
    }
    write();
    if let Some(bars) = bars.as_mut() {
        bars.draw();
    }
}

/// False where no lines are shown any more.
fn redraw() -> bool {
    match bars().as_mut() {
        Some(bars) => {
            bars.erase();
            bars.draw();
            true
        }
        None => false,
    }
}

fn bars() -> MutexGuard<'static, Option<Bars>> {
    BARS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A terminal that went away is no reason to stop.
fn flush(terminal: &Term) {
    let _ = terminal.flush();
}

impl Bars {
    /// Leaves the cursor at the start of the first line.
    fn erase(&mut self) {
        let columns = self.size().1;
        let rows: usize = self.drawn.drain(..).map(|line| rows(line, columns)).sum();
        if rows > 0 {
            let _ = self.terminal.move_cursor_up(rows - 1);
            let _ = self.terminal.write_str("\r");
            let _ = self.terminal.clear_to_end_of_screen();
        }
    }

    fn draw(&mut self) {
        let (rows, columns) = self.size();
        let lines = fitting((self.lines)(), rows, columns);
        self.drawn = lines.iter().map(|line| measure_text_width(line)).collect();
        // Without a line's end after the last, which would scroll the terminal.
        let _ = self.terminal.write_str(&lines.join("\n"));
        flush(&self.terminal);
    }

    /// Rows and columns, at least one of each.
    fn size(&self) -> (usize, usize) {
        let (rows, columns) = self.terminal.size();
        (rows.max(1).into(), columns.max(1).into())
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
