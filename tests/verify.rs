//! `experiment verify`: a trial trained again, and compared with what the store has.

use std::fs;

use crate::run::{CROSS_ENTROPY, sweep};
use crate::support::{Scratch, read_json, trials};

fn one_trial() -> (Scratch, String) {
    let scratch = Scratch::new();
    scratch.write("a.toml", &sweep(CROSS_ENTROPY, "[1]", "validation = 50"));
    scratch.run(&["run", "a.toml", "--store", "s"]).expect(0);
    let id = trials(&scratch, "s")[0]
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    (scratch, id)
}

#[test]
fn a_rerun_is_bitwise_equal_and_leaves_the_store_alone() {
    let (scratch, id) = one_trial();
    let store = || {
        let files = fs::read_dir(&trials(&scratch, "s")[0]).unwrap();
        let mut files: Vec<_> = files
            .map(|file| file.unwrap().path())
            .map(|file| (fs::read(&file).unwrap(), file))
            .collect();
        files.sort();
        files
    };
    let before = store();
    let run = scratch
        .run(&["verify", "s", &id[..6], "--threads", "1"])
        .expect(0);
    assert!(run.stdout.contains("seed 1: bitwise equal\n"), "{run:#?}");
    assert!(run.stdout.contains("threads"), "{run:#?}");
    assert!(run.stderr.contains("epoch 2/2"), "{run:#?}");
    assert_eq!(store(), before);
    assert!(!scratch.path("runs").exists());
}

#[test]
fn another_backend_gives_a_different_result_and_is_named_as_the_cause() {
    let (scratch, id) = one_trial();
    let run = scratch
        .run(&["verify", "s", &id, "--backend", "ndarray"])
        .expect(6);
    for part in [
        "weights: largest relative difference ",
        "training losses: largest relative difference ",
        "first difference of the records: ",
        "accuracy",
        "the likely cause",
        "backend",
        "ndarray",
        "declared determinism: bitwise",
    ] {
        assert!(run.stdout.contains(part), "{part}: {run:#?}");
    }
}

#[test]
fn a_trial_that_diverges_does_so_again() {
    let scratch = crate::report::validated();
    let folders = trials(&scratch, "s").into_iter();
    let mut found = folders.filter(|it| read_json(&it.join("result.json"))["state"] == "diverged");
    let folder = found.next().expect("a diverged trial");
    let id = folder.file_name().unwrap().to_str().unwrap();
    let run = scratch.run(&["verify", "s", id]).expect(0);
    assert!(run.stdout.contains("bitwise equal"), "{run:#?}");
}

#[test]
fn trials_without_a_whole_result_are_refused_before_anything_is_trained() {
    let (scratch, id) = one_trial();
    let folder = &trials(&scratch, "s")[0];
    let result = folder.join("result.json");
    fs::write(&result, "{").unwrap();
    let damaged = scratch.run(&["verify", "s", &id]).expect(3);
    assert!(damaged.stderr.contains("result.json"), "{damaged:#?}");
    // As a version without leases left one that had not ended.
    for name in ["result.json", "SHA256SUMS"] {
        fs::remove_file(folder.join(name)).unwrap();
    }
    let unfinished = scratch.run(&["verify", "s", &id]).expect(2);
    assert!(
        unfinished.stderr.contains("no result yet"),
        "{unfinished:#?}"
    );
    scratch.run(&["verify", "s", "zz"]).expect(2);
}
