//! Trains one trial and leaves its record in the store, however it ends.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::{Result, anyhow};

use super::progress::Progress;
use crate::device::OpenDevice;
use crate::plan::Trial;
use crate::store::{
    Computation, Environment, EpochRecord, StepRecord, Store, StoreError, TrialDir, TrialResult,
    TrialState,
};
use crate::train::{Ending, Observer, TrialImages, train};

/// The trial's result, or `None` where `stop` ended it early; it then has no result and is trained
/// anew next time.
///
/// # Errors
/// When the store cannot be written. An error of the training itself is a failed trial.
pub fn train_and_record(
    trial: &Trial,
    images: &TrialImages,
    device: &OpenDevice,
    store: &Store,
    progress: &mut Progress,
    stop: &AtomicBool,
) -> Result<Option<TrialResult>> {
    let start = Instant::now();
    let environment = Environment::collect(computation(device, trial), images.hash.clone());
    let mut log = TrialLog {
        directory: store.begin(&trial.id, &trial.settings_toml(), &environment)?,
        progress,
        step: 0,
    };
    let ending = without_panic(|| train(trial, images, device, &mut log, stop));
    let mut result = TrialResult {
        id: trial.id.clone(),
        state: TrialState::Failed,
        settings: trial.settings_json(),
        data_hash: Some(images.hash.clone()),
        test: None,
        images_per_second: None,
        time_s_total: 0.0,
        step: log.step,
        cause: None,
    };
    match ending {
        Ok(Ending::Interrupted) => return Ok(None),
        Ok(Ending::Done {
            weights,
            test,
            images_per_second,
            step,
        }) => {
            log.directory.save_model(&weights)?;
            result.state = TrialState::Done;
            result.test = Some(test);
            result.images_per_second = Some(images_per_second);
            result.step = step;
        }
        Ok(Ending::Diverged { step, cause }) => {
            result.state = TrialState::Diverged;
            result.step = step;
            result.cause = Some(cause);
        }
        // The trial is not to blame for a full disk.
        Err(error) if error.is::<StoreError>() => return Err(error),
        Err(error) => result.cause = Some(format!("{error:#}")),
    }
    result.time_s_total = start.elapsed().as_secs_f64();
    log.directory.finish(&result)?;
    Ok(Some(result))
}

fn computation(device: &OpenDevice, trial: &Trial) -> Computation {
    Computation {
        backend: device.backend.to_string(),
        device: device.name.clone(),
        driver: device.driver.clone(),
        precision: device.precision(trial.train.precision).to_string(),
        threads: rayon::current_num_threads(),
    }
}

/// Writes what training tells to the trial's folder, and shows it.
struct TrialLog<'a> {
    directory: TrialDir,
    progress: &'a mut Progress,
    /// The last step heard of.
    step: u64,
}

impl Observer for TrialLog<'_> {
    fn step(&mut self, record: &StepRecord) -> Result<()> {
        self.step = record.step;
        self.progress.step(record);
        Ok(self.directory.append_step(record)?)
    }

    fn epoch(&mut self, record: &EpochRecord) -> Result<()> {
        self.progress.epoch(record);
        Ok(self.directory.append_epoch(record)?)
    }
}

/// Turns a panic inside `work` (a driver that gives up, a device out of memory) into an error, so
/// that one trial's end is not the sweep's.
fn without_panic<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    static MESSAGE: Mutex<Option<String>> = Mutex::new(None);
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|panic| {
        if let Ok(mut message) = MESSAGE.lock() {
            // The first panic is the cause; those of threads waiting for it come after.
            message.get_or_insert_with(|| panic.to_string());
        }
    }));
    let outcome = catch_unwind(AssertUnwindSafe(work));
    std::panic::set_hook(hook);
    let message = MESSAGE.lock().ok().and_then(|mut message| message.take());
    outcome.unwrap_or_else(|_| {
        let message = message.unwrap_or_else(|| "a panic without a message".to_owned());
        Err(anyhow!(message.replace('\n', " ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_its_message() {
        let outcome: Result<()> = without_panic(|| panic!("the driver gave up"));
        let message = outcome.expect_err("the work panicked").to_string();
        assert!(message.contains("the driver gave up"), "{message}");
    }

    #[test]
    fn what_does_not_panic_comes_back_unchanged() {
        assert_eq!(without_panic(|| Ok(3)).ok(), Some(3));
    }
}
