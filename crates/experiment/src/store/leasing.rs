//! Who may train a trial: grants leases, and tells who holds them.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

use super::disk;
use super::holder::Holder;
use super::lease::{LEASE, Lease, has_any};
use super::{
    CHECKPOINTS, CHECKSUMS, RESULT, Store, StoreError, Stored, atomic, metadata_if_there,
    read_if_there,
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

/// The last heartbeat that this process has seen of a lease. Clocks of several machines, or of one whose clock was set,
/// cannot be compared.
#[derive(Debug)]
pub(super) struct Seen {
    heartbeat: SystemTime,
    since: Instant,
    /// It was another one before.
    has_changed: bool,
    /// Another process saw it stay the same for long enough.
    is_stale: bool,
}

pub(super) type Heartbeats = HashMap<PathBuf, Seen>;

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
        let lease = match self.attempts.of(id)?.pop() {
            None => Lease::of_new(&self.folder, id, self.stale_after)?,
            Some(number) => {
                let left = self.attempts.folder(id, number);
                if let Some(holder) = self.holder_in(&left)? {
                    return Ok(Leasing::Held(holder));
                }
                if metadata_if_there(&left.join(RESULT))?.is_some() {
                    // Complete, but a kill came before it was committed.
                    return self.commit(id, &left).map(|()| Leasing::Ended);
                }
                Lease::of_left(&self.folder, id, number, self.stale_after)?
            }
        };
        let Some(lease) = lease else {
            return Ok(Leasing::Held(self.holder(id)?.unwrap_or_default()));
        };
        // A process whose folder was no attempt any more when this one looked may have ended it; to open a folder makes a
        // network file system look again.
        let trials = self.folder.join("trials");
        fs::File::open(&trials).map_err(StoreError::io(&trials, "open"))?;
        if !self.stored(id)?.is_to_train(retry) {
            lease.discard();
            return Ok(Leasing::Ended);
        }
        lease.set_ended_aside()?;
        Ok(Leasing::Granted(lease))
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
        let mut heartbeats = self.heartbeats();
        let seen = heartbeats.entry(file).or_insert_with(|| Seen {
            heartbeat,
            since: Instant::now(),
            has_changed: false,
            is_stale: false,
        });
        if seen.heartbeat != heartbeat {
            *seen = Seen {
                heartbeat,
                since: Instant::now(),
                has_changed: true,
                is_stale: false,
            };
        }
        let is_stale = seen.is_stale || seen.since.elapsed() >= self.stale_after;
        Ok((!is_stale).then_some(holder))
    }

    /// Whether who trains a trial is known to be alive: this process can be looking for the first time at the lease of one
    /// that ended on another machine.
    pub fn shows_life(&self, id: &str) -> Result<bool, StoreError> {
        let Some(attempt) = self.attempts.latest(id)? else {
            return Ok(false);
        };
        let is_running = self
            .holder_in(&attempt)?
            .is_some_and(|holder| holder.runs_here());
        let heartbeats = self.heartbeats();
        let seen = heartbeats.get(&attempt.join(LEASE));
        Ok(is_running || seen.is_some_and(|seen| seen.has_changed))
    }

    /// The last heartbeat of a trial whose lease is stale, for another process to know.
    pub fn stale_heartbeat(&self, id: &str) -> Result<Option<SystemTime>, StoreError> {
        match self.attempts.latest(id)? {
            Some(attempt) if self.holder_in(&attempt)?.is_none() => {
                let heartbeats = self.heartbeats();
                let seen = heartbeats.get(&attempt.join(LEASE));
                Ok(seen.map(|seen| seen.heartbeat))
            }
            _ => Ok(None),
        }
    }

    /// The heartbeat of whoever trains a trial, or left it.
    pub fn heartbeat(&self, id: &str) -> Result<Option<SystemTime>, StoreError> {
        let Some(attempt) = self.attempts.latest(id)? else {
            return Ok(None);
        };
        let metadata = metadata_if_there(&attempt.join(LEASE))?;
        Ok(metadata.and_then(|metadata| metadata.modified().ok()))
    }

    /// Takes it from another process that a lease with this heartbeat is stale.
    pub fn believe_stale(&self, id: &str, heartbeat: SystemTime) -> Result<(), StoreError> {
        if let Some(attempt) = self.attempts.latest(id)? {
            let seen = Seen {
                heartbeat,
                since: Instant::now(),
                has_changed: false,
                is_stale: true,
            };
            let mut heartbeats = self.heartbeats();
            heartbeats.insert(attempt.join(LEASE), seen);
        }
        Ok(())
    }

    fn heartbeats(&self) -> MutexGuard<'_, Heartbeats> {
        (self.heartbeats.lock()).unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the folder of a complete attempt that of its trial, unless the trial has ended otherwise.
    fn commit(&self, id: &str, attempt: &Path) -> Result<(), StoreError> {
        let trial = self.trial_folder(id);
        match atomic::rename(attempt, &trial) {
            Err(_) if metadata_if_there(&trial)?.is_some() => Ok(()),
            renamed => renamed.map(|()| remove_leftovers(&trial)),
        }
    }

    /// Makes what an earlier version left of an unfinished trial, beside those that ended, an attempt.
    fn move_unfinished(&self, id: &str) -> Result<(), StoreError> {
        let folder = self.trial_folder(id);
        let is_folder = metadata_if_there(&folder)?.is_some_and(|metadata| metadata.is_dir());
        if !is_folder
            || has_any(&folder, &[RESULT, CHECKSUMS])?
            || self.attempts.latest(id)?.is_some()
        {
            return Ok(());
        }
        atomic::create_folder(self.attempts.path())?;
        match atomic::rename(&folder, &self.attempts.folder(id, 1)) {
            // Another process did it.
            Err(_) if metadata_if_there(&folder)?.is_none() => Ok(()),
            moved => moved,
        }
    }

    /// Removes files that a kill left of trials that have ended; what cannot be removed does no harm.
    pub fn tidy<'a>(&self, ended: impl Iterator<Item = &'a str>) -> Result<(), StoreError> {
        let attempts = self.attempts.all()?;
        for id in ended {
            remove_leftovers(&self.trial_folder(id));
            for number in attempts.get(id).into_iter().flatten() {
                let folder = self.attempts.folder(id, *number);
                if self.holder_in(&folder)?.is_none() {
                    disk::remove_folder(&folder).ok();
                }
            }
        }
        Ok(())
    }
}

/// Removes what a trial that has ended no longer needs; what cannot be removed does no harm.
fn remove_leftovers(trial: &Path) {
    for name in CHECKPOINTS.iter().chain(&[LEASE]) {
        atomic::remove(&trial.join(name)).ok();
    }
}
