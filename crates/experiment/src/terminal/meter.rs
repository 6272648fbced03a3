//! The progress and speed of a trial, from the stop points that its training passes.

use std::time::Duration;

use super::estimate::{Estimate, Work};
use super::status::Phase;
use crate::records::StopPoint;

/// The sizes that determine the amount of work of a trial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrialSize {
    pub epochs: usize,
    pub batch_size: u64,
    pub evaluation_batch: u64,
    /// Training images of an epoch.
    pub train: u64,
    /// Those of them whose gradients are recorded after each epoch.
    pub sample: u64,
    /// Held-out images; 0 if the test set is evaluated after each epoch.
    pub validation: u64,
    /// 0 if the settings leave the test set out.
    pub test: u64,
}

impl TrialSize {
    /// All of the trial.
    pub fn work(&self) -> Work {
        let epochs = self.epochs as u64;
        let (phase, evaluated) = self.evaluation();
        let final_test = match phase {
            Phase::Validating => self.test,
            _ => 0,
        };
        Work {
            trained: epochs * self.train,
            evaluated: epochs * evaluated + final_test,
        }
    }

    /// After each epoch: its name and images.
    fn evaluation(&self) -> (Phase, u64) {
        match self.validation {
            0 => (Phase::Testing, self.sample + self.test),
            images => (Phase::Validating, self.sample + images),
        }
    }

    /// Of an epoch.
    fn steps(&self) -> u64 {
        self.train.div_ceil(self.batch_size)
    }

    /// Training images of the epoch that have been processed once `step` is done.
    fn met(&self, step: u64) -> u64 {
        let step_of_epoch = (step - 1) % self.steps() + 1;
        (step_of_epoch * self.batch_size).min(self.train)
    }
}

/// Counts the images of a trial, and measures their time.
#[derive(Clone, Debug)]
pub struct Meter {
    size: TrialSize,
    pub phase: Phase,
    /// Images of the phase.
    pub done: u64,
    pub images: u64,
    /// Of this trial in this process.
    pub measured: Estimate,
    /// Whether a step was passed in this process. The first waits for memory and kernels, and is not measured …
    stepped: bool,
    /// … unless it stays the only one.
    first_step: Option<(u64, Duration)>,
    all_epochs_evaluated: bool,
}

impl Meter {
    pub fn new(size: TrialSize) -> Self {
        Self {
            size,
            phase: Phase::Training,
            done: 0,
            images: size.train,
            measured: Estimate::default(),
            stepped: false,
            first_step: None,
            all_epochs_evaluated: false,
        }
    }

    /// Earlier sessions reached `step` in `epoch`; returns the work they did.
    pub fn resume(&mut self, step: u64, epoch: usize) -> Work {
        let epochs_before = epoch as u64 - 1;
        self.done = if step == epochs_before * self.size.steps() {
            0
        } else {
            self.size.met(step)
        };
        Work {
            trained: epochs_before * self.size.train + self.done,
            evaluated: epochs_before * self.size.evaluation().1,
        }
    }

    /// Training reached `point`, `time` after the previous one, `None` if that would mislead; returns the work
    /// done between them, and its measured time.
    pub fn pass(&mut self, point: StopPoint, time: Option<Duration>) -> (Work, Estimate) {
        let (mut work, mut measured) = (Work::default(), Estimate::default());
        match point {
            StopPoint::Step(step) => {
                let met = self.size.met(step);
                let before = if self.phase == Phase::Training && met > self.done {
                    self.done
                } else {
                    0
                };
                (self.phase, self.done, self.images) = (Phase::Training, met, self.size.train);
                work.trained = met - before;
                if !std::mem::replace(&mut self.stepped, true) {
                    self.first_step = time.map(|time| (met - before, time));
                } else if let Some(time) = time {
                    measured.trained.add(met - before, time);
                }
            }
            StopPoint::Evaluation(_) => {
                if self.phase == Phase::Training {
                    self.begin_evaluation();
                }
                let images = (self.size.evaluation_batch).min(self.images - self.done);
                self.done += images;
                work.evaluated = images;
                if let Some(time) = time {
                    measured.evaluated.add(images, time);
                }
                if self.measured.trained.images == 0
                    && let Some((images, time)) = self.first_step.take()
                {
                    measured.trained.add(images, time);
                }
            }
            StopPoint::Epoch(_) => {}
        }
        self.measured.merge(&measured);
        (work, measured)
    }

    /// An epoch was trained and evaluated.
    pub fn end_epoch(&mut self, epoch: usize) {
        self.all_epochs_evaluated = epoch == self.size.epochs;
        let has_test = self.phase == Phase::Validating && self.size.test > 0;
        if self.all_epochs_evaluated && has_test {
            self.begin_evaluation();
        }
    }

    fn begin_evaluation(&mut self) {
        (self.phase, self.images) = if self.all_epochs_evaluated {
            (Phase::Testing, self.size.test)
        } else {
            self.size.evaluation()
        };
        self.done = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two epochs of three steps, with 250 images to validate on and 500 to test with.
    const SIZE: TrialSize = TrialSize {
        epochs: 2,
        batch_size: 32,
        evaluation_batch: 200,
        train: 80,
        sample: 80,
        validation: 250,
        test: 500,
    };

    const SECOND: Duration = Duration::from_secs(1);

    /// Passes all stop points of a trial of `SIZE` from `step` and `epoch` on.
    fn pass_all(meter: &mut Meter, size: TrialSize, first_step: u64) -> Work {
        let mut done = Work::default();
        let batches = |images: u64| images.div_ceil(SIZE.evaluation_batch);
        for step in first_step..=6 {
            done = done + meter.pass(StopPoint::Step(step), Some(SECOND)).0;
            assert_eq!(meter.phase, Phase::Training);
            if step % 3 == 0 {
                let (phase, images) = size.evaluation();
                for _ in 0..batches(size.sample) + batches(images - size.sample) {
                    done = done + meter.pass(StopPoint::Evaluation(step), Some(SECOND)).0;
                    assert_eq!((meter.phase, meter.images), (phase, images));
                }
                assert_eq!(meter.done, images);
                meter.end_epoch(step as usize / 3);
            }
        }
        if size.validation > 0 && size.test > 0 {
            assert_eq!((meter.phase, meter.done), (Phase::Testing, 0));
            for _ in 0..batches(size.test) {
                done = done + meter.pass(StopPoint::Evaluation(6), Some(SECOND)).0;
            }
            assert_eq!((meter.done, meter.images), (500, 500));
        }
        done
    }

    #[test]
    fn a_trial_passes_all_of_its_work_once() {
        let tested_each_epoch = TrialSize {
            validation: 0,
            ..SIZE
        };
        let never_tested = TrialSize { test: 0, ..SIZE };
        for size in [SIZE, tested_each_epoch, never_tested] {
            let mut meter = Meter::new(size);
            let done = pass_all(&mut meter, size, 1);
            assert_eq!(done, size.work());
            // All but the first step of 32 images.
            assert_eq!(meter.measured.trained.images, 160 - 32);
            assert_eq!(meter.measured.trained.time, 5 * SECOND);
            assert_eq!(meter.measured.evaluated.images, size.work().evaluated);
        }
        let work = SIZE.work();
        assert_eq!((work.trained, work.evaluated), (160, 2 * (80 + 250) + 500));
    }

    #[test]
    fn a_resumed_trial_does_what_was_left() {
        for (step, epoch) in [(2, 1), (3, 2), (4, 2), (5, 2)] {
            let mut meter = Meter::new(SIZE);
            let before = meter.resume(step, epoch);
            let done = pass_all(&mut meter, SIZE, step + 1);
            assert_eq!(before + done, SIZE.work(), "from step {step}");
        }
    }

    #[test]
    fn the_only_step_of_a_trial_is_measured_in_the_end() {
        let mut meter = Meter::new(TrialSize {
            epochs: 1,
            batch_size: 80,
            ..SIZE
        });
        meter.pass(StopPoint::Step(1), Some(SECOND));
        assert_eq!(meter.measured, Estimate::default());
        meter.pass(StopPoint::Evaluation(1), Some(SECOND));
        meter.pass(StopPoint::Evaluation(1), Some(SECOND));
        assert_eq!(meter.measured.trained.images, 80);
        assert_eq!(meter.measured.trained.time, SECOND);
    }

    #[test]
    fn what_a_tuned_gpu_took_is_not_measured() {
        let mut meter = Meter::new(SIZE);
        let mut done = Work::default();
        for step in 1..=3 {
            done = done + meter.pass(StopPoint::Step(step), None).0;
        }
        done = done + meter.pass(StopPoint::Evaluation(3), None).0;
        assert_eq!((done.trained, done.evaluated), (80, 200));
        assert_eq!(meter.measured, Estimate::default());
    }
}
