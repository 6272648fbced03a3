//! What can be told of trials that have not ended, without a lock and without reading much.

use std::fs::{File, TryLockError};
use std::path::PathBuf;

use super::{CHECKPOINT, Store};

impl Store {
    /// Whether a trial has been begun, whatever became of it.
    pub fn has_begun(&self, id: &str) -> bool {
        self.trial_folder(id).is_dir()
    }

    /// The file of a trial's last checkpoint, where there is one.
    pub fn checkpoint_file(&self, id: &str) -> Option<PathBuf> {
        Some(self.trial_folder(id).join(CHECKPOINT)).filter(|file| file.is_file())
    }

    /// Whether another process holds the lock. Asking takes a shared lock, which is dropped at once.
    pub fn is_in_use(&self) -> bool {
        let lock = File::open(self.folder.join("lock"));
        lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}
