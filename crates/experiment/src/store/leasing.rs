//! Who may train a trial: grants leases, and tells who holds them.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

use super::holder::Holder;
use super::lease::{LEASE, Lease};
use super::{
    CHECKPOINTS, RESULT, Store, StoreError, Stored, atomic, metadata_if_there, read_if_there,
};
use crate::records::TrialState;

/// A lease is stale when its holder has shown no sign of life for this long, as far as cannot be told otherwise.
pub const STALE_AFTER: Duration = Duration::from_mins(2);

/// Trials to retrain although they have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
pub enum Retry {
    Failed,
    Damaged,
}

/// The answer to who asks for the lease of a trial.
#[derive(Debug)]
pub enum Leasing {
    Granted(Lease),
    /// Another process trains the trial.
    Held(Holder),
    /// The trial has ended and is not to be retrained.
    Ended,
}

/// The heartbeats that this process has seen, each with the time since when it is the last: clocks of several machines,
/// or of one whose clock was set, cannot be compared.
pub(super) type Heartbeats = HashMap<PathBuf, (SystemTime, Instant)>;

impl Stored {
    /// Whether a trial is to be trained, if those that ended in a certain way are to be retrained.
    pub fn is_to_train(&self, retry: Option<Retry>) -> bool {
        match self {
            Self::Nothing => true,
            Self::Ended(result) => {
                result.state == TrialState::Failed && retry == Some(Retry::Failed)
            }
            Self::Damaged(_) => retry == Some(Retry::Damaged),
        }
    }
}

impl Store {
    /// The right to train a trial, for one process at a time.
    pub fn lease(&self, id: &str, retry: Option<Retry>) -> Result<Leasing, StoreError> {
        if !self.stored(id)?.is_to_train(retry) {
            return Ok(Leasing::Ended);
        }
        self.move_unfinished(id)?;
        let earlier = self.attempts.of(id)?;
        let number = earlier.last().map_or(1, |last| last + 1);
        let folder_of = |number: &u32| self.attempts.folder(id, *number);
        let earlier: Vec<PathBuf> = earlier.iter().map(folder_of).collect();
        if let Some(last) = earlier.last() {
            if let Some(holder) = self.holder_in(last)? {
                return Ok(Leasing::Held(holder));
            }
            if metadata_if_there(&last.join(RESULT))?.is_some() {
                // Complete, but a kill came before it was committed.
                return self.commit(id, last).map(|()| Leasing::Ended);
            }
        }
        let Some(lease) = Lease::take(&self.folder, id, number, self.stale_after)? else {
            let holder = self.holder_in(&folder_of(&number))?;
            return Ok(Leasing::Held(holder.unwrap_or_default()));
        };
        // By a process whose folder was no attempt any more when this one looked.
        if !self.stored(id)?.is_to_train(retry) {
            lease.discard();
            return Ok(Leasing::Ended);
        }
        match lease.succeed(&earlier) {
            Ok(()) => Ok(Leasing::Granted(lease)),
            // This process was stopped meanwhile.
            Err(StoreError::LeaseLost { .. }) => Ok(Leasing::Held(Holder::default())),
            Err(error) => Err(error),
        }
    }

    /// Who trains a trial now, as far as can be told.
    pub fn holder(&self, id: &str) -> Result<Option<Holder>, StoreError> {
        match self.attempts.latest(id)? {
            Some(folder) => self.holder_in(&folder),
            None => Ok(None),
        }
    }

    /// Who holds the lease in the folder of an attempt; `None` if it was given back, or its holder has ended or shown no
    /// sign of life while this process watched for long enough.
    fn holder_in(&self, attempt: &Path) -> Result<Option<Holder>, StoreError> {
        let file = attempt.join(LEASE);
        let (Some(bytes), Some(metadata)) = (read_if_there(&file)?, metadata_if_there(&file)?)
        else {
            return Ok(None);
        };
        // A power failure can leave an empty file.
        let holder: Holder = serde_json::from_slice(&bytes).unwrap_or_default();
        if holder.has_ended() {
            return Ok(None);
        }
        let heartbeat = metadata.modified().map_err(StoreError::io(&file, "read"))?;
        let mut heartbeats = self.heartbeats.borrow_mut();
        let seen = heartbeats
            .entry(file)
            .or_insert((heartbeat, Instant::now()));
        if seen.0 != heartbeat {
            *seen = (heartbeat, Instant::now());
        }
        Ok((seen.1.elapsed() < self.stale_after).then_some(holder))
    }

    /// Makes the folder of a complete attempt that of its trial, unless the trial has ended otherwise.
    fn commit(&self, id: &str, attempt: &Path) -> Result<(), StoreError> {
        let trial = self.trial_folder(id);
        match atomic::rename(attempt, &trial) {
            Err(_) if metadata_if_there(&trial)?.is_some() => Ok(()),
            renamed => renamed,
        }
    }

    /// Makes what an earlier version left of an unfinished trial, beside those that ended, an attempt.
    fn move_unfinished(&self, id: &str) -> Result<(), StoreError> {
        let folder = self.trial_folder(id);
        if metadata_if_there(&folder)?.is_none()
            || metadata_if_there(&folder.join(RESULT))?.is_some()
        {
            return Ok(());
        }
        let number = self.attempts.of(id)?.last().map_or(1, |last| last + 1);
        atomic::create_folder(self.attempts.path())?;
        match atomic::rename(&folder, &self.attempts.folder(id, number)) {
            // Another process did it.
            Err(_) if metadata_if_there(&folder)?.is_none() => Ok(()),
            moved => moved,
        }
    }

    /// Removes files that a kill left of trials that have ended.
    pub fn tidy<'a>(&self, ended: impl Iterator<Item = &'a str>) -> Result<(), StoreError> {
        let attempts = self.attempts.all()?;
        for id in ended {
            for name in CHECKPOINTS.iter().chain(&[LEASE]) {
                atomic::remove(&self.trial_folder(id).join(name))?;
            }
            for number in attempts.get(id).into_iter().flatten() {
                let folder = self.attempts.folder(id, *number);
                if self.holder_in(&folder)?.is_none() {
                    fs::remove_dir_all(&folder).map_err(StoreError::io(&folder, "remove"))?;
                }
            }
        }
        Ok(())
    }
}
