//! The formats of dataset files: the files of a shard → images and labels.

mod idx;
mod records;

use std::path::{Path, PathBuf};

use super::error::DataError;
use super::images::Images;
use super::path_kind::exists;
use crate::datasets::{DatasetFiles, Format, ReleaseFile, Shard};

/// A file that was read, and the SHA-256 of its unpacked content in hexadecimal.
pub type Checksum = (&'static ReleaseFile, String);

/// Appends the images of a `shard`, whose files are in `folder`, to `images`.
///
/// # Errors
/// When a file does not match its format and the official layout, or belongs to another dataset.
pub fn read(
    files: DatasetFiles,
    shard: &'static Shard,
    folder: &Path,
    images: &mut Images,
) -> Result<Vec<Checksum>, DataError> {
    let checksums = match files.release.format {
        Format::Records(labels) => {
            records::read(labels, files.dataset.shape, shard, folder, images)
        }
        Format::Idx => idx::read(files.dataset, shard, folder, images),
    }?;
    for (file, checksum) in &checksums {
        refuse_other_dataset(files, file, checksum, folder)?;
    }
    Ok(checksums)
}

/// Where in `folder` a file is: under its name or under another that its format knows.
pub fn locate(
    format: Format,
    file: &ReleaseFile,
    folder: &Path,
) -> Result<Option<PathBuf>, DataError> {
    let path = folder.join(file.name);
    if exists(&path)? {
        return Ok(Some(path));
    }
    match format {
        Format::Records(_) => Ok(None),
        Format::Idx => {
            let packed = folder.join(format!("{}{}", file.name, idx::PACKED));
            Ok(exists(&packed)?.then_some(packed))
        }
    }
}

/// Names of a shard's files that are not in `folder`.
pub fn missing(
    format: Format,
    shard: &Shard,
    folder: &Path,
) -> Result<Vec<&'static str>, DataError> {
    let mut missing = Vec::new();
    for file in shard.files {
        if locate(format, file, folder)?.is_none() {
            missing.push(file.name);
        }
    }
    Ok(missing)
}

/// Datasets of one format can have files of the same names.
fn refuse_other_dataset(
    files: DatasetFiles,
    file: &ReleaseFile,
    checksum: &str,
    folder: &Path,
) -> Result<(), DataError> {
    let other = DatasetFiles::all().find(|other| {
        other.dataset != files.dataset && other.release.files().any(|file| file.sha256 == checksum)
    });
    match other {
        None => Ok(()),
        Some(other) => Err(DataError::unexpected(
            folder.join(file.name).display(),
            format!("a file of {}", files.dataset),
            format!("that of {}", other.dataset),
        )),
    }
}
