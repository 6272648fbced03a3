//! What can go wrong between the program and a store.

use std::io;
use std::path::{Path, PathBuf};

use super::TrialState;

/// Why a store could not be read or written; each names the path it is about.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Without its cause, as every error that has a source: whoever prints the chain prints it once.
    #[error("{}: cannot {action}", path.display())]
    Io {
        path: PathBuf,
        action: &'static str,
        source: io::Error,
    },
    #[error("{}: store: expected no other process writing to it, found its lock held by one", folder.display())]
    Locked { folder: PathBuf },
    #[error(
        "{}: store: expected a folder with trials/, as `experiment run` makes it, found {found}",
        folder.display()
    )]
    NotAStore {
        folder: PathBuf,
        found: &'static str,
    },
    #[error(
        "{}: expected the result of a trial, found damage: {cause}; to train that trial again, delete its folder {}",
        file.display(),
        folder.display()
    )]
    Damaged {
        file: PathBuf,
        folder: PathBuf,
        cause: String,
    },
    #[error("{}: {place}: expected {expected}, found another or none", file.display())]
    NotContinued {
        file: PathBuf,
        place: String,
        expected: String,
    },
    #[error("{}: trial: expected one without a result or a failed one, found it {state}", folder.display())]
    Ended { folder: PathBuf, state: TrialState },
}

impl StoreError {
    /// Completes an error of the operating system with what was attempted where: "cannot ACTION".
    pub fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            path: path.to_path_buf(),
            action,
            source,
        }
    }
}
