//! `experiment data` as its user meets it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;

use crate::support::{Finished, Scratch};

/// Runs the program with a data folder of its own, so that the user's is never touched.
fn experiment(home: &Path, arguments: &[&str]) -> Finished {
    let scratch = Scratch::new();
    Finished::of(scratch.command(arguments).env("EXPERIMENT_DATA", home))
}

fn records(labels: &[u8]) -> Vec<u8> {
    labels
        .iter()
        .flat_map(|&label| [&[label][..], &[0; 3072]].concat())
        .collect()
}

/// Two training files of ten records and a test file, in a folder as the archive unpacks to.
fn small_cifar10() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("cifar-10-batches-bin");
    std::fs::create_dir(&folder).unwrap();
    for name in ["data_batch_1.bin", "data_batch_2.bin"] {
        std::fs::write(folder.join(name), records(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9])).unwrap();
    }
    std::fs::write(folder.join("test_batch.bin"), records(&[0, 0, 9])).unwrap();
    root
}

/// Answers every request with a status and no content; returns its address.
fn refusing_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
        }
    });
    url
}

#[test]
fn verify_describes_a_partial_folder() {
    let root = small_cifar10();
    let outcome = experiment(root.path(), &["data", "verify", "cifar10"]);
    let outcome = outcome.expect(0);
    let expected = format!(
        "cifar10 in {}
  data_batch_1.bin  10 of 10000 records, not the official bytes
  data_batch_2.bin  10 of 10000 records, not the official bytes
  data_batch_3.bin  missing
  data_batch_4.bin  missing
  data_batch_5.bin  missing
  test_batch.bin    3 of 10000 records, not the official bytes
  training: 20 records, 2 in each of 10 classes
  test: 3 records, by class 2 0 0 0 0 0 0 0 0 1
  partial, 23 of 60000 records; official release: no
",
        root.path().join("cifar-10-batches-bin").display()
    );
    assert_eq!(outcome.stdout, expected);
}

#[test]
fn verify_without_a_name_takes_what_it_finds() {
    let root = small_cifar10();
    let outcome = experiment(root.path(), &["data", "verify"]);
    let outcome = outcome.expect(0);
    assert_eq!(outcome.stdout.matches(" in /").count(), 1);
}

#[test]
fn data_dir_on_the_command_line_comes_before_the_environment() {
    let (root, empty) = (small_cifar10(), tempfile::tempdir().unwrap());
    let folder = root.path().join("cifar-10-batches-bin");
    for data_dir in [root.path(), &folder] {
        let data_dir = data_dir.to_str().unwrap();
        let outcome = experiment(
            empty.path(),
            &["data", "verify", "cifar10", "--data-dir", data_dir],
        );
        outcome.expect(0);
    }
}

#[test]
fn verify_names_every_damaged_file_and_exits_with_4() {
    let root = small_cifar10();
    let folder = root.path().join("cifar-10-batches-bin");
    std::fs::write(folder.join("data_batch_2.bin"), "short").unwrap();
    std::fs::write(folder.join("test_batch.bin"), records(&[0, 77])).unwrap();
    let outcome = experiment(root.path(), &["data", "verify"]);
    let outcome = outcome.expect(4);
    assert!(
        outcome
            .stdout
            .contains("found 5 bytes: 0 records and 5 bytes"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome
            .stdout
            .contains("record 1: expected a label from 0 to 9, found 77"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome.stderr.contains("found damage or gaps"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn nothing_to_verify_exits_with_4_and_says_where_it_looked() {
    let empty = tempfile::tempdir().unwrap();
    for arguments in [&["data", "verify"][..], &["data", "verify", "cifar10"]] {
        let outcome = experiment(empty.path(), arguments);
        let outcome = outcome.expect(4);
        assert_eq!(outcome.stdout, "");
        assert!(
            outcome.stderr.contains(empty.path().to_str().unwrap()),
            "{}",
            outcome.stderr
        );
        assert!(
            outcome.stderr.contains("experiment data fetch cifar10"),
            "{}",
            outcome.stderr
        );
    }
}

#[test]
fn fetch_from_a_mirror_that_fails_exits_with_4_and_asks_nobody_else() {
    let home = tempfile::tempdir().unwrap();
    let mirror = refusing_server();
    let outcome = experiment(
        home.path(),
        &["data", "fetch", "cifar100", "--mirror", &mirror],
    );
    let outcome = outcome.expect(4);
    assert_eq!(outcome.stdout, "");
    assert!(
        outcome
            .stderr
            .contains(&format!("{mirror}/cifar-100-binary.tar.gz"))
    );
    assert!(outcome.stderr.contains("404"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("https://"), "{}", outcome.stderr);
    assert!(!home.path().join("cifar-100-binary").exists());
}

#[test]
fn fetch_never_replaces_files_of_the_user() {
    let root = small_cifar10();
    let outcome = experiment(root.path(), &["data", "fetch", "cifar10"]);
    let outcome = outcome.expect(4);
    assert!(
        outcome.stderr.contains("move it away"),
        "{}",
        outcome.stderr
    );
    assert!(
        root.path()
            .join("cifar-10-batches-bin/data_batch_1.bin")
            .exists()
    );
}

#[test]
fn dataset_that_is_not_a_download_exits_with_2() {
    let home = tempfile::tempdir().unwrap();
    let outcome = experiment(home.path(), &["data", "fetch", "shapes"]);
    let outcome = outcome.expect(2);
    assert!(
        outcome.stderr.contains("cifar10, cifar100"),
        "{}",
        outcome.stderr
    );
}
