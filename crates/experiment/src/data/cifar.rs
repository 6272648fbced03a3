//! Reader of the official CIFAR-10 and CIFAR-100 binary files.
//!
//! A record is one label byte (CIFAR-100: coarse, then fine) and 3,072 bytes of pixels: red, green
//! and blue plane, each row-major.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::error::DataError;
use super::folder::{exists, is_file};
use super::images::{IMAGE_BYTES, ImageSet, Images};
use super::release::{Label, Release, ReleaseFile};
use super::{Data, TestData};
use crate::digest::hex;
use crate::records::{DataRecords, RecordCount};

/// Reads every file of a release that lies in `folder`; training files may be missing, not all.
pub fn read(release: &Release, folder: &Path) -> Result<Data, DataError> {
    let mut checksums = Sha256::new();
    let mut read_into = |images: &mut Images, file: &ReleaseFile| {
        let checksum = read_file(&folder.join(file.name), file, release.labels, images)?;
        checksums.update(format!("{checksum}  {}\n", file.name));
        Ok(())
    };

    let mut train = Images::default();
    let mut missing = Vec::new();
    for file in release.train {
        if exists(&folder.join(file.name))? {
            read_into(&mut train, file)?;
        } else {
            missing.push(file.name);
        }
    }
    if train.labels.is_empty() {
        return Err(DataError::unexpected(
            folder.display(),
            format!("at least one training file ({})", missing.join(", ")),
            "none",
        ));
    }
    let mut test = Images::default();
    read_into(&mut test, &release.test)?;

    let records = DataRecords {
        train: count_of(&train, release.train),
        test: count_of(&test, &[release.test]),
    };
    Ok(Data {
        train: ImageSet::new(train),
        test: ImageSet::new(test),
        classes: release.classes(),
        normalization: release.normalization,
        hash: hex(&checksums.finalize()),
        records,
        notes: partial_notes(&records, &missing),
    })
}

fn count_of(images: &Images, files: &[ReleaseFile]) -> RecordCount {
    RecordCount {
        found: images.labels.len(),
        official: files.iter().map(|file| file.records).sum(),
    }
}

/// Reads the test file of a release, which may be the only one in `folder`.
pub fn read_test(release: &Release, folder: &Path) -> Result<TestData, DataError> {
    let mut test = Images::default();
    let path = folder.join(release.test.name);
    read_file(&path, &release.test, release.labels, &mut test)?;
    Ok(TestData {
        notes: Vec::from_iter(partial_note("test", count_of(&test, &[release.test]))),
        images: ImageSet::new(test),
        classes: release.classes(),
        normalization: release.normalization,
    })
}

/// Appends the records of one file to `images` and returns the file's SHA-256.
pub fn read_file(
    path: &Path,
    file: &ReleaseFile,
    labels: &[Label],
    images: &mut Images,
) -> Result<String, DataError> {
    let unreadable = |error| DataError::io(path, "a readable file", &error);
    is_file(path)?; // opening a pipe would wait for its writer
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    let record_bytes = labels.len() + IMAGE_BYTES;
    let records = count_records(path, metadata.len(), record_bytes, file.records)?;

    let mut reader = BufReader::with_capacity(1 << 20, File::open(path).map_err(unreadable)?);
    let mut checksum = Sha256::new();
    let mut record = vec![0; record_bytes];
    images.pixels.reserve_exact(records * IMAGE_BYTES);
    for number in 0..records {
        reader.read_exact(&mut record).map_err(unreadable)?;
        checksum.update(&record);
        let (label_bytes, pixels) = record.split_at(labels.len());
        check_labels(path, number, labels, label_bytes)?;
        images.labels.extend(label_bytes.last());
        images.pixels.extend_from_slice(pixels);
    }
    Ok(hex(&checksum.finalize()))
}

fn count_records(
    path: &Path,
    bytes: u64,
    record_bytes: usize,
    official: usize,
) -> Result<usize, DataError> {
    let (records, rest) = (bytes / record_bytes as u64, bytes % record_bytes as u64);
    if bytes == 0 || rest != 0 {
        return Err(DataError::unexpected(
            path.display(),
            format!("whole records of {record_bytes} bytes"),
            match bytes {
                0 => "an empty file".to_owned(),
                _ => format!("{bytes} bytes: {records} records and {rest} bytes"),
            },
        ));
    }
    if records > official as u64 {
        return Err(DataError::unexpected(
            path.display(),
            format!("at most {official} records"),
            records.to_string(),
        ));
    }
    Ok(records as usize)
}

fn check_labels(
    path: &Path,
    number: usize,
    labels: &[Label],
    found: &[u8],
) -> Result<(), DataError> {
    for (label, &value) in labels.iter().zip(found) {
        if value >= label.classes {
            return Err(DataError::unexpected(
                format_args!("{}: record {number}", path.display()),
                format!("a {} from 0 to {}", label.name, label.classes - 1),
                value.to_string(),
            ));
        }
    }
    Ok(())
}

fn partial_notes(records: &DataRecords, missing: &[&str]) -> Vec<String> {
    let missing = (!missing.is_empty()).then(|| format!("missing: {}", missing.join(", ")));
    [
        partial_note("training", records.train),
        missing,
        partial_note("test", records.test),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn partial_note(split: &str, count: RecordCount) -> Option<String> {
    (!count.is_complete()).then(|| format!("partial: {count} {split} records"))
}

#[cfg(test)]
mod tests;
