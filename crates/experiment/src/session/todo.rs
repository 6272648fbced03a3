//! Which trials of a sweep are to be trained.

use std::collections::HashMap;
use std::sync::Arc;

use crate::plan::Trial;
use crate::records::{TrialResult, TrialState};
use crate::store::{Retry, Store, StoreError, Stored};
use crate::study::Study;
use crate::sweep::Sweep;

/// The state of a sweep in a store, read again each time one looks, but for the trials that have ended.
pub struct State<'s> {
    store: Option<&'s Store>,
    stored: HashMap<String, Stored>,
}

impl<'s> State<'s> {
    /// Nothing is stored where there is no store yet.
    pub fn of(store: Option<&'s Store>) -> Self {
        Self {
            store,
            stored: HashMap::new(),
        }
    }

    /// The sweep with the results that there are now.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn study(&mut self, sweep: &Sweep) -> Result<Study, StoreError> {
        if let Some(store) = self.store {
            self.stored.retain(|_, stored| is_final(stored));
            let new = store.stored_all(|id| !self.stored.contains_key(id))?;
            self.stored.extend(new);
        }
        let study = Study::new(sweep, |id| self.result(id));
        if let Some(store) = self.store {
            store.keep_verified();
        }
        study
    }

    fn result(&mut self, id: &str) -> Result<Option<Arc<TrialResult>>, StoreError> {
        if !self.stored.contains_key(id) {
            let stored = match self.store {
                Some(store) => store.stored(id)?,
                None => Stored::Nothing,
            };
            self.stored.insert(id.to_owned(), stored);
        }
        Ok(self.stored[id].ended().cloned())
    }

    /// What the store has of a trial of the last study.
    pub fn stored(&self, id: &str) -> &Stored {
        self.stored.get(id).unwrap_or(&Stored::Nothing)
    }

    /// The trials of `study` that are due and have no result, or are to be retrained.
    pub fn missing(&self, study: &Study, retry: Option<Retry>) -> Vec<Trial> {
        let due = study.due().into_iter();
        let missing = due.filter(|run| self.stored(&run.trial.id).is_to_train(retry));
        missing.map(|run| run.trial.clone()).collect()
    }
}

/// Nothing but a failed or damaged trial is trained again.
fn is_final(stored: &Stored) -> bool {
    let result = stored.ended();
    result.is_some_and(|result| result.state != TrialState::Failed)
}
