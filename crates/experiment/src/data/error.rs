//! What can be wrong with data.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

use crate::sweep::DatasetName;

/// A problem with a dataset's files or their download; the program's exit code is then 4.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    #[error(
        "{dataset}: expected its files in one of {}, found none of them there; \
         `experiment data fetch {dataset}` downloads them, \
         and --data-dir or EXPERIMENT_DATA names the folder that holds them",
        join(looked_in)
    )]
    NotFound {
        dataset: DatasetName,
        looked_in: Vec<PathBuf>,
    },
    #[error("{place}: expected {expected}, found {found}")]
    Unexpected {
        place: String,
        expected: String,
        found: String,
    },
    #[error("{}: expected files to train on and to test with, found damage or gaps", folder.display())]
    Unusable { folder: PathBuf },
    #[error(
        "trial {trial}: expected the images that the results at hand were made with \
         (SHA-256 {before}), found others ({now}): name another --store, or the folder of those images"
    )]
    Changed {
        trial: String,
        before: String,
        now: String,
    },
    #[error("{archive}: expected a source that delivers it, found none:\n  {}", failures.join("\n  "))]
    Download {
        archive: String,
        /// One line for each source: its address and what went wrong there.
        failures: Vec<String>,
    },
}

impl DataError {
    pub(super) fn unexpected(
        place: impl Display,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self::Unexpected {
            place: place.to_string(),
            expected: expected.into(),
            found: found.into(),
        }
    }

    /// An operation of the file system that failed; `expected` says what it should have done.
    pub(super) fn io(path: &Path, expected: &str, error: &io::Error) -> Self {
        Self::unexpected(path.display(), expected, error.to_string())
    }
}

fn join(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    paths.join(", ")
}
