//! A trial whose files changed after it ended.

use std::path::{Path, PathBuf};

/// What is wrong with a trial that has ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {cause}", file.display())]
pub struct Damage {
    pub file: PathBuf,
    pub cause: String,
}

impl Damage {
    pub(super) fn new(file: &Path, cause: impl Into<String>) -> Self {
        Self {
            file: file.to_path_buf(),
            cause: cause.into(),
        }
    }

    /// The id of the trial.
    pub fn trial(&self) -> Option<String> {
        let folder = self.file.parent()?.file_name()?;
        Some(folder.to_string_lossy().into_owned())
    }
}
