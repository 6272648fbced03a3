//! The official binary files of CIFAR-10 and CIFAR-100.
//!
//! A record is one label byte (CIFAR-100: coarse, then fine) and the pixels: red, green and blue plane, each
//! row-major.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::Checksum;
use crate::data::error::DataError;
use crate::data::images::Images;
use crate::data::path_kind::is_file;
use crate::datasets::{ImageShape, Label, Shard};
use crate::digest::hex;

/// Appends the records of a shard's one file to `images`.
pub fn read(
    labels: &[Label],
    shape: ImageShape,
    shard: &'static Shard,
    folder: &Path,
    images: &mut Images,
) -> Result<Vec<Checksum>, DataError> {
    let [file] = shard.files else {
        panic!("expected one file of records, found {}", shard.files.len())
    };
    let path = folder.join(file.name);
    let unreadable = |error| DataError::io(&path, "a readable file", &error);
    is_file(&path)?; // opening a pipe would wait for its writer
    let metadata = std::fs::metadata(&path).map_err(unreadable)?;
    let record_bytes = labels.len() + shape.bytes();
    let records = count_records(&path, metadata.len(), record_bytes, shard.images)?;

    let mut reader = BufReader::with_capacity(1 << 20, File::open(&path).map_err(unreadable)?);
    let mut checksum = Sha256::new();
    let mut record = vec![0; record_bytes];
    images.pixels.reserve_exact(records * shape.bytes());
    for number in 0..records {
        reader.read_exact(&mut record).map_err(unreadable)?;
        checksum.update(&record);
        let (label_bytes, pixels) = record.split_at(labels.len());
        check_labels(&path, number, labels, label_bytes)?;
        images.labels.extend(label_bytes.last());
        images.pixels.extend_from_slice(pixels);
    }
    Ok(vec![(file, hex(&checksum.finalize()))])
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
