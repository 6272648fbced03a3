//! Errors of data.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

/// A problem with a dataset's files or their download; the program's exit code is then 4.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    #[error(
        "{dataset}: expected its files in one of {}, found none of them there; {advice}",
        join(looked_in)
    )]
    NotFound {
        dataset: &'static str,
        looked_in: Vec<PathBuf>,
        /// How to get them.
        advice: String,
    },
    #[error("{place}: expected {expected}, found {found}")]
    Unexpected {
        place: String,
        expected: String,
        found: String,
    },
    #[error(
        "{}: expected a file of {dataset}, found that of {other}: choose dataset {other}, or another --data-dir",
        path.display()
    )]
    OtherDataset {
        path: PathBuf,
        dataset: &'static str,
        /// Whose official file it is.
        other: &'static str,
    },
    #[error("{}: expected usable training and test files, found damaged or missing ones", folder.display())]
    Unusable { folder: PathBuf },
    #[error(
        "trial {trial}: expected the images of this store's earlier results \
         (SHA-256 {before}), found different ones ({now}): choose another --store, or the folder of those images"
    )]
    Changed {
        trial: String,
        before: String,
        now: String,
    },
    #[error(
        "{file}: expected a working source, found none:\n  {}\n\
         --mirror URL selects another source; to use a file that you already have, put it into {} \
         and rerun this command",
        failures.join("\n  "), folder.display()
    )]
    Download {
        file: String,
        /// One line for each source: its address and what went wrong there.
        failures: Vec<String>,
        /// Where the file is looked for before it is downloaded.
        folder: PathBuf,
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

    /// An operation of the file system that failed; `expected` says what it should have done. Where the
    /// name is a symbolic link, the fault may be in what it leads to.
    pub(super) fn io(path: &Path, expected: &str, error: &io::Error) -> Self {
        let found = match path.read_link() {
            Ok(target) => format!("a symbolic link to {}: {error}", target.display()),
            Err(_) => error.to_string(),
        };
        Self::unexpected(path.display(), expected, found)
    }

    /// As [`DataError::io`] where something was to be written in the data folder.
    pub(super) fn not_written(path: &Path, expected: &str, error: &io::Error) -> Self {
        let found = format!("{error}; choose another folder with --data-dir");
        Self::unexpected(path.display(), expected, found)
    }
}

fn join(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    paths.join(", ")
}
