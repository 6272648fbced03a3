//! Results on disk: `trials/ID/` for each trial, committed by its `result.json`.

pub mod atomic;
mod damage;
mod error;
mod integrity;
mod listing;
mod lock;
mod reading;
#[cfg(test)]
mod tests;
mod trial;
mod underway;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::records::{Correctness, Environment, Picture, TrialResult, TrialState};

pub use self::damage::Damage;
pub use self::error::StoreError;
use self::integrity::Verified;
pub use self::listing::{Declaration, Plan, StoredTrial};
use self::lock::Lock;
pub use self::reading::TrialFiles;
pub use self::trial::{Covered, TrialDir};

/// The name of a trial's last checkpoint, in its folder until the trial has ended.
const CHECKPOINT: &str = "checkpoint.safetensors";
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

/// A folder of trials: read by anyone at any time, written by one process at a time.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    /// Held by a writer, or by the one that it writes for.
    lock: Option<Lock>,
    verified: Verified,
}

/// The stored state of a trial.
#[derive(Clone, Debug, PartialEq)]
pub enum Stored {
    /// It has not started or not ended.
    Nothing,
    Ended(Box<TrialResult>),
    /// It has ended, and its files have changed since.
    Damaged(Damage),
}

impl Stored {
    pub fn ended(&self) -> Option<&TrialResult> {
        match self {
            Self::Ended(result) => Some(result),
            Self::Nothing | Self::Damaged(_) => None,
        }
    }
}

/// The trials of a store, each in the order of their ids.
#[derive(Debug, Default, PartialEq)]
pub struct Results {
    pub ended: Vec<TrialResult>,
    pub damaged: Vec<Damage>,
    /// Ids of those that have begun and not ended.
    pub unfinished: Vec<String>,
}

impl Store {
    /// Opens a store for writing, made if there is none; [`StoreError::Locked`] where another process writes.
    pub fn create_or_open(folder: &Path) -> Result<Self, StoreError> {
        Self::open_if_there(folder)?;
        atomic::create_folder(&folder.join("trials"))?;
        Ok(Self {
            lock: Some(Lock::take(folder)?),
            ..Self::of(folder)
        })
    }

    /// Opens a store for writing on behalf of the process that holds its lock and waits for this one. That
    /// process hands out each trial once.
    pub fn join(folder: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            lock: Some(Lock::of_parent(folder)?),
            ..Self::open_existing(folder)?
        })
    }

    /// Opens a store only for reading, even while another process writes.
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
            lock: None,
            verified: Verified::of(folder),
        }
    }

    /// What the store has of a trial. A damaged one is an answer, not an error: the others can still be read.
    pub fn stored(&self, id: &str) -> Result<Stored, StoreError> {
        let folder = self.trial_folder(id);
        let file = folder.join(RESULT);
        let Some(bytes) = read_if_there(&file)? else {
            return Ok(Stored::Nothing);
        };
        let result = match TrialResult::from_json(id, &bytes) {
            Ok(result) => result,
            Err(cause) => return Ok(Stored::Damaged(Damage::new(&file, cause))),
        };
        match integrity::damage(&folder, &result, &bytes, &self.verified)? {
            Some(damage) => Ok(Stored::Damaged(damage)),
            None => self.completed(result),
        }
    }

    /// Keeps which weights [`Store::stored`] has verified, so that they are not read again.
    pub fn keep_verified(&self) {
        self.verified.save();
    }

    /// Every trial, of which those that have ended are read and verified.
    pub fn results(&self) -> Result<Results, StoreError> {
        let mut results = Results::default();
        for id in self.ids()? {
            match self.readable(&id)? {
                Stored::Nothing => results.unfinished.push(id),
                Stored::Ended(result) => results.ended.push(*result),
                Stored::Damaged(damage) => results.damaged.push(damage),
            }
        }
        self.verified.save();
        Ok(results)
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
        atomic::write(&self.picture_file(name), picture.png())
    }

    fn picture_file(&self, name: &str) -> PathBuf {
        self.folder.join(IMAGES).join(format!("{name}.png"))
    }

    /// The last checkpoint of a trial that has not ended, with its file.
    pub fn checkpoint(&self, id: &str) -> Result<Option<(PathBuf, Vec<u8>)>, StoreError> {
        let folder = self.trial_folder(id);
        if metadata_if_there(&folder.join(RESULT))?.is_some() {
            return Ok(None);
        }
        let file = folder.join(CHECKPOINT);
        Ok(read_if_there(&file)?.map(|content| (file, content)))
    }

    /// Removes the checkpoint of a trial that has ended, for a kill can come between the two.
    pub fn remove_checkpoint(&self, id: &str) -> Result<(), StoreError> {
        atomic::remove(&self.trial_folder(id).join(CHECKPOINT))
    }

    /// Begins a trial in an empty folder, and refuses with [`StoreError::Ended`] where it is done or diverged.
    /// What an earlier attempt left is set aside where it has a result, weights or a checkpoint, else removed.
    ///
    /// Panics if the store was opened for reading alone.
    pub fn begin(
        &self,
        id: &str,
        settings_toml: &str,
        environment: &Environment,
    ) -> Result<TrialDir, StoreError> {
        self.assert_writer();
        let folder = self.trial_folder(id);
        if let Stored::Ended(result) = self.stored(id)?
            && result.state != TrialState::Failed
        {
            let state = result.state;
            return Err(StoreError::Ended { folder, state });
        }
        let mut has_worth = false;
        for name in [RESULT, CHECKSUMS, MODEL, CHECKPOINT] {
            has_worth |= metadata_if_there(&folder.join(name))?.is_some();
        }
        if has_worth {
            self.set_aside(id)?;
        } else if metadata_if_there(&folder)?.is_some() {
            fs::remove_dir_all(&folder).map_err(StoreError::io(&folder, "remove"))?;
        }
        TrialDir::create(folder, id, settings_toml, environment)
    }

    /// Moves a trial's folder out of the trials, so that the trial can be retrained without losing files; returns its
    /// new path.
    ///
    /// Panics if the store was opened for reading alone.
    pub fn set_aside(&self, id: &str) -> Result<PathBuf, StoreError> {
        self.assert_writer();
        let folder = self.trial_folder(id);
        let set_aside = self.folder.join(SET_ASIDE);
        atomic::create_folder(&set_aside)?;
        for number in 1_u32.. {
            let place = set_aside.join(format!("{id}-{number}"));
            if metadata_if_there(&place)?.is_none() {
                atomic::rename(&folder, &place)?;
                return Ok(place);
            }
        }
        unreachable!("fewer folders than numbers")
    }

    /// Resumes a trial from its checkpoint: truncates its records to those that are `covered` and records the
    /// session in `environment.json`.
    ///
    /// [`StoreError::NotContinued`] where those files are not whole as far as that.
    ///
    /// Panics if the store was opened for reading alone.
    pub fn resume(
        &self,
        id: &str,
        settings_toml: &str,
        environment: &Environment,
        covered: &Covered,
    ) -> Result<TrialDir, StoreError> {
        self.assert_writer();
        let folder = self.trial_folder(id);
        TrialDir::resume(folder, id, settings_toml, environment, covered)
    }

    fn assert_writer(&self) {
        assert!(
            self.lock.is_some(),
            "only a store opened for writing can begin a trial"
        );
    }

    fn trial_folder(&self, id: &str) -> PathBuf {
        self.folder.join("trials").join(id)
    }
}

fn read_if_there(file: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match metadata_if_there(file)? {
        None => Ok(None),
        // A pipe would be waited for.
        Some(metadata) if !metadata.is_file() => {
            let cause = io::Error::other("expected a regular file, found another kind");
            Err(StoreError::io(file, "read")(cause))
        }
        Some(_) => fs::read(file)
            .map(Some)
            .map_err(StoreError::io(file, "read")),
    }
}

/// `None` only where nothing of that name is there: a disk that fails is not an empty one.
fn metadata_if_there(path: &Path) -> Result<Option<fs::Metadata>, StoreError> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        metadata => metadata.map(Some).map_err(StoreError::io(path, "read")),
    }
}
