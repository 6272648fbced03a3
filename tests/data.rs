//! `experiment data` as its user meets it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;

use serde_json::json;

use crate::support::{Finished, Scratch, read_json, trials};

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
  partial, 23 of 60000 records; official release: no, but usable for training, so the exit code is 0
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
        outcome.stderr.contains("found damaged or missing ones"),
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

const SWEEP: &str = r#"
name = "small"
losses = [{ name = "cross_entropy" }, { name = "poly1" }]
seeds = [1]
[train]
width = 1
epochs = 1
batch_size = 10
backend = "flex"
threads = 1
"#;

#[test]
fn results_on_a_part_of_a_dataset_say_so_wherever_they_are_read() {
    let (root, scratch) = (small_cifar10(), Scratch::new());
    scratch.write("a.toml", SWEEP);
    let home = root.path().to_str().unwrap();
    let run = scratch
        .run(&["run", "a.toml", "--data-dir", home])
        .expect(0);
    let line =
        "Partial dataset: cifar10 with 20 of 50000 training records and 3 of 10000 test records.\n";
    assert_eq!(run.stdout.matches(line).count(), 1, "{run:#?}");
    let records = json!({
        "train": { "found": 20, "official": 50_000 },
        "test": { "found": 3, "official": 10_000 },
    });
    for folder in trials(&scratch, "runs/small") {
        let environment = read_json(&folder.join("environment.json"));
        assert_eq!(environment["data_records"], records);
    }
    // Without the files: the store alone tells it.
    drop(root);
    for format in [
        &["report", "runs/small"][..],
        &["report", "runs/small", "--markdown"],
    ] {
        let report = scratch.run(format).expect(0);
        assert!(report.stdout.ends_with(line), "{report:#?}");
    }
    let json = scratch
        .run(&["report", "runs/small", "--json"])
        .expect(0)
        .json();
    assert_eq!(json[1]["data_records"], records);
    let csv = scratch.run(&["report", "runs/small", "--csv"]).expect(0);
    let header = "data_train_found,data_train_official,data_test_found,data_test_official";
    assert!(csv.stdout.contains(header), "{csv:#?}");
    assert_eq!(
        csv.stdout.matches("20,50000,3,10000").count(),
        2,
        "{csv:#?}"
    );
}

#[test]
fn results_on_a_whole_dataset_have_no_such_line() {
    let scratch = Scratch::new();
    let train = "dataset = \"shapes\"\nsubset = 20\n";
    scratch.write("a.toml", &(SWEEP.to_owned() + train));
    let run = scratch.run(&["run", "a.toml"]).expect(0);
    assert!(!run.stdout.contains("Partial"), "{run:#?}");
    let environment = read_json(&trials(&scratch, "runs/small")[0].join("environment.json"));
    let train = &environment["data_records"]["train"];
    assert_eq!(*train, json!({ "found": 5000, "official": 5000 }));
}

/// Every command that reads a dataset's files refuses those in `home` and says all `parts`.
fn assert_every_reader_says(home: &Path, parts: &[&str]) {
    let scratch = Scratch::new();
    scratch.write("a.toml", SWEEP);
    let train = "dataset = \"shapes\"\nsubset = 10\n";
    let weights = SWEEP.replace("small", "weights") + train;
    scratch.write("weights.toml", &weights);
    scratch.run(&["run", "weights.toml"]).expect(0);
    let weights = trials(&scratch, "runs/weights")[0].join("model.safetensors");
    let weights = weights.to_str().unwrap();
    for arguments in [
        &["data", "verify", "cifar10"][..],
        &["data", "fetch", "cifar10"],
        &["run", "a.toml"],
        &["eval", "--weights", weights, "--width", "1"],
    ] {
        let mut command = scratch.command(arguments);
        let outcome = Finished::of(command.env("EXPERIMENT_DATA", home)).expect(4);
        let said = outcome.stdout.clone() + &outcome.stderr;
        for part in parts {
            assert!(said.contains(part), "{arguments:?}: {part}: {outcome:#?}");
        }
        assert!(!said.contains("test_batch.bin    missing"), "{outcome:#?}");
    }
}

#[cfg(unix)]
#[test]
fn file_that_cannot_be_opened_exits_with_4_everywhere_and_is_named_with_the_cause() {
    let root = small_cifar10();
    let file = root.path().join("cifar-10-batches-bin/test_batch.bin");
    let link = |target: &str| {
        std::fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink(target, &file).unwrap();
    };
    link("/nowhere");
    assert_every_reader_says(
        root.path(),
        &["test_batch.bin: expected a file, found a symbolic link to /nowhere: No such file"],
    );
    link("test_batch.bin");
    assert_every_reader_says(
        root.path(),
        &["test_batch.bin: expected a file, found ", "Too many levels"],
    );
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    assert_every_reader_says(
        root.path(),
        &["test_batch.bin: expected a file, found a folder"],
    );
    assert!(file.is_dir());
}

#[cfg(unix)]
#[test]
fn folder_that_is_a_link_to_nowhere_exits_with_4_everywhere() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("cifar-10-batches-bin");
    std::os::unix::fs::symlink("/nowhere", &folder).unwrap();
    let expected = "cifar-10-batches-bin: expected a folder, found a symbolic link to /nowhere: ";
    assert_every_reader_says(home.path(), &[expected]);
    assert!(folder.is_symlink());
}

#[test]
fn python_version_and_an_archive_lead_to_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("cifar-100-python")).unwrap();
    std::fs::write(home.path().join("cifar-10-binary.tar.gz"), "<html>").unwrap();
    let outcome = experiment(home.path(), &["data", "verify"]).expect(4);
    for part in [
        "cifar-100-python is the Python version",
        "experiment data fetch cifar100 --data-dir",
        "cifar-10-binary.tar.gz is not the official archive, it has 6 of 170052171 bytes",
        "experiment data fetch cifar10 --data-dir",
    ] {
        assert!(outcome.stderr.contains(part), "{part}: {outcome:#?}");
    }
    let mirror = refusing_server();
    let arguments = ["data", "fetch", "cifar10", "--mirror", &mirror];
    let outcome = experiment(home.path(), &arguments).expect(4);
    for part in [
        "cifar-10-binary.tar.gz: expected the official file of 170052171 bytes, found 6",
        "--mirror URL selects another source",
    ] {
        assert!(outcome.stderr.contains(part), "{part}: {outcome:#?}");
    }
}

#[test]
fn mirror_that_is_no_web_address_exits_with_2() {
    let home = tempfile::tempdir().unwrap();
    let wrong = "nonsense|/a/b.tar.gz|file:///a|ftp://a/b|http://|https:///a|http://a b|http://a:99999/|http://u@a:b/|";
    for mirror in wrong.split('|') {
        let arguments = ["data", "fetch", "cifar10", "--mirror", mirror];
        let outcome = experiment(home.path(), &arguments).expect(2);
        assert!(outcome.stderr.contains("'--mirror <URL>'"), "{outcome:#?}");
    }
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn help_of_verify_tells_its_exit_codes() {
    let help = Scratch::new().run(&["data", "verify", "--help"]).expect(0);
    assert!(
        help.stdout
            .contains("Exit codes: 0 if the files can be trained on"),
        "{help:#?}"
    );
}

#[test]
fn subset_beyond_the_dataset_is_a_wrong_setting_and_beyond_a_part_of_it_lacking_data() {
    let (root, scratch) = (small_cifar10(), Scratch::new());
    scratch.write(
        "whole.toml",
        &(SWEEP.to_owned() + "dataset = \"shapes\"\nsubset = 5001\n"),
    );
    let run = scratch.run(&["run", "whole.toml"]).expect(2);
    let expected = "train.subset: expected at most 5000 training images of shapes, at least one of them for training, found \
                    subset = 5001 and validation = 0";
    assert!(run.stderr.contains(expected), "{run:#?}");
    scratch.write("part.toml", &(SWEEP.to_owned() + "subset = 21\n"));
    let home = root.path().to_str().unwrap();
    let run = scratch
        .run(&["run", "part.toml", "--data-dir", home])
        .expect(4);
    assert!(run.stderr.contains("partial: 20 of 50000"), "{run:#?}");
    assert!(
        run.stderr.contains("at most 20 training images"),
        "{run:#?}"
    );
}
