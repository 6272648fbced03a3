//! Trials that other processes train.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::unfinished::Unfinished;
use crate::plan::Trial;
use crate::store::{Store, StoreError};
use crate::terminal::text::count;
use crate::terminal::{detail, inform};

/// How often the store is read again.
const POLL: Duration = Duration::from_millis(500);

/// Those of `trials` that no other process trains.
pub fn free(store: &Store, trials: &[Trial]) -> Result<Vec<Trial>, StoreError> {
    let mut free = Vec::new();
    for trial in trials {
        if store.holder(&trial.id)?.is_none() {
            free.push(trial.clone());
        }
    }
    Ok(free)
}

/// Whether other processes are known to be alive that train all of `trials`.
pub fn are_in_hands(store: &Store, trials: &[Trial]) -> Result<bool, StoreError> {
    for trial in trials {
        if !store.shows_life(&trial.id)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What the user was told last of trials that others train.
#[derive(Default)]
pub struct Waiting {
    told: Vec<String>,
}

impl Waiting {
    /// Waits a moment for `trials`, all of which other processes train, and names them if they are not those of before.
    ///
    /// # Errors
    /// [`Unfinished::Stopped`] if it is to `stop`.
    pub fn wait(&mut self, store: &Store, trials: &[Trial], stop: &AtomicBool) -> Result<()> {
        let left = trials.len();
        if stop.load(Ordering::Relaxed) {
            return Err(Unfinished::Stopped { left, trials: left }.into());
        }
        let mut held = Vec::new();
        for trial in trials {
            if let Some(holder) = store.holder(&trial.id)? {
                held.push(format!("{} ({}): {holder}", trial.label(), trial.id));
            }
        }
        if held != self.told {
            inform(format_args!(
                "waiting for other processes to train {}",
                count(left, "trial")
            ));
            for trial in &held {
                detail(format_args!("waiting for {trial}"));
            }
            self.told = held;
        }
        thread::sleep(POLL);
        Ok(())
    }
}
