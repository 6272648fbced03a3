//! What happened, on disk: `trials/ID/` for each trial, committed by its `result.json`.

pub mod atomic;
mod environment;
mod error;
#[cfg(test)]
pub mod examples;
mod listing;
mod records;
mod result;
#[cfg(test)]
mod tests;
mod trial;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

pub use environment::*;
pub use error::*;
pub use listing::*;
pub use records::*;
pub use result::*;
pub use trial::*;

/// The name of a trial's last checkpoint, in its folder until the trial has ended.
const CHECKPOINT: &str = "checkpoint.safetensors";

/// A folder of trials: read by anyone at any time, written by one process at a time.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    /// Held by a writer, or by the one that it writes for. The operating system drops it with the process, so that no kill leaves a stale lock.
    lock: Option<File>,
}

impl Store {
    /// Opens a store for writing, made where there is none; [`StoreError::Locked`] where another process writes.
    pub fn create_or_open(folder: &Path) -> Result<Self, StoreError> {
        atomic::create_folder(&folder.join("trials"))?;
        let path = folder.join("lock");
        let lock = File::create(&path).map_err(StoreError::io(&path, "create"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                folder: folder.to_path_buf(),
                lock: Some(lock),
            }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked {
                folder: folder.to_path_buf(),
            }),
            Err(TryLockError::Error(error)) => Err(StoreError::io(&path, "lock")(error)),
        }
    }

    /// Opens a store for writing on behalf of the process that holds its lock and waits for this one. That
    /// process hands out each trial once.
    pub fn join(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join("lock");
        let lock = File::open(&path).map_err(StoreError::io(&path, "open"))?;
        Ok(Self {
            lock: Some(lock),
            ..Self::open_existing(folder)?
        })
    }

    /// Opens a store for reading alone, also while another process writes.
    pub fn open_existing(folder: &Path) -> Result<Self, StoreError> {
        let not_a_store = |found| StoreError::NotAStore {
            folder: folder.to_path_buf(),
            found,
        };
        match fs::metadata(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(not_a_store("nothing")),
            Err(error) => Err(StoreError::io(folder, "read")(error)),
            Ok(metadata) if !metadata.is_dir() => Err(not_a_store("a file")),
            Ok(_) if !folder.join("trials").is_dir() => Err(not_a_store("a folder without it")),
            Ok(_) => Ok(Self {
                folder: folder.to_path_buf(),
                lock: None,
            }),
        }
    }

    /// How a trial ended; `None` where it has not begun or not ended.
    pub fn result(&self, id: &str) -> Result<Option<TrialResult>, StoreError> {
        let folder = self.trial_folder(id);
        let file = folder.join("result.json");
        let Some(bytes) = read_if_there(&file)? else {
            return Ok(None);
        };
        match TrialResult::from_json(id, &bytes) {
            Ok(result) => self.completed(result).map(Some),
            Err(cause) => Err(StoreError::Damaged {
                file,
                folder,
                cause,
            }),
        }
    }

    /// Every trial that has ended, in the order of their ids.
    pub fn results(&self) -> Result<Vec<TrialResult>, StoreError> {
        let ids = self.ids()?;
        let results = ids.iter().map(|id| self.result(id));
        results.filter_map(Result::transpose).collect()
    }

    /// The last checkpoint of a trial that has not ended, with its file.
    pub fn checkpoint(&self, id: &str) -> Result<Option<(PathBuf, Vec<u8>)>, StoreError> {
        if self.result(id)?.is_some() {
            return Ok(None);
        }
        let file = self.trial_folder(id).join(CHECKPOINT);
        Ok(read_if_there(&file)?.map(|content| (file, content)))
    }

    /// Removes the checkpoint of a trial that has ended, for a kill can come between the two.
    pub fn remove_checkpoint(&self, id: &str) -> Result<(), StoreError> {
        atomic::remove(&self.trial_folder(id).join(CHECKPOINT))
    }

    /// Begins a trial in an empty folder: removes what an unfinished or failed earlier attempt left,
    /// and refuses with [`StoreError::Ended`] where the trial is done or diverged.
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
        match self.result(id)?.map(|result| result.state) {
            None | Some(TrialState::Failed) => {}
            Some(state) => return Err(StoreError::Ended { folder, state }),
        }
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(StoreError::io(&folder, "remove"))?;
        }
        TrialDir::create(folder, id, settings_toml, environment)
    }

    /// Goes on with a trial whose checkpoint covers the first `steps` steps and `epochs` epochs: cuts
    /// its records back to them and notes the session in `environment.json`.
    ///
    /// [`StoreError::NotContinued`] where those files are not whole as far as that.
    ///
    /// Panics if the store was opened for reading alone.
    pub fn resume(
        &self,
        id: &str,
        environment: &Environment,
        steps: u64,
        epochs: u64,
    ) -> Result<TrialDir, StoreError> {
        self.assert_writer();
        TrialDir::resume(self.trial_folder(id), id, environment, steps, epochs)
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
    match fs::read(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some).map_err(StoreError::io(file, "read")),
    }
}
