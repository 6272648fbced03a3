//! The formats of dataset files: the files of a shard → images and labels.

mod idx;
mod records;

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::error::DataError;
use super::images::Images;
use super::path_kind::{exists, is_file};
use crate::datasets::{DatasetFiles, Format, ReleaseFile, Shard};

/// A file that was read.
pub struct Checksum {
    pub file: &'static ReleaseFile,
    /// Where it is.
    pub path: PathBuf,
    /// SHA-256 of its unpacked content in hexadecimal.
    pub sha256: String,
}

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
    for checksum in &checksums {
        refuse_other_dataset(files, checksum)?;
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

/// Opens a file to read it from its start.
fn open(path: &Path) -> Result<BufReader<File>, DataError> {
    is_file(path)?; // opening a pipe would wait for its writer
    let file = File::open(path).map_err(|error| DataError::io(path, "a readable file", &error))?;
    Ok(BufReader::with_capacity(1 << 20, file))
}

/// Checks that a file contains images, and no more than the official one.
fn check_count(path: &Path, count: usize, official: usize) -> Result<(), DataError> {
    let expected = match count {
        0 => "at least 1 record".to_owned(),
        _ if count > official => format!("at most {official} records"),
        _ => return Ok(()),
    };
    Err(DataError::unexpected(
        path.display(),
        expected,
        count.to_string(),
    ))
}

/// Checks a label, called `name`, of the record with this number.
fn check_label(
    path: &Path,
    number: usize,
    name: &str,
    label: u8,
    classes: usize,
) -> Result<(), DataError> {
    if usize::from(label) < classes {
        return Ok(());
    }
    Err(DataError::unexpected(
        format_args!("{}: record {number}", path.display()),
        format!("a {name} from 0 to {}", classes - 1),
        label.to_string(),
    ))
}

/// Datasets of one format can have files of the same names.
fn refuse_other_dataset(files: DatasetFiles, found: &Checksum) -> Result<(), DataError> {
    let other = DatasetFiles::all().find(|other| {
        let mut official = other.release.files();
        other.dataset != files.dataset && official.any(|file| file.sha256 == found.sha256)
    });
    match other {
        None => Ok(()),
        Some(other) => Err(DataError::OtherDataset {
            path: found.path.clone(),
            dataset: files.dataset.name,
            other: other.dataset.name,
        }),
    }
}
