//! Trains one trial: settings, images and a device in, scores and weights out.

mod loss_scale;
mod schedule;
mod sgd;
mod step;
mod step_log;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use cifar_models::checkpoint::to_safetensors;

use self::schedule::learning_rate;
pub use self::step::{Learner, build_model};
use self::step_log::{EpochTotals, PendingStep, StepLog};
use crate::data::{ImageSet, Normalization, training_batches};
use crate::device::OpenDevice;
use crate::measure::{evaluate, to_tensors};
use crate::plan::Trial;
use crate::store::{EpochRecord, Score, Split, StepRecord};
use crate::sweep::TrainSettings;

/// The images of a trial.
#[derive(Clone, Debug)]
pub struct TrialImages {
    pub train: ImageSet,
    /// Held-out training images; empty where the settings ask for none.
    pub validation: ImageSet,
    pub test: ImageSet,
    pub classes: usize,
    pub normalization: Normalization,
    /// Of the whole dataset, for the record.
    pub hash: String,
}

/// Hears of every step and epoch, in order.
pub trait Observer {
    /// # Errors
    /// Whatever keeps the observer from keeping the record; training stops.
    fn step(&mut self, record: &StepRecord) -> Result<()>;
    /// # Errors
    /// As for [`Observer::step`].
    fn epoch(&mut self, record: &EpochRecord) -> Result<()>;
}

/// How training ended.
pub enum Ending {
    Done {
        /// The final weights as the content of a safetensors file.
        weights: Vec<u8>,
        test: Score,
        images_per_second: f64,
        step: u64,
    },
    /// The loss became NaN or infinite at `step`.
    Diverged { step: u64, cause: String },
    /// `stop` was raised.
    Interrupted,
}

/// Trains `trial` to its end, to divergence, or until `stop` is raised.
///
/// # Errors
/// When the device or the observer fails.
pub fn train(
    trial: &Trial,
    images: &TrialImages,
    device: &OpenDevice,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> Result<Ending> {
    let settings = &TrainSettings {
        precision: device.precision(trial.train.precision),
        ..trial.train.clone()
    };
    let run = Run {
        trial,
        images,
        device,
        steps_per_epoch: images.train.len().div_ceil(settings.batch_size) as u64,
        stop,
    };
    let device = device.autodiff();
    let mut learner = Learner::new(settings, &trial.loss, images.classes, trial.seed, &device);
    let mut training_time = Duration::ZERO;
    let mut last_score = None;
    let mut step_log = StepLog::new();
    for epoch in 1..=settings.epochs {
        let start = Instant::now();
        let totals;
        (learner, totals) = match run.epoch(epoch, learner, &mut step_log, observer)? {
            ControlFlow::Continue(trained) => trained,
            ControlFlow::Break(ending) => return Ok(ending),
        };
        let time = start.elapsed();
        training_time += time;
        let (split, score) = run.evaluate_epoch(&learner)?;
        let mut record = run.epoch_record(epoch, totals, time, split, score);
        record.steps_skipped = learner.skipped_steps()?;
        observer.epoch(&record)?;
        last_score = Some((split, score));
    }
    let test = match last_score {
        Some((Split::Test, score)) => score,
        _ => run.evaluate(&learner, &images.test)?,
    };
    run.ending(&learner, test, training_time)
}

/// What stays the same from step to step.
struct Run<'a> {
    trial: &'a Trial,
    images: &'a TrialImages,
    device: &'a OpenDevice,
    steps_per_epoch: u64,
    stop: &'a AtomicBool,
}

impl Run<'_> {
    /// Trains on every image once, or breaks off with an early ending.
    fn epoch(
        &self,
        epoch: usize,
        mut learner: Learner,
        step_log: &mut StepLog,
        observer: &mut dyn Observer,
    ) -> Result<ControlFlow<Ending, (Learner, EpochTotals)>> {
        let settings = &self.trial.train;
        let device = self.device.autodiff();
        let batches = training_batches(
            &self.images.train,
            self.images.normalization,
            settings.augmentation,
            self.trial.seed,
            epoch,
            settings.batch_size,
        );
        for (step, batch) in (self.steps_before(epoch)..).zip(batches) {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(ControlFlow::Break(Ending::Interrupted));
            }
            let images = batch.labels.len();
            let learning_rate = learning_rate(settings, step, self.steps_per_epoch);
            let (inputs, targets) = to_tensors(batch, &device);
            let sums;
            (learner, sums) = learner.step(inputs, targets, learning_rate);
            let pending = PendingStep {
                step: step + 1,
                epoch,
                images,
                learning_rate,
                sums,
            };
            if let ControlFlow::Break(ending) = step_log.push(pending, observer)? {
                return Ok(ControlFlow::Break(ending));
            }
        }
        let totals = step_log.end_epoch(observer)?;
        Ok(totals.map_continue(|totals| (learner, totals)))
    }

    fn steps_before(&self, epoch: usize) -> u64 {
        (epoch as u64 - 1) * self.steps_per_epoch
    }

    /// The score after an epoch, on the validation split or, where there is none, on the test set.
    fn evaluate_epoch(&self, learner: &Learner) -> Result<(Split, Score)> {
        if self.images.validation.is_empty() {
            Ok((Split::Test, self.evaluate(learner, &self.images.test)?))
        } else {
            Ok((
                Split::Validation,
                self.evaluate(learner, &self.images.validation)?,
            ))
        }
    }

    fn evaluate(&self, learner: &Learner, images: &ImageSet) -> Result<Score> {
        evaluate(
            &learner.model,
            &learner.loss,
            images,
            self.images.normalization,
            &self.device.device,
        )
    }

    fn epoch_record(
        &self,
        epoch: usize,
        totals: EpochTotals,
        time: Duration,
        evaluated_on: Split,
        score: Score,
    ) -> EpochRecord {
        let last_step = self.steps_before(epoch + 1) - 1;
        EpochRecord {
            epoch,
            train_loss: totals.loss / totals.images,
            train_accuracy: totals.correct / totals.images,
            evaluated_on,
            loss: score.loss,
            accuracy: score.accuracy,
            learning_rate: learning_rate(&self.trial.train, last_step, self.steps_per_epoch),
            images_per_second: totals.images / time.as_secs_f64(),
            time_s: time.as_secs_f64(),
            steps_skipped: None,
        }
    }

    /// The end of a trial whose final weights have the score `test`.
    fn ending(&self, learner: &Learner, test: Score, training_time: Duration) -> Result<Ending> {
        let step = self.steps_before(self.trial.train.epochs + 1);
        let diverged = |cause| Ok(Ending::Diverged { step, cause });
        if !test.loss.is_finite() {
            return diverged(format!(
                "the test loss is {} after step {step}, the last",
                test.loss
            ));
        }
        if learner.skipped_steps()? == Some(step) {
            return diverged(format!(
                "all {step} steps were skipped, since their scaled gradients were not finite"
            ));
        }
        let images = self.trial.train.epochs * self.images.train.len();
        Ok(Ending::Done {
            weights: to_safetensors(&learner.model),
            test,
            images_per_second: images as f64 / training_time.as_secs_f64(),
            step,
        })
    }
}
