//! The official binary files of CIFAR-10 and CIFAR-100.
//!
//! A record is one label byte (CIFAR-100: coarse, then fine) and the pixels: red, green and blue plane, each
//! row-major.

use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{Checksum, check_count, check_label, open};
use crate::data::error::DataError;
use crate::data::images::Images;
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
    let mut reader = open(&path)?;
    let metadata = reader.get_ref().metadata().map_err(unreadable)?;
    let record_bytes = labels.len() + shape.bytes();
    let records = count_records(&path, metadata.len(), record_bytes)?;
    check_count(&path, records, shard.images)?;

    let mut checksum = Sha256::new();
    let mut record = vec![0; record_bytes];
    images.pixels.reserve_exact(records * shape.bytes());
    for number in 0..records {
        reader.read_exact(&mut record).map_err(unreadable)?;
        checksum.update(&record);
        let (label_bytes, pixels) = record.split_at(labels.len());
        for (label, &value) in labels.iter().zip(label_bytes) {
            check_label(&path, number, label.name, value, label.classes.into())?;
        }
        images.labels.extend(label_bytes.last());
        images.pixels.extend_from_slice(pixels);
    }
    Ok(vec![Checksum {
        file,
        path,
        sha256: hex(&checksum.finalize()),
    }])
}

fn count_records(path: &Path, bytes: u64, record_bytes: usize) -> Result<usize, DataError> {
    let (records, rest) = (bytes / record_bytes as u64, bytes % record_bytes as u64);
    if bytes == 0 || rest != 0 {
        return Err(DataError::unexpected(
            path.display(),
            format!("whole records of {record_bytes} bytes"),
            match bytes {
                0 => "an empty file".to_owned(),
                _ => format!(
                    "{}: {} and {}",
                    counted(bytes, "byte"),
                    counted(records, "record"),
                    counted(rest, "byte")
                ),
            },
        ));
    }
    Ok(records as usize)
}

fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}
