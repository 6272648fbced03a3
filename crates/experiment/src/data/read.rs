//! The files of a dataset in a folder → its images.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::error::DataError;
use super::format;
use super::images::{ImageSet, Images};
use super::{Data, TestData};
use crate::datasets::{DatasetFiles, Shard};
use crate::digest::hex;
use crate::records::{DataRecords, RecordCount};

/// Reads every file of a dataset that is in `folder`; training files may be missing, not all.
pub fn read(files: DatasetFiles, folder: &Path) -> Result<Data, DataError> {
    let DatasetFiles { dataset, release } = files;
    let mut checksums = Sha256::new();
    let mut read_into = |images: &mut Images, shard: &'static Shard| {
        for checksum in format::read(files, shard, folder, images)? {
            checksums.update(format!("{}  {}\n", checksum.sha256, checksum.file.name));
        }
        Ok(())
    };

    let mut train = Images::default();
    let mut missing = Vec::new();
    for shard in release.train {
        let names = format::missing(release.format, shard, folder)?;
        if names.len() < shard.files.len() {
            read_into(&mut train, shard)?;
        } else {
            missing.extend(names);
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
        train: count_of(&train, dataset.training_images),
        test: count_of(&test, dataset.test_images),
    };
    Ok(Data {
        train: ImageSet::new(dataset.shape, train),
        test: ImageSet::new(dataset.shape, test),
        classes: dataset.classes(),
        normalization: dataset.normalization,
        hash: hex(&checksums.finalize()),
        records,
        notes: partial_notes(&records, &missing),
    })
}

/// Reads the test files of a dataset, which may be the only ones in `folder`.
pub fn read_test(files: DatasetFiles, folder: &Path) -> Result<TestData, DataError> {
    let DatasetFiles { dataset, release } = files;
    let mut test = Images::default();
    format::read(files, &release.test, folder, &mut test)?;
    Ok(TestData {
        notes: Vec::from_iter(partial_note("test", count_of(&test, dataset.test_images))),
        images: ImageSet::new(dataset.shape, test),
        classes: dataset.classes(),
        normalization: dataset.normalization,
    })
}

fn count_of(images: &Images, official: usize) -> RecordCount {
    RecordCount {
        found: images.labels.len(),
        official,
    }
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
