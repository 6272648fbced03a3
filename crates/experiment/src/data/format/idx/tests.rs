use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::*;
use crate::data::read::{read as read_dataset, read_test};
use crate::data::verify::{ShardState, inspect};
use crate::datasets::DatasetFiles;

const PIXELS: usize = 28 * 28;
const TRAIN: [&str; 2] = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"];
const TEST: [&str; 2] = ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

fn mnist() -> DatasetFiles {
    DatasetFiles::of(Dataset::find("mnist").unwrap()).unwrap()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A file of images, each filled with its own number.
fn images(count: u8) -> Vec<u8> {
    let mut bytes = words(&[IMAGES, u32::from(count), 28, 28]);
    bytes.extend((0..count).flat_map(|number| [number; PIXELS]));
    bytes
}

fn labels(labels: &[u8]) -> Vec<u8> {
    [words(&[LABELS, labels.len() as u32]), labels.to_vec()].concat()
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A folder with three training images and one to test with, written by `write`.
fn small(write: impl Fn(&Path, &str, Vec<u8>)) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (names, [pixels, classes]) in [
        (TRAIN, [images(3), labels(&[7, 0, 9])]),
        (TEST, [images(1), labels(&[4])]),
    ] {
        write(folder.path(), names[0], pixels);
        write(folder.path(), names[1], classes);
    }
    folder
}

fn plain() -> TempDir {
    small(|folder, name, bytes| fs::write(folder.join(name), bytes).unwrap())
}

fn gzipped() -> TempDir {
    small(|folder, name, bytes| {
        fs::write(folder.join(format!("{name}.gz")), packed(&bytes)).unwrap();
    })
}

/// Reads a small dataset whose file of training images or labels is replaced.
fn refused(name: &str, bytes: &[u8]) -> String {
    let folder = plain();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    let error = read_dataset(mnist(), folder.path())
        .unwrap_err()
        .to_string();
    let prefix = path.display().to_string();
    error
        .strip_prefix(&prefix)
        .unwrap_or_else(|| panic!("{error}"))
        .to_owned()
}

#[test]
fn images_and_labels_are_read_alike_plain_and_packed() {
    let mut hashes = Vec::new();
    for folder in [plain(), gzipped()] {
        let data = read_dataset(mnist(), folder.path()).unwrap();
        let found: Vec<u8> = (0..3).map(|index| data.train.label(index)).collect();
        assert_eq!(found, [7, 0, 9]);
        assert_eq!(data.train.image(2), [2; PIXELS]);
        assert_eq!(data.train.shape().axes(), [28, 28, 1]);
        assert_eq!((data.test.len(), data.test.label(0)), (1, 4));
        assert_eq!(data.classes, 10);
        hashes.push(data.hash);
    }
    assert_eq!(hashes[0], hashes[1]);
}

#[test]
fn test_files_alone_can_be_read() {
    let folder = plain();
    for name in TRAIN {
        fs::remove_file(folder.path().join(name)).unwrap();
    }
    assert_eq!(read_test(mnist(), folder.path()).unwrap().images.len(), 1);
    let error = read_dataset(mnist(), folder.path())
        .unwrap_err()
        .to_string();
    let expected = "expected at least one training file (train-images-idx3-ubyte, train-labels-idx1-ubyte), found none";
    assert!(error.ends_with(expected), "{error}");
}

#[test]
fn labels_without_their_images_are_damage_and_so_is_the_reverse() {
    for name in TRAIN {
        let folder = plain();
        let path = folder.path().join(name);
        fs::remove_file(&path).unwrap();
        let error = read_dataset(mnist(), folder.path())
            .unwrap_err()
            .to_string();
        let expected = format!("{}: expected a readable file, found ", path.display());
        assert!(error.starts_with(&expected), "{error}");
        let found = inspect(mnist(), folder.path().to_path_buf());
        assert!(
            matches!(found.shards[0].1, ShardState::Damaged(_)),
            "{found:?}"
        );
        assert!(!found.usable());
    }
}

#[test]
fn other_headers_are_refused() {
    let magic =
        "expected an IDX header with magic number 0x0803 and images of 28×28, found magic number";
    for (header, found) in [
        ([LABELS, 3, 28, 28], " 0x0801 and images of 28×28"),
        ([IMAGES, 3, 32, 28], " 0x0803 and images of 32×28"),
        ([0x0d03, 3, 28, 28], " 0x0d03 and images of 28×28"),
    ] {
        assert_eq!(
            refused(TRAIN[0], &words(&header)),
            format!(": {magic}{found}")
        );
    }
    assert_eq!(
        refused(TRAIN[1], &words(&[IMAGES, 3])),
        ": expected an IDX header with magic number 0x0801, found magic number 0x0803"
    );
}

#[test]
fn truncated_long_and_empty_files_are_refused() {
    let whole = images(3);
    assert_eq!(
        refused(TRAIN[0], &whole[..whole.len() - 1]),
        format!(
            ": expected {} bytes more, found only {}",
            3 * PIXELS,
            3 * PIXELS - 1
        )
    );
    assert_eq!(
        refused(TRAIN[0], b""),
        ": expected 16 bytes more, found only 0"
    );
    assert_eq!(
        refused(TRAIN[0], &[&whole[..], b"\n"].concat()),
        ": expected nothing after its 3 records, found more bytes"
    );
}

#[test]
fn more_images_than_official_are_refused_before_they_are_read() {
    let header = words(&[IMAGES, 60_001, 28, 28]);
    assert_eq!(
        refused(TRAIN[0], &header),
        ": expected at most 60000 records, found 60001"
    );
    let header = words(&[LABELS, u32::MAX]);
    assert_eq!(
        refused(TRAIN[1], &header),
        ": expected at most 60000 records, found 4294967295"
    );
}

#[test]
fn labels_are_counted_and_in_range() {
    assert_eq!(
        refused(TRAIN[1], &labels(&[1, 2])),
        ": expected 3 labels, as train-images-idx3-ubyte has images, found 2"
    );
    assert_eq!(
        refused(TRAIN[1], &labels(&[1, 10, 2])),
        ": record 1: expected a label from 0 to 9, found 10"
    );
}

#[test]
fn damaged_packing_is_refused() {
    let whole = packed(&images(3));
    let mut flipped = whole.clone();
    let last = flipped.len() - 6; // in the checksum at the end
    flipped[last] ^= 1;
    for bytes in [&whole[..whole.len() / 2], &flipped, b"no gzip at all"] {
        let folder = gzipped();
        let path = folder.path().join(format!("{}.gz", TRAIN[0]));
        fs::write(&path, bytes).unwrap();
        let error = read_dataset(mnist(), folder.path())
            .unwrap_err()
            .to_string();
        let expected = format!(
            "{}: expected a readable file packed by gzip, found ",
            path.display()
        );
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[test]
fn files_without_images_are_refused() {
    let nothing = ": expected at least 1 record, found 0";
    assert_eq!(refused(TRAIN[0], &images(0)), nothing);
    assert_eq!(refused(TRAIN[1], &labels(&[])), nothing);
}

#[test]
fn files_of_another_dataset_are_refused_by_their_content() {
    let fashion = DatasetFiles::of(Dataset::find("fashion_mnist").unwrap()).unwrap();
    let file = &mnist().release.test.files[1];
    let checksum = |of: DatasetFiles| Checksum {
        file,
        path: "here/t10k-labels-idx1-ubyte.gz".into(),
        sha256: of.release.test.files[1].sha256.to_owned(),
    };
    let error = super::super::refuse_other_dataset(mnist(), &checksum(fashion)).unwrap_err();
    let expected = "here/t10k-labels-idx1-ubyte.gz: expected a file of mnist, found that of fashion_mnist: choose \
                    dataset fashion_mnist, or another --data-dir";
    assert_eq!(error.to_string(), expected);
    super::super::refuse_other_dataset(mnist(), &checksum(mnist())).unwrap();
}
