//! Trains one trial: settings, images and a device in, scores and weights out.

mod gradient_norm;
mod loss_scale;
mod optimizers;
mod schedule;
mod state;
mod step;
mod step_log;
mod stored;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::sync::Arc;

use anyhow::Result;
use bonus_loss::Context;
use cifar_models::checkpoint::to_safetensors;

use self::gradient_norm::is_measured;
use self::schedule::learning_rate;
use self::state::Clock;
pub use self::state::{Position, State, UnusableCheckpoint, steps_covered};
pub use self::step::{Learner, model_config};
use self::step_log::{PendingStep, StepLog};
use crate::data::{ImageSet, sample, training_batches};
use crate::datasets::Normalization;
use crate::device::OpenDevice;
use crate::measure::{Predictions, SAMPLE, evaluate, gradient_sample, predict, to_tensors};
use crate::plan::Trial;
use crate::records::{
    Correctness, DataRecords, EpochRecord, GradientSample, Score, Split, StepRecord, StopPoint,
};

/// The images of a trial.
#[derive(Clone, Debug)]
pub struct TrialImages {
    pub train: ImageSet,
    /// Held-out training images; empty where the settings ask for none.
    pub validation: ImageSet,
    /// Empty where the settings leave it out.
    pub test: ImageSet,
    pub classes: usize,
    pub normalization: Normalization,
    /// Of the whole dataset, for the record.
    pub hash: String,
    /// As for `hash`.
    pub records: DataRecords,
}

/// Receives every step and epoch, in order, and decides how to continue.
pub trait TrainingControl {
    /// # Errors
    /// When the record cannot be stored; training stops.
    fn step(&mut self, record: &StepRecord) -> Result<()>;
    /// # Errors
    /// As for [`TrainingControl::step`].
    fn epoch(&mut self, record: &EpochRecord) -> Result<()>;
    /// Stores `state` as the trial's checkpoint, replacing the previous one. It covers everything that
    /// [`TrainingControl::step`] and [`TrainingControl::epoch`] received before.
    ///
    /// # Errors
    /// As for [`TrainingControl::step`].
    fn checkpoint(&mut self, state: &State) -> Result<()>;
    /// Asked at each point at which training can be stopped.
    fn next(&mut self, point: StopPoint) -> Next;
}

/// How to continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Continue,
    /// Write a checkpoint and continue; the same as `Continue` where training is over or an
    /// evaluation runs.
    Checkpoint,
    /// Write a checkpoint and end as interrupted.
    Stop,
}

/// How training ended.
pub enum Ending {
    Done {
        /// The final weights as the content of a safetensors file.
        weights: Vec<u8>,
        /// With what was classified correctly, unless the settings leave the test set out.
        test: Option<(Score, Correctness)>,
        /// On the images held out for it, if there are any.
        validation: Option<Score>,
        images_per_second: f64,
        step: u64,
    },
    /// The loss became NaN or infinite at `step`.
    Diverged { step: u64, cause: String },
    /// The control stopped it after `step` and has the checkpoint to resume from.
    Interrupted { step: u64 },
}

/// Trains `trial`, from its first step or from the state that an earlier session left, to its end,
/// to divergence, or until the control stops it.
///
/// # Errors
/// When the device or the control fails.
pub fn train(
    trial: &Trial,
    images: &TrialImages,
    device: &OpenDevice,
    state: Option<State>,
    control: &mut dyn TrainingControl,
) -> Result<Ending> {
    let mut state = state.unwrap_or_else(|| State::new(trial, images, device));
    let run = Run {
        trial,
        images,
        device,
        steps_per_epoch: steps_per_epoch(trial, images),
        class_counts: class_counts(images),
        sample: sample(&images.train, SAMPLE, trial.seed),
        clock: Clock::from(state.position.time_s_total),
    };
    let (split, score, predictions) = loop {
        state = match run.epoch(state, control)? {
            ControlFlow::Continue(state) => state,
            ControlFlow::Break(ending) => return Ok(ending),
        };
        let Some(gradients) = run.gradient_sample(&state, control)? else {
            return run.interrupt(state, control);
        };
        let (split, evaluated) = run.evaluated();
        let Some((score, predictions)) = run.evaluate(&state, evaluated, control)? else {
            return run.interrupt(state, control);
        };
        let mut record = run.epoch_record(&state.position, split, &score);
        record.steps_skipped = state.learner.skipped_steps()?;
        record.gradients = Some(gradients);
        control.epoch(&record)?;
        if state.position.epoch == trial.train.epochs {
            break (split, score, predictions);
        }
        state.position = state.position.next_epoch();
        match control.next(StopPoint::Epoch(state.position.step)) {
            Next::Continue => {}
            Next::Checkpoint => run.save(&mut state, control)?,
            Next::Stop => return run.interrupt(state, control),
        }
    };
    let (test, validation) = match split {
        Split::Test => (Some((score, predictions.correctness())), None),
        Split::Validation if !trial.train.evaluate_test => (None, Some(score)),
        Split::Validation => match run.evaluate(&state, &images.test, control)? {
            Some((test, predictions)) => (Some((test, predictions.correctness())), Some(score)),
            None => return run.interrupt(state, control),
        },
    };
    run.ending(&state, test, validation)
}

fn class_counts(images: &TrialImages) -> Arc<[usize]> {
    let mut counts = vec![0; images.classes];
    for index in 0..images.train.len() {
        counts[usize::from(images.train.label(index))] += 1;
    }
    counts.into()
}

fn steps_per_epoch(trial: &Trial, images: &TrialImages) -> u64 {
    images.train.len().div_ceil(trial.train.batch_size) as u64
}

/// Constants of the training loop.
struct Run<'a> {
    trial: &'a Trial,
    images: &'a TrialImages,
    device: &'a OpenDevice,
    steps_per_epoch: u64,
    /// Training images of each class.
    class_counts: Arc<[usize]>,
    /// Training images whose gradients are recorded after each epoch.
    sample: ImageSet,
    /// Of everything, over all sessions.
    clock: Clock,
}

impl Run<'_> {
    /// Trains on the remaining images of the current epoch, or returns early with an
    /// ending.
    fn epoch(
        &self,
        mut state: State,
        control: &mut dyn TrainingControl,
    ) -> Result<ControlFlow<Ending, State>> {
        let settings = &self.trial.train;
        let device = self.device.autodiff();
        let Position { step, epoch, .. } = state.position;
        state.learner.loss = state.learner.loss.at(Context {
            epoch,
            epochs: settings.epochs,
            class_counts: Some(self.class_counts.clone()),
        });
        let batches = training_batches(
            &self.images.train,
            self.images.normalization,
            settings.augmentation,
            self.trial.seed,
            epoch,
            settings.batch_size,
            (step - self.steps_before(epoch)) as usize,
        );
        let mut log = StepLog::new(state.position.totals);
        let clock = Clock::from(state.position.time_s_epoch);
        for (step, batch) in (step + 1..).zip(batches) {
            let images = batch.labels.len();
            let learning_rate = learning_rate(settings, step - 1, self.steps_per_epoch);
            let (inputs, targets) = to_tensors(batch, &device);
            let measures_norm = is_measured(step - 1 - self.steps_before(epoch));
            let (sums, gradient_norm);
            (state.learner, sums, gradient_norm) = (state.learner).step_measured(
                inputs,
                targets,
                learning_rate,
                measures_norm,
                |_| (),
            );
            state.position.step = step;
            let pending = PendingStep {
                step,
                epoch,
                images,
                learning_rate,
                sums,
                gradient_norm,
            };
            if let ControlFlow::Break(ending) = log.push(pending, control)? {
                return Ok(ControlFlow::Break(ending));
            }
            let next = control.next(StopPoint::Step(step));
            let over = step == self.steps_before(settings.epochs + 1);
            if next == Next::Continue || next == Next::Checkpoint && over {
                continue;
            }
            // A non-finite loss must be detected before its step is stored.
            if let ControlFlow::Break(ending) = log.read(control)? {
                return Ok(ControlFlow::Break(ending));
            }
            state.position.totals = log.totals;
            state.position.time_s_epoch = clock.seconds();
            if next == Next::Stop {
                return Ok(ControlFlow::Break(self.interrupt(state, control)?));
            }
            self.save(&mut state, control)?;
        }
        let read = log.read(control)?;
        state.position.totals = log.totals;
        state.position.time_s_epoch = clock.seconds();
        Ok(read.map_continue(|()| state))
    }

    fn save(&self, state: &mut State, control: &mut dyn TrainingControl) -> Result<()> {
        state.position.time_s_total = self.clock.seconds();
        control.checkpoint(state)
    }

    fn interrupt(&self, mut state: State, control: &mut dyn TrainingControl) -> Result<Ending> {
        self.save(&mut state, control)?;
        let step = state.position.step;
        Ok(Ending::Interrupted { step })
    }

    fn steps_before(&self, epoch: usize) -> u64 {
        (epoch as u64 - 1) * self.steps_per_epoch
    }

    /// What is evaluated after an epoch: the validation split or, if there is none, the test set.
    fn evaluated(&self) -> (Split, &ImageSet) {
        if self.images.validation.is_empty() {
            (Split::Test, &self.images.test)
        } else {
            (Split::Validation, &self.images.validation)
        }
    }

    /// `None` if the control stops it.
    fn evaluate(
        &self,
        state: &State,
        images: &ImageSet,
        control: &mut dyn TrainingControl,
    ) -> Result<Option<(Score, Predictions)>> {
        let point = StopPoint::Evaluation(state.position.step);
        evaluate(
            &state.learner.model,
            &state.learner.loss,
            images,
            self.images.normalization,
            &self.device.device,
            || control.next(point) != Next::Stop,
        )
    }

    /// Which images the gradient comes from; `None` if the control stops it.
    fn gradient_sample(
        &self,
        state: &State,
        control: &mut dyn TrainingControl,
    ) -> Result<Option<GradientSample>> {
        let point = StopPoint::Evaluation(state.position.step);
        let predictions = predict(
            &state.learner.model,
            &self.sample,
            self.images.normalization,
            &self.device.device,
            || control.next(point) != Next::Stop,
        )?;
        Ok(predictions.map(|predictions| gradient_sample(&predictions, &state.learner.loss)))
    }

    fn epoch_record(&self, position: &Position, evaluated_on: Split, score: &Score) -> EpochRecord {
        let Position {
            epoch,
            totals,
            time_s_epoch,
            ..
        } = *position;
        let last_step = self.steps_before(epoch + 1) - 1;
        EpochRecord {
            epoch,
            train_loss: totals.loss / totals.images,
            train_accuracy: totals.correct / totals.images,
            evaluated_on,
            eval_loss: score.eval_loss(),
            eval_accuracy: score.accuracy(),
            cross_entropy: score.cross_entropy(),
            learning_rate: learning_rate(&self.trial.train, last_step, self.steps_per_epoch),
            images_per_second: totals.images / time_s_epoch,
            time_s: time_s_epoch,
            steps_skipped: None,
            gradient_norm: totals.mean_gradient_norm(),
            gradients: None,
            metrics: score.metrics().clone(),
        }
    }

    /// The end of a trial whose final weights have these scores.
    fn ending(
        &self,
        state: &State,
        test: Option<(Score, Correctness)>,
        validation: Option<Score>,
    ) -> Result<Ending> {
        let position = &state.position;
        let step = position.step;
        let diverged = |cause| Ok(Ending::Diverged { step, cause });
        let (split, last) = match &test {
            Some((score, _)) => (Split::Test, Some(score)),
            None => (Split::Validation, validation.as_ref()),
        };
        let loss = last.map_or(f64::NAN, Score::eval_loss);
        if !loss.is_finite() {
            return diverged(format!(
                "the {} loss is {loss} after step {step}, the last",
                split.name()
            ));
        }
        if state.learner.skipped_steps()? == Some(step) {
            return diverged(format!(
                "all {step} steps were skipped, since their scaled gradients were not finite"
            ));
        }
        let images = self.trial.train.epochs * self.images.train.len();
        let training_time_s = position.time_s_epochs_before + position.time_s_epoch;
        Ok(Ending::Done {
            weights: to_safetensors(&state.learner.model),
            test,
            validation,
            images_per_second: images as f64 / training_time_s,
            step,
        })
    }
}
