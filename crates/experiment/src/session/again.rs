//! Trains a trial again that a store already has.

use anyhow::Result;

use super::images::ImageLibrary;
use super::pace::Pace;
use super::training::Training;
use super::unfinished::Unfinished;
use super::{Session, signals};
use crate::store::{Store, Stored};

impl Session {
    /// Trains the only trial of this session into its store, on the images of `before`, an earlier result.
    ///
    /// # Errors
    /// When the images are others, which would give another result for sure; [`Unfinished::NotCompared`] if it was
    /// interrupted.
    pub fn train_again(&self, before: &Stored) -> Result<Store> {
        let images = ImageLibrary::load(&[&self.trials[0]], self.data_dir.as_deref())?;
        images.check_same_data(&self.trials, std::slice::from_ref(before))?;
        let store = Store::create_or_open(&self.store)?;
        let training = Training {
            session: self,
            trials: self.trials.iter().collect(),
            images,
            store: &store,
            pace: Pace::new(signals::stop_or_leave()?, self.checkpoint_interval),
        };
        training.run().map_err(|error| match error.downcast() {
            // Its folder will not be there when the command is run again.
            Ok(Unfinished::Interrupted { trial, step, .. }) => {
                Unfinished::NotCompared { trial, step }.into()
            }
            Ok(other) => other.into(),
            Err(error) => error,
        })?;
        Ok(store)
    }
}
