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

    /// The files of a trial's checkpoints, the last first.
    pub fn checkpoint_files(&self, id: &str) -> impl Iterator<Item = PathBuf> {
        let folder = self.folder_of(id);
        let files = CHECKPOINTS.iter().map(move |name| folder.join(name));
        files.filter(|file| file.is_file())
    }
}
