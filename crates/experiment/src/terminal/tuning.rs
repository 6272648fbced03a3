//! Tells the user that a GPU is being tuned, which takes minutes at the first use of a shape.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use log::{Level, LevelFilter, Log, Metadata, Record};

use super::output::inform;
use super::{bars, text};

/// Without bars, tuning prints a line this often.
const LINE_INTERVAL: Duration = Duration::from_secs(30);
/// Message that cubecl's tuner logs for every kernel, before it measures the candidates.
const TARGET: &str = "cubecl_runtime::tune";
const MESSAGE: &str = "Tuning ";

/// Counts the log messages of cubecl's tuner, its only report of progress.
struct TuningLog(Mutex<Tuning>);

struct Tuning {
    kernels: usize,
    /// While a GPU is being tuned.
    started: Option<Instant>,
    last_line: Option<Instant>,
}

static LOG: TuningLog = TuningLog(Mutex::new(Tuning {
    kernels: 0,
    started: None,
    last_line: None,
}));

/// Shows tuning from now on: with the bars, or without them as a line now and then.
pub fn watch() {
    // The log is already installed if this is called a second time.
    if log::set_logger(&LOG).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}

/// The kernels so far are tuned; false where there was nothing to tune since the last call. Those of a shape that
/// comes later are counted from zero.
pub fn done() -> bool {
    let Ok(mut tuning) = LOG.0.lock() else {
        return false;
    };
    tuning.kernels = 0;
    tuning.started.take().is_some()
}

/// What to show while a GPU is being tuned.
pub fn line() -> Option<String> {
    LOG.0.lock().ok()?.line()
}

impl Log for TuningLog {
    fn enabled(&self, metadata: &Metadata) -> bool {
        metadata.level() == Level::Info && metadata.target().starts_with(TARGET)
    }

    fn log(&self, record: &Record) {
        if !self.enabled(record.metadata()) || !record.args().to_string().starts_with(MESSAGE) {
            return;
        }
        let as_line = !bars::are_shown();
        // Told after the lock, which the bars take to show this.
        let line = (self.0.lock().ok()).and_then(|mut tuning| tuning.count(as_line));
        if let Some(line) = line {
            inform(line);
        }
    }

    fn flush(&self) {}
}

impl Tuning {
    /// Counts one more kernel; gives a line where one is wanted and due.
    fn count(&mut self, as_line: bool) -> Option<String> {
        self.kernels += 1;
        self.started.get_or_insert_with(Instant::now);
        let due = |last: Instant| last.elapsed() >= LINE_INTERVAL;
        if !as_line || !self.last_line.is_none_or(due) {
            return None;
        }
        self.last_line = Some(Instant::now());
        self.line()
    }

    fn line(&self) -> Option<String> {
        let time = text::duration(self.started?.elapsed());
        Some(format!(
            "tuning for this GPU (once per shape, then cached): {} kernels, {time}",
            self.kernels
        ))
    }
}
