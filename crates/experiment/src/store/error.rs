//! Errors of a store.

use std::io;
use std::path::{Path, PathBuf};

use super::Damage;

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
    /// Without its cause, as [`StoreError::Io`].
    #[error(
        "{}: cannot write: the disk has no room for {bytes} bytes; free some, and give the same command again",
        path.display()
    )]
    Full {
        path: PathBuf,
        bytes: usize,
        source: io::Error,
    },
    #[error("{}: lease: another process took it over, or has ended the trial", folder.display())]
    LeaseLost { folder: PathBuf },
    #[error(
        "{}: store: expected a folder with trials/, as `experiment run` makes it, found {found}",
        folder.display()
    )]
    NotAStore {
        folder: PathBuf,
        found: &'static str,
    },
    #[error(
        "{}: trial: expected the id of one of its trials, or the start of one, found {prefix:?}; {}",
        folder.display(), if near.is_empty() { "it has none yet".to_owned() } else { format!("near ids: {near}") }
    )]
    NoTrial {
        folder: PathBuf,
        prefix: String,
        /// Ids that may be meant.
        near: String,
    },
    #[error("{}: {place}: expected {expected}, found a different one or none", file.display())]
    NotContinued {
        file: PathBuf,
        place: String,
        expected: String,
    },
    #[error("{0}")]
    Damaged(Damage),
}

impl StoreError {
    /// Whether the files themselves are damaged, so that retrying cannot help.
    pub fn proves_damage(&self) -> bool {
        matches!(self, Self::NotContinued { .. })
    }

    /// Whether something was not there.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// Whether a folder of the new name was there already.
    pub(super) fn is_taken(&self) -> bool {
        use io::ErrorKind::{AlreadyExists, DirectoryNotEmpty};
        matches!(self, Self::Io { source, .. }
            if [AlreadyExists, DirectoryNotEmpty].contains(&source.kind()))
    }

    /// Completes an error of the operating system with what was attempted where: "cannot ACTION".
    pub fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            path: path.to_path_buf(),
            action,
            source,
        }
    }

    /// Completes an error of the operating system with the file to which so many bytes were to be written.
    pub fn writing(path: &Path, bytes: usize) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full {
                path: path.to_path_buf(),
                bytes,
                source,
            },
            _ => Self::io(path, "write")(source),
        }
    }
}
