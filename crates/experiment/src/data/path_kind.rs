//! The kind of a file system entry.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::path::Path;

use super::error::DataError;

/// Whether `path` is a folder, `false` where nothing has that name; whatever else has it is an error.
pub fn is_folder(path: &Path) -> Result<bool, DataError> {
    is_what(path, "a folder", Metadata::is_dir)
}

/// Whether `path` is a file, `false` where nothing has that name; whatever else has it is an error.
pub fn is_file(path: &Path) -> Result<bool, DataError> {
    is_what(path, "a file", Metadata::is_file)
}

fn is_what(
    path: &Path,
    expected: &str,
    is_expected: fn(&Metadata) -> bool,
) -> Result<bool, DataError> {
    if !exists(path)? {
        return Ok(false);
    }
    match path.metadata() {
        Ok(metadata) if is_expected(&metadata) => Ok(true),
        Ok(metadata) => Err(DataError::unexpected(
            path.display(),
            expected,
            describe(&metadata),
        )),
        Err(error) => Err(DataError::io(path, expected, &error)),
    }
}

/// Whether anything has the name `path`, even a dangling link: whoever opens that gets an error that says why
/// it cannot be opened.
pub fn exists(path: &Path) -> Result<bool, DataError> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(false)
        }
        Err(error) => Err(DataError::io(path, "a name that can be looked up", &error)),
    }
}

fn describe(metadata: &Metadata) -> &'static str {
    if metadata.is_dir() {
        "a folder"
    } else if metadata.is_file() {
        "a file"
    } else {
        "something else"
    }
}
