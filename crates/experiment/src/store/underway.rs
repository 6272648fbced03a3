//! The state of trials that have not ended, read without a lock and with little I/O.

use std::path::PathBuf;

use super::lock::Lock;
use super::{CHECKPOINT, RESULT, Store};

impl Store {
    /// Whether a trial has ended.
    pub fn has_result(&self, id: &str) -> bool {
        self.trial_folder(id).join(RESULT).exists()
    }

    /// Whether a trial has been begun, whatever became of it.
    pub fn has_begun(&self, id: &str) -> bool {
        self.trial_folder(id).is_dir()
    }

    /// The file of a trial's last checkpoint, if there is one.
    pub fn checkpoint_file(&self, id: &str) -> Option<PathBuf> {
        Some(self.trial_folder(id).join(CHECKPOINT)).filter(|file| file.is_file())
    }

    /// Whether another process is writing to the store.
    pub fn is_in_use(&self) -> bool {
        Lock::is_held(&self.folder)
    }
}
