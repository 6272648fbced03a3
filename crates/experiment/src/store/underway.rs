//! The state of trials that have not ended, read with little I/O.

use std::path::PathBuf;

use super::{CHECKPOINTS, RESULT, Store};

impl Store {
    /// Whether a trial has ended.
    pub fn has_result(&self, id: &str) -> bool {
        self.trial_folder(id).join(RESULT).exists()
    }

    /// Whether a trial has been begun, whatever became of it.
    pub fn has_begun(&self, id: &str) -> bool {
        self.folder_of(id).is_dir()
    }

    /// The file of a trial's last checkpoint, if there is one.
    pub fn checkpoint_file(&self, id: &str) -> Option<PathBuf> {
        let folder = self.folder_of(id);
        let mut files = CHECKPOINTS.iter().map(|name| folder.join(name));
        files.find(|file| file.is_file())
    }
}
