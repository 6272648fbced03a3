//! Stores of each version of their format, which every later version of the program must read and continue.
//!
//! `stores/VERSION/` holds a sweep, its store when one trial was done, one had diverged and one was interrupted, and the
//! report of it. The program of that version made them with `experiment run sweep.toml --store store`, Ctrl-C, and
//! `experiment report store -q > report.txt`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Scratch, attempts, id, read_json, trials};

fn versions() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/stores");
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let from = entry.unwrap().path();
        let to = to.join(from.file_name().unwrap());
        if from.is_dir() {
            copy_folder(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}

fn results(scratch: &Scratch) -> Vec<(PathBuf, Vec<u8>)> {
    let files = trials(scratch, "store").into_iter();
    let files = files.map(|trial| trial.join("result.json"));
    files
        .map(|file| (file.clone(), fs::read(file).unwrap()))
        .collect()
}

#[test]
fn a_store_of_each_version_is_read_and_continued() {
    let versions = versions();
    assert!(!versions.is_empty());
    for version in versions {
        let scratch = Scratch::new();
        copy_folder(&version, &scratch.path("."));
        let expected = fs::read_to_string(version.join("report.txt")).unwrap();
        let report = scratch.run(&["report", "store", "-q"]).expect(0);
        assert_eq!(report.stdout, expected, "{}", version.display());

        let unfinished = attempts(&scratch, "store").remove(0);
        let before = results(&scratch);
        assert_eq!(before.len(), 2);
        let run = scratch
            .run(&["run", "sweep.toml", "--store", "store"])
            .expect(0);
        assert!(run.stderr.contains("2 of 4 trials to train"), "{run:#?}");
        let resumed = format!("({}): resuming after step ", id(&unfinished));
        assert!(run.stderr.contains(&resumed), "{run:#?}");
        let after = results(&scratch);
        assert_eq!(after.len(), 4);
        assert!(before.iter().all(|result| after.contains(result)));
        for (file, _) in after {
            assert_ne!(read_json(&file)["state"], "failed");
        }
    }
}
