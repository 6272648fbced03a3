//! Waits for trials that other processes train.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::unfinished::Unfinished;
use crate::plan::Trial;
use crate::store::{Store, StoreError};
use crate::terminal::{detail, inform};

/// How often the store is read again.
const POLL: Duration = Duration::from_millis(500);

/// The last that was told of trials that other processes train.
#[derive(Default)]
pub struct Waiting {
    told: Vec<String>,
}

impl Waiting {
    /// Those of `trials` that no other process trains. Names the others where that are all.
    pub fn free(&mut self, store: &Store, trials: &[Trial]) -> Result<Vec<Trial>, StoreError> {
        let (mut free, mut held) = (Vec::new(), Vec::new());
        for trial in trials {
            match store.holder(&trial.id)? {
                None => free.push(trial.clone()),
                Some(holder) => held.push(format!("{} ({}): {holder}", trial.label(), trial.id)),
            }
        }
        if free.is_empty() && held != self.told {
            let trials = held.len();
            inform(format_args!(
                "waiting for {trials} trials that other processes train; {}",
                held[0]
            ));
            for trial in &held[1..] {
                detail(format_args!("waiting for {trial}"));
            }
            self.told = held;
        }
        Ok(free)
    }
}

/// # Errors
/// [`Unfinished::Stopped`] if it is to `stop`, with this many trials `left`.
pub fn wait(stop: &AtomicBool, left: usize) -> Result<()> {
    if stop.load(Ordering::Relaxed) {
        let trials = left;
        return Err(Unfinished::Stopped { left, trials }.into());
    }
    thread::sleep(POLL);
    Ok(())
}
