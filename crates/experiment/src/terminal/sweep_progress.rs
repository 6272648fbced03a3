//! The progress of a running sweep on standard error: bars on a terminal, else a line per epoch
//! or minute.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::bars::{Shown, can_show, show};
use super::estimate::{Estimate, Work};
use super::output::{Verbosity, tell, verbosity};
use super::status::{Status, TrialStatus};
use super::tuning;

/// A message about a trial's progress; one process may send it to another.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Message {
    Line {
        importance: Importance,
        text: String,
    },
    /// Progress since the last message, with its time if measured.
    Worked { done: Work, measured: Estimate },
}

/// Who sees a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Importance {
    /// Everybody.
    Warning,
    /// Everybody except with `--quiet`.
    Milestone,
    /// Without bars, or with `--verbose`.
    Step,
    /// With `--verbose`.
    Detail,
}

/// The name of a trial in lines.
#[derive(Clone, Debug)]
pub struct TrialName {
    pub id: String,
    pub label: String,
}

/// A sweep that is being trained, as its user sees it.
pub struct SweepProgress {
    trials: Vec<TrialName>,
    status: Arc<Mutex<Status>>,
    bars: Option<Shown>,
}

impl SweepProgress {
    /// Of `trials` with the work that each is, `jobs` at a time.
    pub fn new(trials: Vec<TrialName>, work: Vec<Work>, jobs: usize) -> Self {
        tuning::watch();
        let status = Arc::new(Mutex::new(Status::new(work, jobs)));
        let bars = (verbosity() != Verbosity::Quiet && can_show()).then(|| {
            let (status, start) = (Arc::clone(&status), Instant::now());
            show(move || {
                let lines = lock(&status).lines(start.elapsed());
                lines.into_iter().chain(tuning::line()).collect()
            })
        });
        Self {
            trials,
            status,
            bars,
        }
    }

    pub fn begin(&self, trial: usize) {
        lock(&self.status).begin(trial);
    }

    /// A trial has its result.
    pub fn end(&self, trial: usize) {
        lock(&self.status).end(trial);
    }

    /// A trial stopped without a result.
    pub fn interrupt(&self, trial: usize) {
        lock(&self.status).interrupt(trial);
    }

    /// Shows the trial that this process trains itself; its label is filled in.
    pub fn show(&self, trial: usize, status: TrialStatus) {
        let label = self.trials[trial].label.clone();
        lock(&self.status).trial = Some(TrialStatus { label, ..status });
    }

    /// Such as `[3/12]`.
    pub fn place(&self, trial: usize) -> String {
        format!("[{}/{}]", trial + 1, self.trials.len())
    }

    pub fn hear(&self, trial: usize, message: &Message) {
        match message {
            Message::Worked { done, measured } => {
                lock(&self.status).progress(trial, *done, measured);
            }
            Message::Line { importance, text } => self.line(trial, *importance, text),
        }
    }

    fn line(&self, trial: usize, importance: Importance, text: &str) {
        let wanted = match importance {
            Importance::Warning => true,
            Importance::Milestone => verbosity() >= Verbosity::Normal,
            Importance::Step if self.bars.is_none() => verbosity() >= Verbosity::Normal,
            Importance::Step | Importance::Detail => verbosity() == Verbosity::Verbose,
        };
        if !wanted {
            return;
        }
        let (place, TrialName { id, label }) = (self.place(trial), &self.trials[trial]);
        let mut line = format!("{place} {label} ({id}): {text}");
        if importance == Importance::Step {
            line += &format!(", {}", lock(&self.status).time_left_text());
        }
        // After the lock, which the bars take.
        tell(line);
    }
}

fn lock(status: &Mutex<Status>) -> MutexGuard<'_, Status> {
    status.lock().unwrap_or_else(PoisonError::into_inner)
}
