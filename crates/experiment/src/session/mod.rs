//! Runs a sweep: which trials to train, on which device, in which process, and how it ended.

mod again;
mod device;
mod failure;
mod images;
mod job;
mod jobs;
mod pace;
mod signals;
mod todo;
mod training;
mod trial;
mod unfinished;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

#[cfg(feature = "wgpu")]
pub use self::device::best_adapter;
pub use self::device::{open_device, usable_precision, warn_of_scalar_instructions};
use self::images::ImageLibrary;
pub use self::job::{TrainTrial, train_for_parent};
use self::pace::Pace;
pub use self::todo::{Retry, missing, stored_if_there};
use self::training::Training;
pub use self::unfinished::Unfinished;
use crate::plan::Trial;
use crate::settings::BackendChoice;
use crate::store::{Plan, Store, Stored};

/// A sweep to run, and how to run it.
#[derive(Debug)]
pub struct Session {
    /// Of the sweep.
    pub name: String,
    pub trials: Vec<Trial>,
    /// Folder of the results.
    pub store: PathBuf,
    /// Folder of the dataset's files, or its parent; where they are searched otherwise where `None`.
    pub data_dir: Option<PathBuf>,
    pub backend: BackendChoice,
    /// Threads of the CPU backends; all cores where `None`.
    pub threads: Option<usize>,
    /// The same of each of several jobs; they share the cores where `None`.
    pub threads_of_a_job: Option<usize>,
    /// Trials at a time, in separate processes if more than one.
    pub jobs: NonZeroUsize,
    pub retry: Option<Retry>,
    pub checkpoint_interval: Duration,
}

impl Session {
    /// Trains the trials that have no result yet; returns what the store contains in the end.
    ///
    /// # Errors
    /// [`Unfinished`] if it was interrupted, and anything that prevents training. A failed trial is not an error.
    pub fn carry_out(&self) -> Result<Vec<Stored>> {
        let store = Store::open_if_there(&self.store)?;
        let before = stored_if_there(store.as_ref(), &self.trials)?;
        let to_train = missing(&self.trials, &before, self.retry);
        if to_train.is_empty() {
            // A finished store may be read-only, or another process may be writing others of its trials.
            if let Ok(store) = Store::create_or_open(&self.store) {
                self.keep_plan(&store, &before).ok();
            }
            return Ok(before);
        }
        // Before anything is made: a store without data would be a folder without a trial.
        let images = ImageLibrary::load(&to_train, self.data_dir.as_deref())?;
        images.check_same_data(&self.trials, &before)?;
        let store = Store::create_or_open(&self.store)?;
        // Another process may have trained some of them meanwhile.
        let before = todo::stored(&store, &self.trials)?;
        self.keep_plan(&store, &before)?;
        let training = Training {
            session: self,
            trials: missing(&self.trials, &before, self.retry),
            images,
            store: &store,
            pace: Pace::new(signals::stop_or_leave()?, self.checkpoint_interval),
        };
        training.run()?;
        todo::stored(&store, &self.trials)
    }

    /// Stores the plan of the sweep, and removes files that a kill left of ended trials.
    fn keep_plan(&self, store: &Store, stored: &[Stored]) -> Result<()> {
        store.save_plan(&Plan {
            name: self.name.clone(),
            trials: self.trials.iter().map(|trial| trial.id.clone()).collect(),
        })?;
        // A kill can come between a result and the removal of its checkpoint.
        for result in stored.iter().filter_map(Stored::ended) {
            store.remove_checkpoint(&result.id)?;
        }
        Ok(())
    }
}
