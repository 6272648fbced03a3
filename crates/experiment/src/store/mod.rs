//! Results on disk: `trials/ID/` for each trial, committed by its `result.json`.

pub mod atomic;
mod attempts;
mod damage;
pub mod disk;
mod error;
mod holder;
mod integrity;
mod lease;
mod leasing;
mod listing;
mod plan_file;
mod reading;
#[cfg(test)]
pub mod tests;
mod trial;
mod underway;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rayon::prelude::*;

use crate::records::{Correctness, Picture, TrialResult};

use self::attempts::Attempts;
pub use self::damage::Damage;
pub use self::error::StoreError;
use self::integrity::Verified;
pub use self::lease::Lease;
use self::leasing::Heartbeats;
pub use self::leasing::{Leasing, Retry, STALE_AFTER};
pub use self::listing::StoredTrial;
pub use self::plan_file::{Declaration, Plan};
pub use self::reading::TrialFiles;
pub use self::trial::{Covered, TrialDir};

/// The names of a trial's last checkpoint and of the one before, in its folder until the trial has ended.
const CHECKPOINTS: [&str; 2] = ["checkpoint.safetensors", "checkpoint-before.safetensors"];
const CHECKSUMS: &str = "SHA256SUMS";
const EPOCHS: &str = "epochs.jsonl";
const MODEL: &str = "model.safetensors";
const RESULT: &str = "result.json";
const STEPS: &str = "steps.jsonl";
const TEST_CORRECT: &str = "test_correct.bin";
/// The folder of copies of test images.
const IMAGES: &str = "images";
/// The folder for files that are no longer part of the store but may matter to its owner.
const SET_ASIDE: &str = "set-aside";

/// A folder of trials: read by anyone at any time, each trial written by who has its [`Lease`].
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    attempts: Attempts,
    /// How long the holder of a lease can be silent.
    stale_after: Duration,
    heartbeats: Mutex<Heartbeats>,
    verified: Verified,
}

/// The stored state of a trial.
#[derive(Clone, Debug, PartialEq)]
pub enum Stored {
    /// It has not started or not ended.
    Nothing,
    Ended(Arc<TrialResult>),
    /// It has ended, and its files have changed since.
    Damaged(Damage),
}

impl Stored {
    pub fn ended(&self) -> Option<&Arc<TrialResult>> {
        match self {
            Self::Ended(result) => Some(result),
            Self::Nothing | Self::Damaged(_) => None,
        }
    }
}

/// The trials of a store, each in the order of their ids.
#[derive(Debug, Default, PartialEq)]
pub struct Results {
    pub ended: Vec<Arc<TrialResult>>,
    pub damaged: Vec<Damage>,
    /// Ids of those that have begun and not ended.
    pub unfinished: Vec<String>,
}

impl Store {
    /// Opens a store, made if there is none.
    pub fn create_or_open(folder: &Path) -> Result<Self, StoreError> {
        Self::open_if_there(folder)?;
        atomic::create_folder(&folder.join("trials"))?;
        Ok(Self::of(folder))
    }

    /// The same store, in which a lease is stale once its holder was silent for this long.
    pub fn with_stale_after(self, stale_after: Duration) -> Self {
        Self {
            stale_after,
            ..self
        }
    }

    /// Opens a store that is there.
    pub fn open_existing(folder: &Path) -> Result<Self, StoreError> {
        let found = match Self::open_if_there(folder)? {
            Some(store) => return Ok(store),
            None if metadata_if_there(folder)?.is_some() => "a folder without it",
            None => "nothing",
        };
        Err(StoreError::NotAStore {
            folder: folder.to_path_buf(),
            found,
        })
    }

    /// As [`Store::open_existing`]; `None` if a store can be made.
    pub fn open_if_there(folder: &Path) -> Result<Option<Self>, StoreError> {
        if metadata_if_there(folder)?.is_some_and(|metadata| !metadata.is_dir()) {
            return Err(StoreError::NotAStore {
                folder: folder.to_path_buf(),
                found: "a file",
            });
        }
        let trials = metadata_if_there(&folder.join("trials"))?;
        let is_store = trials.is_some_and(|trials| trials.is_dir());
        Ok(is_store.then(|| Self::of(folder)))
    }

    fn of(folder: &Path) -> Self {
        Self {
            folder: folder.to_path_buf(),
            attempts: Attempts::in_store(folder),
            stale_after: STALE_AFTER,
            heartbeats: Mutex::default(),
            verified: Verified::of(folder),
        }
    }

    /// What the store has of a trial. A damaged one is an answer, not an error: the others can still be read.
    pub fn stored(&self, id: &str) -> Result<Stored, StoreError> {
        match self.undamaged(id) {
            Ok(Some(result)) => self.completed(result),
            Ok(None) => Ok(Stored::Nothing),
            Err(StoreError::Damaged(damage)) => Ok(Stored::Damaged(damage)),
            Err(StoreError::Io { path, .. }) if let Some(found) = other_than_a_file(&path) => {
                let cause = format!("expected a regular file, found {found}");
                Ok(Stored::Damaged(Damage::new(&path, cause)))
            }
            Err(error) => Err(error),
        }
    }

    /// The result of a trial that has ended and whose files have not changed since.
    fn undamaged(&self, id: &str) -> Result<Option<TrialResult>, StoreError> {
        let folder = self.trial_folder(id);
        let file = folder.join(RESULT);
        let damaged = |cause: String| StoreError::Damaged(Damage::new(&file, cause));
        let Some(bytes) = read_if_there(&file)? else {
            // A trial of an earlier version is in this folder before it has ended, but without checksums.
            return match metadata_if_there(&folder.join(CHECKSUMS))? {
                Some(_) => Err(damaged("expected a file, found none".to_owned())),
                None => Ok(None),
            };
        };
        let result = TrialResult::from_json(id, &bytes).map_err(damaged)?;
        match integrity::damage(&folder, &result, &bytes, &self.verified)? {
            Some(damage) => Err(StoreError::Damaged(damage)),
            None => Ok(Some(result)),
        }
    }

    /// Keeps which weights [`Store::stored`] has verified, so that they are not read again.
    pub fn keep_verified(&self) {
        self.verified.save();
    }

    /// Every trial, of which those that have ended are read and verified.
    pub fn results(&self) -> Result<Results, StoreError> {
        let mut results = Results::default();
        let ids = self.ids(|_| true)?;
        let stored = side_by_side(&ids, |id| self.readable(id));
        for (id, stored) in ids.into_iter().zip(stored) {
            match stored? {
                Stored::Nothing => results.unfinished.push(id),
                Stored::Ended(result) => results.ended.push(result),
                Stored::Damaged(damage) => results.damaged.push(damage),
            }
        }
        self.verified.save();
        Ok(results)
    }

    /// What the store has of each trial that has begun and `is_asked`, as far as it can be read; for thousands of them
    /// faster than one at a time.
    pub fn stored_all(
        &self,
        is_asked: impl Fn(&str) -> bool,
    ) -> Result<Vec<(String, Stored)>, StoreError> {
        let ids = self.ids(is_asked)?;
        let stored = side_by_side(&ids, |id| self.stored(id));
        let pairs = ids.into_iter().zip(stored);
        Ok(pairs.filter_map(|(id, it)| Some((id, it.ok()?))).collect())
    }

    /// As [`Store::stored`], for those who only read: a trial that cannot be read does not keep them from the others.
    fn readable(&self, id: &str) -> Result<Stored, StoreError> {
        match self.stored(id) {
            Err(StoreError::Io { path, source, .. }) => {
                let cause = format!("cannot be read: {source}");
                Ok(Stored::Damaged(Damage::new(&path, cause)))
            }
            stored => stored,
        }
    }

    /// Which test images the final weights of a trial classify correctly; `None` if it has no test score, or was
    /// written by a version that did not store this.
    pub fn test_correct(&self, id: &str) -> Result<Option<Correctness>, StoreError> {
        let folder = self.trial_folder(id);
        let file = folder.join(RESULT);
        let Some(bytes) = read_if_there(&file)? else {
            return Ok(None);
        };
        let result = TrialResult::from_json(id, &bytes)
            .map_err(|cause| StoreError::Damaged(Damage::new(&file, cause)))?;
        integrity::test_correct(&folder, &result)?
            .transpose()
            .map_err(StoreError::Damaged)
    }

    /// The copy of a test image that was kept under `name`; `None` if there is none, or it cannot be read.
    pub fn picture(&self, name: &str) -> Option<Picture> {
        let png = read_if_there(&self.picture_file(name)).ok()??;
        Picture::from_png(png).ok()
    }

    /// Keeps a copy of a test image under a name without slashes.
    pub fn keep_picture(&self, name: &str, picture: &Picture) -> Result<(), StoreError> {
        atomic::create_folder(&self.folder.join(IMAGES))?;
        atomic::write_shared(&self.picture_file(name), picture.png())
    }

    fn picture_file(&self, name: &str) -> PathBuf {
        self.folder.join(IMAGES).join(format!("{name}.png"))
    }

    /// The folder of a trial that has ended.
    fn trial_folder(&self, id: &str) -> PathBuf {
        self.folder.join("trials").join(id)
    }
}

/// What `read` gives for each, in their order. Its threads are not those of the training, whose number is set later.
fn side_by_side<T: Send>(ids: &[String], read: impl Fn(&str) -> T + Sync) -> Vec<T> {
    /// Below it threads are started for nothing.
    const MANY: usize = 32;

    let threads = (ids.len() >= MANY).then(|| rayon::ThreadPoolBuilder::new().build());
    match threads {
        Some(Ok(threads)) => threads.install(|| ids.par_iter().map(|id| read(id)).collect()),
        // The last where a user can have no more of them.
        None | Some(Err(_)) => ids.iter().map(|id| read(id)).collect(),
    }
}

fn read_if_there(file: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    if file_if_there(file)?.is_none() {
        return Ok(None);
    }
    match fs::read(file) {
        // Another process removed it since.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        content => content.map(Some).map_err(StoreError::io(file, "read")),
    }
}

/// As [`metadata_if_there`], of nothing but a regular file: a pipe would be waited for.
fn file_if_there(path: &Path) -> Result<Option<fs::Metadata>, StoreError> {
    match metadata_if_there(path)? {
        Some(metadata) if !metadata.is_file() => {
            let cause = io::Error::other("expected a regular file, found another kind");
            Err(StoreError::io(path, "read")(cause))
        }
        metadata => Ok(metadata),
    }
}

/// What is in the place of a file that could not be read; `None` if it is one, and the disk failed.
fn other_than_a_file(path: &Path) -> Option<&'static str> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => None,
        Ok(metadata) if metadata.is_dir() => Some("a folder"),
        Ok(_) => Some("another kind of file"),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Some("a file in the place of its folder")
        }
        Err(_) => None,
    }
}

/// `None` only where nothing of that name is there: a disk that fails is not an empty one.
fn metadata_if_there(path: &Path) -> Result<Option<fs::Metadata>, StoreError> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        metadata => metadata.map(Some).map_err(StoreError::io(path, "read")),
    }
}
