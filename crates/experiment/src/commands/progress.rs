//! What a running sweep tells its user on standard error: bars on a terminal, else a line per epoch
//! or minute.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressStyle};

use super::tuning;
use crate::plan::Trial;
use crate::store::{EpochRecord, Split, StepRecord, TrialResult, TrialState};
use crate::train::Position;

/// Off a terminal, an epoch longer than this gives a sign of life.
const LINE_INTERVAL: Duration = Duration::from_mins(1);

/// Progress of a sweep of `trials`.
pub struct Progress {
    bars: Option<Bars>,
    trials: usize,
    trials_done: usize,
    trial: String,
    epochs: usize,
    /// Done by earlier sessions of the trial at hand.
    epochs_before: usize,
    /// Training images of an epoch.
    images: u64,
    batch_size: u64,
    started: Instant,
    last_line: Instant,
}

struct Bars {
    multi: MultiProgress,
    sweep: ProgressBar,
    trial: ProgressBar,
    epoch: ProgressBar,
}

impl Progress {
    pub fn new(trials: usize) -> Self {
        let bars = std::io::stderr().is_terminal().then(|| Bars::new(trials));
        tuning::show(bars.as_ref().map(|bars| &bars.multi));
        Self {
            bars,
            trials,
            trials_done: 0,
            trial: String::new(),
            epochs: 0,
            epochs_before: 0,
            images: 0,
            batch_size: 1,
            started: Instant::now(),
            last_line: Instant::now(),
        }
    }

    /// That shows nothing.
    #[cfg(test)]
    pub fn hidden(trials: usize) -> Self {
        let bars = Bars::new(trials);
        bars.multi
            .set_draw_target(indicatif::ProgressDrawTarget::hidden());
        Self {
            bars: Some(bars),
            ..Self::new(trials)
        }
    }

    /// Starts on `trial`, whose epochs have `images` images.
    pub fn begin_trial(&mut self, trial: &Trial, images: usize) {
        self.trial = format!("{} ({})", trial.label(), trial.id);
        self.epochs = trial.train.epochs;
        self.epochs_before = 0;
        self.images = images as u64;
        self.batch_size = trial.train.batch_size as u64;
        self.last_line = Instant::now();
        if let Some(bars) = &self.bars {
            bars.trial.reset();
            bars.trial.set_length(self.epochs as u64);
            bars.trial.set_message(self.trial.clone());
            bars.epoch.reset();
            bars.epoch.set_length(self.images);
            bars.epoch.set_message("");
        }
    }

    /// The trial at hand goes on from there.
    pub fn resume(&mut self, position: &Position) {
        self.epochs_before = position.epoch - 1;
        if let Some(bars) = &self.bars {
            bars.trial.set_position(self.epochs_before as u64);
        }
        self.line(&format!(
            "goes on from step {} in epoch {}/{}",
            position.step, position.epoch, self.epochs
        ));
    }

    pub fn step(&mut self, record: &StepRecord) {
        tuning::done();
        let steps_per_epoch = self.images.div_ceil(self.batch_size);
        let step_of_epoch = (record.step - 1) % steps_per_epoch + 1;
        let done = (step_of_epoch * self.batch_size).min(self.images);
        if let Some(bars) = &self.bars {
            bars.epoch.set_position(done);
            bars.epoch.set_message(format!(
                "loss {:.4}  accuracy {:.1} %",
                record.train_loss,
                100.0 * record.train_accuracy
            ));
        } else if self.last_line.elapsed() >= LINE_INTERVAL {
            self.line(&format!(
                "epoch {}/{}, image {done}/{}: loss {:.4}",
                record.epoch, self.epochs, self.images, record.train_loss
            ));
        }
    }

    pub fn epoch(&mut self, record: &EpochRecord) {
        let split = match record.evaluated_on {
            Split::Validation => "validation",
            Split::Test => "test",
        };
        let skipped = match record.steps_skipped {
            None | Some(0) => String::new(),
            Some(steps) => format!(", {steps} steps skipped so far"),
        };
        let text = format!(
            "epoch {}/{}: train loss {:.4} accuracy {:.2} %, {split} loss {:.4} accuracy {:.2} %, {:.0} images/s{skipped}",
            record.epoch,
            self.epochs,
            record.train_loss,
            100.0 * record.train_accuracy,
            record.eval_loss,
            100.0 * record.eval_accuracy,
            record.images_per_second,
        );
        if let Some(bars) = &self.bars {
            bars.trial.inc(1);
            bars.trial.set_message(format!(
                "{}  {split} {:.2} %",
                self.trial,
                100.0 * record.eval_accuracy
            ));
            if record.epoch < self.epochs {
                bars.epoch.reset();
            }
        } else {
            let left = self.time_left(record.epoch);
            self.line(&format!("{text}, about {left:#} left"));
        }
    }

    /// Extrapolated from the epochs of the trials so far, as if all trials took alike.
    fn time_left(&self, epochs_done: usize) -> HumanDuration {
        let done = self.trials_done as f64 + epochs_done as f64 / self.epochs as f64;
        let left = self.trials as f64 - done;
        let done = done - self.epochs_before as f64 / self.epochs as f64;
        HumanDuration(self.started.elapsed().mul_f64(left / done))
    }

    pub fn end_trial(&mut self, result: &TrialResult) {
        let ending = match (result.state, &result.test, &result.cause) {
            (TrialState::Done, Some(test), _) => {
                format!("done: test accuracy {:.2} %", 100.0 * test.accuracy)
            }
            (TrialState::Diverged, _, Some(cause)) => format!("diverged: {cause}"),
            (_, _, cause) => format!("failed: {}", cause.as_deref().unwrap_or("unknown cause")),
        };
        let time = HumanDuration(Duration::from_secs_f64(result.time_s_total));
        self.line(&format!("{ending} ({time:#})"));
        self.trials_done += 1;
        if let Some(bars) = &self.bars {
            bars.sweep.inc(1);
        }
    }

    /// A line of its own about the trial at hand; above the bars where there are any.
    pub fn line(&mut self, text: &str) {
        let line = format!(
            "[{}/{}] {}: {text}",
            self.trials_done + 1,
            self.trials,
            self.trial
        );
        match &self.bars {
            // A terminal that went away is no reason to stop training.
            Some(bars) => drop(bars.multi.println(line)),
            None => super::tell(line),
        }
        self.last_line = Instant::now();
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        tuning::done();
        for bar in [&self.epoch, &self.trial, &self.sweep] {
            bar.finish_and_clear();
        }
    }
}

impl Bars {
    fn new(trials: usize) -> Self {
        let multi = MultiProgress::new();
        let bar = |length: u64, template: &str| {
            let style =
                ProgressStyle::with_template(template).expect("the template is well-formed");
            let bar = multi.add(ProgressBar::new(length).with_style(style));
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        };
        let sweep = bar(
            trials as u64,
            "sweep {wide_bar} {pos}/{len} trials, {elapsed} so far, {eta} left",
        );
        let trial = bar(0, "trial {bar:20} {pos}/{len} epochs  {msg}");
        let epoch = bar(
            0,
            "epoch {bar:20} {pos}/{len} images, {per_sec}, {eta} left  {msg}",
        );
        Self {
            multi,
            sweep,
            trial,
            epoch,
        }
    }
}
