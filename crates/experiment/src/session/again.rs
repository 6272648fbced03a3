//! Trains a trial again that a store already has.

use std::slice;

use anyhow::Result;

use super::Session;
use super::images::ImageLibrary;
use super::unfinished::Unfinished;
use crate::store::Store;
use crate::study::Run;

impl Session {
    /// Trains the trial of an earlier run into the store of this session, whose sweep is that trial.
    ///
    /// # Errors
    /// When the images are others, which would give another result for sure; [`Unfinished::NotCompared`] if it was
    /// interrupted.
    pub fn train_again(&self, before: &Run) -> Result<Store> {
        let images = ImageLibrary::load(slice::from_ref(&before.trial), self.data_dir.as_deref())?;
        images.check_same_data(&[before])?;
        let store = Store::create_or_open(&self.store)?.with_stale_after(self.stale_after);
        let trained = self.train(images, &store);
        trained.map_err(|error| match error.downcast() {
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
