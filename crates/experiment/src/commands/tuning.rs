//! Tells the user that a GPU is being tuned, which takes minutes at the first use of a shape.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use log::{Level, LevelFilter, Log, Metadata, Record};

use super::tell;

/// Off a terminal, tuning gives a sign of life this often.
const LINE_INTERVAL: Duration = Duration::from_secs(30);
/// cubecl's tuner logs this for every kernel, before it measures the candidates.
const TARGET: &str = "cubecl_runtime::tune";
const MESSAGE: &str = "Tuning ";

/// Counts what cubecl's tuner logs; the only way in which it tells how far it is.
struct TuningLog(Mutex<Tuning>);

struct Tuning {
    kernels: usize,
    started: Option<Instant>,
    last_line: Option<Instant>,
    /// Where the bar goes, on a terminal.
    bars: Option<MultiProgress>,
    bar: Option<ProgressBar>,
}

static LOG: TuningLog = TuningLog(Mutex::new(Tuning {
    kernels: 0,
    started: None,
    last_line: None,
    bars: None,
    bar: None,
}));

/// Shows tuning from now on: a bar of its own among `bars`, or without them a line now and then.
pub fn show(bars: Option<&MultiProgress>) {
    if let Ok(mut tuning) = LOG.0.lock() {
        tuning.bars = bars.cloned();
    }
    // A second call finds the log in place.
    if log::set_logger(&LOG).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}

/// Ends the bar: the kernels at hand are tuned. Those of a shape that comes later start another.
pub fn done() {
    let bar = LOG.0.lock().ok().and_then(|mut tuning| tuning.bar.take());
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

impl Log for TuningLog {
    fn enabled(&self, metadata: &Metadata) -> bool {
        metadata.level() == Level::Info && metadata.target().starts_with(TARGET)
    }

    fn log(&self, record: &Record) {
        let is_tuning =
            self.enabled(record.metadata()) && record.args().to_string().starts_with(MESSAGE);
        if let (true, Ok(mut tuning)) = (is_tuning, self.0.lock()) {
            tuning.count();
        }
    }

    fn flush(&self) {}
}

impl Tuning {
    fn count(&mut self) {
        self.kernels += 1;
        let started = *self.started.get_or_insert_with(Instant::now);
        if let Some(bars) = &self.bars {
            let bar = self.bar.get_or_insert_with(|| bars.add(spinner()));
            bar.set_message(format!("{} kernels", self.kernels));
        } else if self
            .last_line
            .is_none_or(|last| last.elapsed() >= LINE_INTERVAL)
        {
            self.last_line = Some(Instant::now());
            tell(format_args!(
                "tuning for this GPU (once for each shape, then kept): {} kernels, {} s",
                self.kernels,
                started.elapsed().as_secs()
            ));
        }
    }
}

fn spinner() -> ProgressBar {
    let template =
        "tuning for this GPU (once for each shape, then kept) {spinner} {msg}, {elapsed}";
    let style = ProgressStyle::with_template(template).expect("the template is well-formed");
    let bar = ProgressBar::new_spinner().with_style(style);
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}
