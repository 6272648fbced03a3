//! The IDX files of MNIST and its kin, plain or packed by gzip.
//!
//! A header of big-endian words (a magic number that tells type and number of axes, then the size of each axis),
//! then the bytes: images row-major one after the other, or labels.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

use super::{Checksum, check_count, check_label, locate};
use crate::data::error::DataError;
use crate::data::images::Images;
use crate::datasets::{Dataset, Format, ReleaseFile, Shard};
use crate::digest::hex;

/// Unsigned bytes along one axis.
const LABELS: u32 = 0x0801;
/// Unsigned bytes along three axes: image, row, column.
const IMAGES: u32 = 0x0803;

/// Ending of a packed file.
pub const PACKED: &str = ".gz";

/// Appends the images and labels of a shard's two files to `images`.
pub fn read(
    dataset: &Dataset,
    shard: &'static Shard,
    folder: &Path,
    images: &mut Images,
) -> Result<Vec<Checksum>, DataError> {
    let [image_file, label_file] = shard.files else {
        panic!(
            "expected a file of images and one of labels, found {}",
            shard.names()
        )
    };
    assert_eq!(
        dataset.shape.channels, 1,
        "IDX files hold images of one channel"
    );
    let (height, width) = (dataset.shape.height as u32, dataset.shape.width as u32);
    let pixels = Content::read(image_file, folder, IMAGES, &[height, width], shard.images)?;
    let labels = Content::read(label_file, folder, LABELS, &[], shard.images)?;
    if labels.count != pixels.count {
        return Err(DataError::unexpected(
            labels.path.display(),
            format!("{} labels, as {} has images", pixels.count, image_file.name),
            labels.count.to_string(),
        ));
    }
    for (number, &label) in labels.bytes.iter().enumerate() {
        check_label(&labels.path, number, "label", label, dataset.classes())?;
    }
    images.pixels.extend(pixels.bytes);
    images.labels.extend(labels.bytes);
    Ok(vec![
        Checksum {
            file: image_file,
            path: pixels.path,
            sha256: pixels.sha256,
        },
        Checksum {
            file: label_file,
            path: labels.path,
            sha256: labels.sha256,
        },
    ])
}

/// What a file holds.
struct Content {
    path: PathBuf,
    /// Images or labels.
    count: usize,
    bytes: Vec<u8>,
    /// Of the unpacked file.
    sha256: String,
}

impl Content {
    /// Reads `file`, which must hold at most `official` items of the size `axes`.
    fn read(
        file: &ReleaseFile,
        folder: &Path,
        magic: u32,
        axes: &[u32],
        official: usize,
    ) -> Result<Self, DataError> {
        let located = locate(Format::Idx, file, folder)?;
        let path = located.unwrap_or_else(|| folder.join(file.name));
        let mut reader = Reader {
            source: open(&path)?,
            path: &path,
            checksum: Sha256::new(),
        };
        let expected = [&[magic], axes].concat();
        let header = reader.words(2 + axes.len())?;
        let count = header[1] as usize;
        let found = [&header[..1], &header[2..]].concat();
        if found != expected {
            return Err(DataError::unexpected(
                path.display(),
                format!("an IDX header with {}", describe(&expected)),
                describe(&found),
            ));
        }
        check_count(&path, count, official)?;
        let size: u32 = axes.iter().product();
        let bytes = reader.bytes(count * size as usize)?;
        reader.end(count)?;
        let sha256 = hex(&reader.checksum.finalize());
        Ok(Self {
            path,
            count,
            bytes,
            sha256,
        })
    }
}

fn describe(header: &[u32]) -> String {
    let axes: Vec<String> = header[1..].iter().map(ToString::to_string).collect();
    match axes.as_slice() {
        [] => format!("magic number {:#06x}", header[0]),
        axes => format!(
            "magic number {:#06x} and images of {}",
            header[0],
            axes.join("×")
        ),
    }
}

fn open(path: &Path) -> Result<Box<dyn Read>, DataError> {
    let file = super::open(path)?;
    Ok(if path.to_string_lossy().ends_with(PACKED) {
        Box::new(MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    })
}

/// Reads a file and keeps the checksum of what was read.
struct Reader<'a> {
    source: Box<dyn Read>,
    path: &'a Path,
    checksum: Sha256,
}

impl Reader<'_> {
    fn bytes(&mut self, count: usize) -> Result<Vec<u8>, DataError> {
        let mut bytes = Vec::with_capacity(count);
        let read = (&mut self.source)
            .take(count as u64)
            .read_to_end(&mut bytes);
        read.map_err(|error| self.unreadable(&error))?;
        if bytes.len() < count {
            return Err(DataError::unexpected(
                self.path.display(),
                format!("{count} bytes more"),
                format!("only {}", bytes.len()),
            ));
        }
        self.checksum.update(&bytes);
        Ok(bytes)
    }

    fn words(&mut self, count: usize) -> Result<Vec<u32>, DataError> {
        let bytes = self.bytes(4 * count)?;
        let (words, _) = bytes.as_chunks::<4>();
        Ok(words.iter().map(|word| u32::from_be_bytes(*word)).collect())
    }

    /// Checks that nothing follows the `count` records, and that a packed file's own checksum matches.
    fn end(&mut self, count: usize) -> Result<(), DataError> {
        let more = self.source.read(&mut [0]);
        match more.map_err(|error| self.unreadable(&error))? {
            0 => Ok(()),
            _ => Err(DataError::unexpected(
                self.path.display(),
                format!("nothing after its {count} records"),
                "more bytes",
            )),
        }
    }

    fn unreadable(&self, error: &io::Error) -> DataError {
        let packed = self.path.to_string_lossy().ends_with(PACKED);
        let expected = if packed {
            "a readable file packed by gzip"
        } else {
            "a readable file"
        };
        DataError::io(self.path, expected, error)
    }
}

#[cfg(test)]
mod tests;
