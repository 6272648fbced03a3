//! Trains one trial and leaves its record in the store, however it ends.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;

use super::failure::{with_advice, without_panic};
use crate::device::OpenDevice;
use crate::plan::Trial;
use crate::records::{
    Computation, Environment, EpochRecord, STORE_VERSION, StepRecord, StopPoint, TrialResult,
    TrialState,
};
use crate::store::{Covered, Lease, Leasing, Retry, Store, StoreError, TrialDir};
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
    /// Another process trains it or has ended it; how that was found out.
    Elsewhere(String),
}

/// Trains a trial from its last checkpoint, or from its start if there is none that can be used,
/// until it ends or `pace` stops it, unless another process does.
///
/// # Errors
/// When the store cannot be read or written, or the checkpoint was trained on other images; the same command
/// resumes once that is fixed. An error of the training itself is a failed trial.
pub fn train_and_record(
    trial: &Trial,
    images: &TrialImages,
    device: &OpenDevice,
    (store, retry): (&Store, Option<Retry>),
    progress: &mut Progress,
    pace: &mut dyn FnMut(StopPoint) -> Next,
) -> Result<Outcome> {
    with_lease(trial, (store, retry), |lease| {
        train_leased(trial, images, device, lease, progress, pace)
    })
}

/// Leaves the record of a trial that failed with its process, unless another process trains it.
///
/// # Errors
/// When the store cannot be read or written.
pub fn record_failure(
    trial: &Trial,
    images: &TrialImages,
    device: &OpenDevice,
    (store, retry): (&Store, Option<Retry>),
    cause: &str,
) -> Result<Outcome> {
    with_lease(trial, (store, retry), |lease| {
        let environment = environment(trial, images, device);
        let directory = TrialDir::begin(lease, &trial.settings_toml(), &environment)?;
        let mut result = failed(trial, images, device, 0);
        result.cause = Some(with_advice(cause));
        directory.finish(&result)?;
        Ok(Outcome::Ended(Box::new(result)))
    })
}

/// Does what needs the lease of a trial, unless another process has it or takes it over.
fn with_lease(
    trial: &Trial,
    (store, retry): (&Store, Option<Retry>),
    work: impl FnOnce(&Lease) -> Result<Outcome>,
) -> Result<Outcome> {
    let lease = match store.lease(&trial.id, retry)? {
        Leasing::Granted(lease) => lease,
        Leasing::Held(holder) => return Ok(Outcome::Elsewhere(format!("{holder} trains it"))),
        Leasing::Ended => {
            return Ok(Outcome::Elsewhere(
                "another process has ended it".to_owned(),
            ));
        }
    };
    work(&lease).or_else(|error| match error.downcast() {
        Ok(lost @ StoreError::LeaseLost { .. }) => Ok(Outcome::Elsewhere(lost.to_string())),
        Ok(other) => Err(other.into()),
        Err(error) => Err(error),
    })
}

fn train_leased(
    trial: &Trial,
    images: &TrialImages,
    device: &OpenDevice,
    lease: &Lease,
    progress: &mut Progress,
    pace: &mut dyn FnMut(StopPoint) -> Next,
) -> Result<Outcome> {
    let start = Instant::now();
    let (directory, state) = open(trial, images, device, lease, progress)?;
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
fn open<'l>(
    trial: &Trial,
    images: &TrialImages,
    device: &OpenDevice,
    lease: &'l Lease,
    progress: &mut Progress,
) -> Result<(TrialDir<'l>, Option<State>)> {
    let environment = environment(trial, images, device);
    let mut damaged: Vec<(PathBuf, anyhow::Error)> = Vec::new();
    for (file, content) in lease.checkpoints()? {
        match resume(
            trial,
            images,
            device,
            lease,
            &environment,
            (&file, &content),
        ) {
            Ok((directory, state)) => {
                if let Some((damaged, error)) = damaged.first() {
                    // The next checkpoint must not replace this one, which is whole, by that.
                    let place = lease.set_aside(|name| damaged.file_name() == Some(name))?;
                    progress.line(&format!(
                        "warning: {error:#}; resuming from the previous checkpoint, and keeping the damaged one in {}",
                        place.display()
                    ));
                }
                progress.resume(state.position.step, state.position.epoch);
                return Ok((directory, Some(state)));
            }
            Err(error) if proves_damage(&error) => damaged.push((file, error)),
            // A full or failing disk says nothing about the checkpoint: nothing is touched.
            Err(error) => return Err(error),
        }
    }
    if let Some((_, error)) = damaged.first() {
        let place = lease.set_aside(|_| true)?;
        progress.line(&format!(
            "warning: {error:#}; this trial is restarted from the beginning, and its old files are kept as {}",
            place.display()
        ));
    }
    let directory = TrialDir::begin(lease, &trial.settings_toml(), &environment)?;
    Ok((directory, None))
}

/// Whether retrying cannot help, since the files of an earlier session are damaged.
fn proves_damage(error: &anyhow::Error) -> bool {
    let store_error = error.downcast_ref::<StoreError>();
    error.is::<UnusableCheckpoint>() || store_error.is_some_and(StoreError::proves_damage)
}

/// The trial and the state in a checkpoint, given with its file, if all files of the trial are consistent with it.
fn resume<'l>(
    trial: &Trial,
    images: &TrialImages,
    device: &OpenDevice,
    lease: &'l Lease,
    environment: &Environment,
    (file, content): (&Path, &[u8]),
) -> Result<(TrialDir<'l>, State)> {
    let (state, notes) =
        without_panic(|| State::from_checkpoint(content, file, trial, images, device))?;
    let covered = Covered {
        steps: state.position.step,
        epochs: state.position.epoch as u64 - 1,
        notes,
    };
    let directory = TrialDir::resume(lease, &trial.settings_toml(), environment, &covered)?;
    Ok((directory, state))
}

fn environment(trial: &Trial, images: &TrialImages, device: &OpenDevice) -> Environment {
    let computation = computation(device, trial);
    Environment::collect(computation, images.hash.clone(), images.records)
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
    directory: TrialDir<'a>,
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
