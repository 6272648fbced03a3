use std::fs;

use burn::data::dataset::Dataset as _;

use super::*;
use crate::data::{DatasetSource, load};
use crate::datasets::Dataset;

const IMAGE_BYTES: usize = 32 * 32 * 3;

fn cifar10() -> DatasetFiles {
    files_of("cifar10")
}

fn files_of(name: &str) -> DatasetFiles {
    DatasetFiles::of(Dataset::find(name).unwrap()).unwrap()
}

/// Records with the given labels, each filled with its own number.
fn records(labels: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, label) in labels.iter().enumerate() {
        bytes.extend_from_slice(label);
        bytes.extend([number as u8; IMAGE_BYTES]);
    }
    bytes
}

/// A folder with two records in each file of CIFAR-10.
fn small_cifar10() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (number, file) in cifar10().release.files().enumerate() {
        let labels = [number as u8, 9];
        fs::write(
            folder.path().join(file.name),
            records(&[&labels[..1], &labels[1..]]),
        )
        .unwrap();
    }
    folder
}

/// Reads a small CIFAR-10 whose first training file was changed by `damage`.
fn refused(damage: impl Fn(&Path)) -> String {
    let folder = small_cifar10();
    let path = folder.path().join("data_batch_1.bin");
    damage(&path);
    let error = read(cifar10(), folder.path()).unwrap_err().to_string();
    let prefix = format!("{}: ", path.display());
    error
        .strip_prefix(&prefix)
        .unwrap_or_else(|| panic!("{error}"))
        .to_owned()
}

#[test]
fn images_come_in_the_order_of_the_files() {
    let data = read(cifar10(), small_cifar10().path()).unwrap();
    let labels: Vec<u8> = (0..data.train.len())
        .map(|index| data.train.label(index))
        .collect();
    assert_eq!(labels, [0, 9, 1, 9, 2, 9, 3, 9, 4, 9]);
    assert_eq!(data.train.image(0), [0; IMAGE_BYTES]);
    assert_eq!(data.train.image(3), [1; IMAGE_BYTES]);
    assert_eq!((data.test.len(), data.test.label(0)), (2, 5));
    assert_eq!(data.classes, 10);
}

#[test]
fn label_of_cifar100_is_the_fine_one() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("train.bin"),
        records(&[&[19, 99], &[0, 42]]),
    )
    .unwrap();
    fs::write(folder.path().join("test.bin"), records(&[&[3, 7]])).unwrap();
    let data = read(files_of("cifar100"), folder.path()).unwrap();
    assert_eq!(
        (data.train.label(0), data.train.label(1), data.test.label(0)),
        (99, 42, 7)
    );
    assert_eq!(data.train.image(1), [1; IMAGE_BYTES]);
    assert_eq!(data.classes, 100);
}

#[test]
fn set_is_a_dataset_of_burn() {
    let data = read(cifar10(), small_cifar10().path()).unwrap();
    let item = data.train.get(2).unwrap();
    assert_eq!((item.label, item.image.len()), (1, 3072));
    assert_eq!(data.train.len(), 10);
    assert_eq!(data.test.iter().count(), 2);
}

#[test]
fn hash_is_that_of_the_files_checksums() {
    let folder = small_cifar10();
    let data = read(cifar10(), folder.path()).unwrap();
    // as `sha256sum FILES` prints it
    let lines = cifar10().release.files().map(|file| {
        let bytes = fs::read(folder.path().join(file.name)).unwrap();
        format!("{}  {}\n", hex(&Sha256::digest(bytes)), file.name)
    });
    let listing: Vec<String> = lines.collect();
    assert_eq!(data.hash, hex(&Sha256::digest(listing.concat())));
}

#[test]
fn fewer_records_than_official_are_said_to_be_partial() {
    let data = read(cifar10(), small_cifar10().path()).unwrap();
    assert_eq!(
        data.notes,
        [
            "partial: 10 of 50000 training records",
            "partial: 2 of 10000 test records"
        ]
    );
    assert_eq!(data.records.train.to_string(), "10 of 50000");
    assert_eq!(data.records.test.to_string(), "2 of 10000");
    assert!(!data.records.is_complete());
}

#[test]
fn missing_training_file_is_said() {
    let folder = small_cifar10();
    fs::remove_file(folder.path().join("data_batch_3.bin")).unwrap();
    let data = read(cifar10(), folder.path()).unwrap();
    assert_eq!(data.train.len(), 8);
    assert_eq!(data.notes[1], "missing: data_batch_3.bin");
}

#[test]
fn missing_test_file_is_refused() {
    let folder = small_cifar10();
    fs::remove_file(folder.path().join("test_batch.bin")).unwrap();
    let error = read(cifar10(), folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("test_batch.bin: expected a readable file, found "),
        "{error}"
    );
}

#[test]
fn folder_without_training_files_is_refused() {
    let folder = small_cifar10();
    for shard in cifar10().release.train {
        fs::remove_file(folder.path().join(shard.files[0].name)).unwrap();
    }
    let error = read(cifar10(), folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("expected at least one training file (data_batch_1.bin, "),
        "{error}"
    );
}

#[test]
fn empty_file_is_refused() {
    assert_eq!(
        refused(|path| fs::write(path, "").unwrap()),
        "expected whole records of 3073 bytes, found an empty file"
    );
}

#[test]
fn truncated_file_is_refused_with_its_size() {
    assert_eq!(
        refused(|path| fs::write(path, &records(&[&[1], &[2]])[..5000]).unwrap()),
        "expected whole records of 3073 bytes, found 5000 bytes: 1 record and 1927 bytes"
    );
}

#[test]
fn extra_bytes_are_refused() {
    assert_eq!(
        refused(|path| fs::write(path, [&records(&[&[1]])[..], b"\n"].concat()).unwrap()),
        "expected whole records of 3073 bytes, found 3074 bytes: 1 record and 1 byte"
    );
}

#[test]
fn records_of_cifar100_are_refused_as_cifar10() {
    let error = refused(|path| fs::write(path, records(&[&[1, 2], &[3, 4]])).unwrap());
    assert!(
        error.starts_with("expected whole records of 3073 bytes"),
        "{error}"
    );
}

#[test]
fn more_records_than_official_are_refused() {
    let error = refused(|path| {
        let file = fs::File::create(path).unwrap();
        file.set_len(10_001 * 3073).unwrap(); // sparse
    });
    assert_eq!(error, "expected at most 10000 records, found 10001");
}

#[test]
fn label_out_of_range_is_refused_with_its_record() {
    let folder = small_cifar10();
    let path = folder.path().join("data_batch_2.bin");
    fs::write(&path, records(&[&[1], &[9], &[10]])).unwrap();
    let error = read(cifar10(), folder.path()).unwrap_err().to_string();
    let expected = format!(
        "{}: record 2: expected a label from 0 to 9, found 10",
        path.display()
    );
    assert_eq!(error, expected);
}

#[test]
fn coarse_and_fine_labels_have_their_own_ranges() {
    for (labels, expected) in [
        ([20, 5], "expected a coarse label from 0 to 19, found 20"),
        ([5, 100], "expected a fine label from 0 to 99, found 100"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("train.bin"), records(&[&labels])).unwrap();
        let error = read(files_of("cifar100"), folder.path())
            .unwrap_err()
            .to_string();
        assert!(error.ends_with(expected), "{error}");
    }
}

#[test]
fn folder_in_the_place_of_a_file_is_refused() {
    let error = refused(|path| {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
    });
    assert_eq!(error, "expected a file, found a folder");
}

#[cfg(unix)]
#[test]
fn unreadable_file_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = small_cifar10();
    let path = folder.path().join("test_batch.bin");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&path).is_ok() {
        eprintln!("skipped: this user may read everything");
        return;
    }
    let error = read(cifar10(), folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("test_batch.bin: expected a readable file, found "),
        "{error}"
    );
}

#[cfg(unix)]
#[test]
fn link_that_cannot_be_followed_is_refused_and_never_missing() {
    for (target, cause) in [
        ("nowhere", "No such file or directory"),
        ("data_batch_1.bin", "Too many levels of symbolic links"),
    ] {
        let error = refused(|path| {
            fs::remove_file(path).unwrap();
            std::os::unix::fs::symlink(target, path).unwrap();
        });
        let expected = format!("expected a file, found a symbolic link to {target}: {cause}");
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn device_in_the_place_of_a_file_is_refused() {
    let error = refused(|path| {
        fs::remove_file(path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", path).unwrap();
    });
    assert_eq!(error, "expected a file, found something else");
}

#[test]
fn loading_finds_the_folder_and_reads_it() {
    let folder = small_cifar10();
    let source = |name| DatasetSource {
        dataset: Dataset::find(name).unwrap(),
        noise: 0.1,
        ambiguous: 0.0,
    };
    let data = load(&source("cifar10"), Some(folder.path())).unwrap();
    assert_eq!(data.train.len(), 10);
    assert!(load(&source("cifar100"), Some(folder.path())).is_err());
    let shapes = load(&source("shapes"), None).unwrap();
    assert_eq!((shapes.train.len(), shapes.test.len()), (5000, 1000));
    assert!(shapes.records.is_complete());
}
