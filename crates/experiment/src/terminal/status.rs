//! The progress of a sweep, as numbers and as the lines that show them.

use std::collections::BTreeSet;
use std::time::Duration;

use super::estimate::{Estimate, Work};
use super::text::{bar, duration, rounded, thousands};

/// The progress of a sweep.
#[derive(Clone, Debug)]
pub struct Status {
    /// Trials at a time.
    jobs: usize,
    /// Of each trial, in the sweep's order.
    left: Vec<Work>,
    trials_done: usize,
    running: BTreeSet<usize>,
    estimate: Estimate,
    /// The trial that this process trains itself.
    pub trial: Option<TrialStatus>,
}

/// The progress of a trial.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialStatus {
    pub label: String,
    /// From 1.
    pub epoch: usize,
    pub epochs: usize,
    /// The score of the last epoch, such as `validation 81.20 %`; empty before.
    pub score: String,
    pub phase: Phase,
    /// Images of the phase.
    pub done: u64,
    pub images: u64,
    /// In training.
    pub images_per_second: Option<f64>,
    /// Loss and accuracy of the last step; empty before.
    pub step: String,
}

/// The phases of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Training,
    Validating,
    Testing,
}

impl Phase {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Validating => "validating",
            Self::Testing => "testing",
        }
    }
}

impl Status {
    /// Of a sweep with `work` to do for each trial.
    pub fn new(work: Vec<Work>, jobs: usize) -> Self {
        Self {
            jobs,
            left: work,
            trials_done: 0,
            running: BTreeSet::new(),
            estimate: Estimate::default(),
            trial: None,
        }
    }

    pub fn trials(&self) -> usize {
        self.left.len()
    }

    pub fn begin(&mut self, trial: usize) {
        self.running.insert(trial);
    }

    /// A trial has done some work, in this time if it was measured.
    pub fn progress(&mut self, trial: usize, done: Work, measured: &Estimate) {
        self.left[trial] = self.left[trial].saturating_sub(done);
        self.estimate.merge(measured);
    }

    /// A trial has its result, even if some of its work was not needed.
    pub fn end(&mut self, trial: usize) {
        self.running.remove(&trial);
        self.left[trial] = Work::default();
        self.trials_done += 1;
    }

    /// A trial stopped without a result; the rest of it is left for another run.
    pub fn interrupt(&mut self, trial: usize) {
        self.running.remove(&trial);
        self.left[trial] = Work::default();
    }

    /// Of the whole sweep; `None` while too little was measured.
    pub fn time_left(&self) -> Option<Duration> {
        let all = self.estimate.time_for(self.left.iter().copied().sum())?;
        let each = self.left.iter();
        let longest = each.filter_map(|left| self.estimate.time_for(*left)).max();
        // As many at a time as wanted, but no trial is done by two.
        Some((all / self.jobs as u32).max(longest.unwrap_or_default()))
    }

    /// Such as `12m 30s left`.
    pub fn time_left_text(&self) -> String {
        match self.time_left() {
            Some(left) => format!("{} left", duration(left)),
            None => "time left unknown".to_owned(),
        }
    }

    /// The lines at `so_far` from the start, with the most important parts first.
    pub fn lines(&self, so_far: Duration) -> Vec<String> {
        let (done, trials) = (self.trials_done, self.trials());
        // The bars of a trial come below this one.
        let name = if self.trial.is_some() {
            "sweep     "
        } else {
            "sweep"
        };
        let mut sweep = format!(
            "{name} {} {}, {done}/{trials} trials",
            bar(done as u64, trials as u64),
            self.time_left_text()
        );
        if self.trial.is_none() {
            let running = self.running.len();
            sweep += &format!(", {running} running");
            if let (1.., Some(speed)) = (running, self.estimate.trained.images_per_second()) {
                sweep += &format!(", {} images/s", rounded(speed * running as f64));
            }
        }
        sweep += &format!(", {} so far", duration(so_far));
        let trial = self.trial.iter().flat_map(TrialStatus::lines);
        [sweep].into_iter().chain(trial).collect()
    }
}

impl TrialStatus {
    fn lines(&self) -> [String; 2] {
        let mut trial = format!(
            "trial      {} epoch {}/{}",
            bar(self.epoch as u64 - 1, self.epochs as u64),
            self.epoch,
            self.epochs
        );
        if !self.score.is_empty() {
            trial += &format!(", {}", self.score);
        }
        trial += &format!(", {}", self.label);
        let mut phase = format!(
            "{:<10} {} {}/{} images",
            self.phase.name(),
            bar(self.done, self.images),
            thousands(self.done),
            thousands(self.images)
        );
        if self.phase == Phase::Training {
            if let Some(speed) = self.images_per_second {
                phase += &format!(", {}/s", rounded(speed));
            }
            if !self.step.is_empty() {
                phase += &format!(", {}", self.step);
            }
        }
        [trial, phase]
    }
}

#[cfg(test)]
mod tests {
    use super::super::estimate::Measured;
    use super::*;

    const WORK: Work = Work {
        trained: 1000,
        evaluated: 300,
    };

    /// A training image takes 10 ms, and so an evaluated one a third of that.
    fn measured(images: u64) -> (Work, Estimate) {
        let trained = Measured {
            images,
            time: Duration::from_millis(10 * images),
        };
        let estimate = Estimate {
            trained,
            ..Estimate::default()
        };
        let work = Work {
            trained: images,
            evaluated: 0,
        };
        (work, estimate)
    }

    #[test]
    fn the_time_left_counts_all_trials_and_their_evaluations() {
        let mut status = Status::new(vec![WORK; 3], 1);
        status.begin(0);
        assert_eq!(status.time_left(), None);
        let (done, times) = measured(400);
        status.progress(0, done, &times);
        assert_eq!(
            status.time_left(),
            Some(Duration::from_secs(6 + 1 + 2 * 11))
        );
        // Diverged long before its last step.
        status.end(0);
        assert_eq!(status.time_left(), Some(Duration::from_secs(2 * 11)));
        status.end(1);
        status.end(2);
        assert_eq!(status.time_left(), Some(Duration::ZERO));
    }

    #[test]
    fn trials_at_a_time_share_the_time_but_none_is_divided() {
        let mut status = Status::new(vec![WORK; 4], 2);
        let (_, times) = measured(400);
        status.progress(0, Work::default(), &times);
        assert_eq!(status.time_left(), Some(Duration::from_secs(22)));
        for trial in 0..3 {
            status.end(trial);
        }
        assert_eq!(status.time_left(), Some(Duration::from_secs(11)));
    }

    #[test]
    fn the_lines_of_a_trial_fit_into_80_columns_and_start_with_what_matters() {
        let mut status = Status::new(vec![WORK; 6], 1);
        status.begin(0);
        let (done, times) = measured(400);
        status.progress(0, done, &times);
        let trial = TrialStatus {
            label: "cross_entropy, seed 1".to_owned(),
            epoch: 4,
            epochs: 30,
            score: "validation 81.20 %".to_owned(),
            phase: Phase::Training,
            done: 12_800,
            images: 45_000,
            images_per_second: Some(1234.567),
            step: "loss 1.2345".to_owned(),
        };
        status.trial = Some(trial.clone());
        let lines = status.lines(Duration::from_secs(4));
        assert_eq!(
            lines,
            [
                "sweep      ░░░░░░░░░░ 1m 02s left, 0/6 trials, 4s so far",
                "trial      █░░░░░░░░░ epoch 4/30, validation 81.20 %, cross_entropy, seed 1",
                "training   ██░░░░░░░░ 12,800/45,000 images, 1,235/s, loss 1.2345",
            ]
        );
        assert!(lines.iter().all(|line| line.chars().count() <= 77));
        status.trial = Some(TrialStatus {
            phase: Phase::Testing,
            done: 2000,
            images: 10_000,
            ..trial
        });
        let testing = "testing    ██░░░░░░░░ 2,000/10,000 images";
        assert_eq!(status.lines(Duration::ZERO)[2], testing);
    }

    #[test]
    fn trials_in_other_processes_share_one_line() {
        let mut status = Status::new(vec![WORK; 3], 2);
        let so_far = Duration::from_secs(75);
        status.begin(0);
        assert_eq!(
            status.lines(so_far),
            ["sweep ░░░░░░░░░░ time left unknown, 0/3 trials, 1 running, 1m 15s so far"]
        );
        status.begin(1);
        let (done, times) = measured(400);
        status.progress(1, done, &times);
        status.end(0);
        status.begin(2);
        assert_eq!(
            status.lines(so_far),
            ["sweep ███░░░░░░░ 11s left, 1/3 trials, 2 running, 200 images/s, 1m 15s so far"]
        );
        status.interrupt(1);
        assert_eq!(
            status.lines(so_far),
            ["sweep ███░░░░░░░ 11s left, 1/3 trials, 1 running, 100 images/s, 1m 15s so far"]
        );
    }
}
