//! Trains one trial and leaves its record in the store, however it ends.

use std::time::Instant;

use anyhow::Result;

use super::failure::{with_advice, without_panic};
use crate::device::OpenDevice;
use crate::plan::Trial;
use crate::records::{
    Computation, Environment, EpochRecord, STORE_VERSION, StepRecord, StopPoint, TrialResult,
    TrialState,
};
use crate::store::{Covered, Store, StoreError, TrialDir};
use crate::terminal::Progress;
use crate::train::{Ending, Next, State, TrainingControl, TrialImages, UnusableCheckpoint, train};

#[cfg(test)]
mod tests;

/// How a session of a trial ended.
#[derive(Debug)]
pub enum Outcome {
    Ended(Box<TrialResult>),
    /// It has no result, but a checkpoint from which it resumes after this step.
    Interrupted {
        step: u64,
    },
}

/// Trains a trial from its last checkpoint, or from its start if there is none that can be used,
/// until it ends or `pace` stops it.
///
/// # Errors
/// When the store cannot be read or written, or the checkpoint was trained on other images; the same command
/// resumes once that is fixed. An error of the training itself is a failed trial.
pub fn train_and_record(
    trial: &Trial,
    images: &TrialImages,
    device: &OpenDevice,
    store: &Store,
    progress: &mut Progress,
    pace: &mut dyn FnMut(StopPoint) -> Next,
) -> Result<Outcome> {
    let start = Instant::now();
    let (directory, state) = open(trial, images, device, store, progress)?;
    let before = state.as_ref().map(|state| state.position);
    let mut log = TrialLog {
        trial,
        images,
        directory,
        progress,
        pace,
        step: before.map_or(0, |before| before.step),
    };
    let ending = without_panic(|| train(trial, images, device, state, &mut log));
    let mut result = failed(trial, images, device, log.step);
    match ending {
        Ok(Ending::Interrupted { step }) => return Ok(Outcome::Interrupted { step }),
        Ok(Ending::Done {
            weights,
            test,
            validation,
            images_per_second,
            step,
        }) => {
            log.directory.save_model(&weights)?;
            result.state = TrialState::Done;
            if let Some((score, correctness)) = test {
                log.directory.save_test_correct(&correctness)?;
                result.test = Some(score);
            }
            result.validation = validation;
            result.images_per_second = Some(images_per_second);
            result.step = step;
        }
        Ok(Ending::Diverged { step, cause }) => {
            result.state = TrialState::Diverged;
            result.step = step;
            result.cause = Some(cause);
        }
        // A full disk is not a failure of the trial.
        Err(error) if error.is::<StoreError>() => return Err(error),
        Err(error) => result.cause = Some(with_advice(&format!("{error:#}"))),
    }
    // A device that failed may not answer.
    if result.state != TrialState::Failed {
        let memory = device.device.memory_pool_usage();
        result.device_memory_bytes = memory.map(|memory| memory.bytes_reserved);
    }
    let time_s_before = before.map_or(0.0, |before| before.time_s_total);
    result.time_s_total = time_s_before + start.elapsed().as_secs_f64();
    log.directory.finish(&result)?;
    Ok(Outcome::Ended(Box::new(result)))
}

/// The result of a trial that failed after `step`, without its cause and time.
fn failed(trial: &Trial, images: &TrialImages, device: &OpenDevice, step: u64) -> TrialResult {
    TrialResult {
        id: trial.id.clone(),
        state: TrialState::Failed,
        store_version: STORE_VERSION,
        settings: trial.settings_json(),
        data_hash: Some(images.hash.clone()),
        data_records: Some(images.records),
        precision_used: Some(device.precision(trial.train.precision).to_string()),
        test: None,
        validation: None,
        images_per_second: None,
        time_s_total: 0.0,
        device_memory_bytes: None,
        step,
        cause: None,
    }
}

/// The trial's folder, and the state to resume from if an earlier session left one.
fn open(
    trial: &Trial,
    images: &TrialImages,
    device: &OpenDevice,
    store: &Store,
    progress: &mut Progress,
) -> Result<(TrialDir, Option<State>)> {
    let environment = Environment::collect(
        computation(device, trial),
        images.hash.clone(),
        images.records,
    );
    match resume(trial, images, device, store, &environment) {
        Ok(Some((directory, state))) => {
            progress.resume(state.position.step, state.position.epoch);
            return Ok((directory, Some(state)));
        }
        Ok(None) => {}
        Err(error) if proves_damage(&error) => {
            let place = store.set_aside(&trial.id)?;
            progress.line(&format!(
                "warning: {error:#}; this trial is restarted from the beginning, and its old files are kept as {}",
                place.display()
            ));
        }
        // A full or failing disk says nothing about the checkpoint: nothing is touched.
        Err(error) => return Err(error),
    }
    let directory = store.begin(&trial.id, &trial.settings_toml(), &environment)?;
    Ok((directory, None))
}

/// Whether retrying cannot help, since the files of an earlier session are damaged.
fn proves_damage(error: &anyhow::Error) -> bool {
    let store_error = error.downcast_ref::<StoreError>();
    error.is::<UnusableCheckpoint>() || store_error.is_some_and(StoreError::proves_damage)
}

/// The state of an earlier session, if all its files are consistent.
fn resume(
    trial: &Trial,
    images: &TrialImages,
    device: &OpenDevice,
    store: &Store,
    environment: &Environment,
) -> Result<Option<(TrialDir, State)>> {
    let Some((file, content)) = store.checkpoint(&trial.id)? else {
        return Ok(None);
    };
    let (state, notes) =
        without_panic(|| State::from_checkpoint(&content, &file, trial, images, device))?;
    let covered = Covered {
        steps: state.position.step,
        epochs: state.position.epoch as u64 - 1,
        notes,
    };
    let directory = store.resume(&trial.id, &trial.settings_toml(), environment, &covered)?;
    Ok(Some((directory, state)))
}

fn computation(device: &OpenDevice, trial: &Trial) -> Computation {
    let precision = device.precision(trial.train.precision);
    Computation {
        backend: device.backend.to_string(),
        device: device.name.clone(),
        driver: device.driver.clone(),
        kernels: device.kernels.clone(),
        instructions: device.instructions.map(|set| set.to_string()),
        determinism: device.determinism(precision),
        precision: precision.to_string(),
        threads: rayon::current_num_threads(),
    }
}

/// Writes the records of training to the trial's folder, and shows progress.
struct TrialLog<'a> {
    trial: &'a Trial,
    images: &'a TrialImages,
    directory: TrialDir,
    progress: &'a mut Progress,
    pace: &'a mut dyn FnMut(StopPoint) -> Next,
    /// The last step recorded.
    step: u64,
}

impl TrainingControl for TrialLog<'_> {
    fn step(&mut self, record: &StepRecord) -> Result<()> {
        self.step = record.step;
        self.progress.step(record);
        Ok(self.directory.append_step(record)?)
    }

    fn epoch(&mut self, record: &EpochRecord) -> Result<()> {
        self.progress.epoch(record);
        Ok(self.directory.append_epoch(record)?)
    }

    fn checkpoint(&mut self, state: &State) -> Result<()> {
        let covered = self.directory.covered(state.position.epoch as u64 - 1);
        let content = state.to_checkpoint(self.trial, self.images, covered);
        self.directory.save_checkpoint(&content)?;
        self.progress.checkpoint(content.len());
        Ok(())
    }

    fn next(&mut self, point: StopPoint) -> Next {
        self.progress.pass(point);
        (self.pace)(point)
    }
}
