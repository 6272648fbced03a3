//! What the program believes of a store, and how it opens one.

use std::path::PathBuf;

use crate::run::{CROSS_ENTROPY, sweep};
use crate::support::{Scratch, trials};

/// A scratch folder with a store `s` of two finished trials of `a.toml`, and their folders.
fn finished() -> (Scratch, Vec<PathBuf>) {
    let scratch = Scratch::new();
    scratch.write("a.toml", &sweep(CROSS_ENTROPY, "[1, 2]", ""));
    scratch.run(&["run", "a.toml", "--store", "s"]).expect(0);
    let folders = trials(&scratch, "s");
    assert_eq!(folders.len(), 2);
    (scratch, folders)
}

fn replace(file: &PathBuf, from: &str, to: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(file, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn a_changed_result_is_named_and_left_out_and_can_be_trained_again() {
    let (scratch, folders) = finished();
    let result = folders[0].join("result.json");
    replace(&result, "\"accuracy\": 0.", "\"accuracy\": 0.9");
    for arguments in [&["report", "s"][..], &["run", "a.toml", "--store", "s"]] {
        let run = scratch.run(arguments).expect(3);
        assert!(
            run.stderr.contains("result.json: expected SHA-256 "),
            "{run:#?}"
        );
        assert!(
            run.stderr
                .contains("1 of 2 trials are damaged and excluded"),
            "{run:#?}"
        );
        assert!(run.stderr.contains("--retry damaged"), "{run:#?}");
        // The other trial's row.
        assert!(run.stdout.contains("cross_entropy   1 "), "{run:#?}");
    }
    let plan = scratch
        .run(&["run", "a.toml", "--store", "s", "--dry-run"])
        .expect(0);
    assert!(plan.stdout.contains("  damaged "), "{plan:#?}");
    assert!(
        plan.stdout.contains("\n1 damaged: --retry damaged"),
        "{plan:#?}"
    );
    let again = ["run", "a.toml", "--store", "s", "--retry", "damaged"];
    let run = scratch.run(&again).expect(0);
    assert!(run.stdout.contains("cross_entropy   2 "), "{run:#?}");
    let id = folders[0].file_name().unwrap().to_str().unwrap();
    assert!(
        scratch
            .path(&format!("s/set-aside/{id}-1/result.json"))
            .exists()
    );
}

#[test]
fn weights_records_and_settings_that_are_gone_are_noticed() {
    let (scratch, folders) = finished();
    scratch.run(&["report", "s"]).expect(0);
    for name in [
        "model.safetensors",
        "epochs.jsonl",
        "steps.jsonl",
        "settings.toml",
    ] {
        let file = folders[1].join(name);
        let content = std::fs::read(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        for arguments in [&["report", "s"][..], &["run", "a.toml", "--store", "s"]] {
            let run = scratch.run(arguments).expect(3);
            let message = format!("{name}: expected a file, found none");
            assert!(run.stderr.contains(&message), "{run:#?}");
        }
        std::fs::write(&file, content).unwrap();
    }
    scratch.run(&["report", "s"]).expect(0);
}

#[cfg(unix)]
#[test]
fn a_finished_store_prints_its_table_where_nothing_can_be_written() {
    let (scratch, _) = finished();
    let table = scratch
        .run(&["run", "a.toml", "--store", "s"])
        .expect(0)
        .stdout;
    // Permissions do not hold back an administrator, a link to nothing in the place of a folder does.
    std::fs::remove_dir(scratch.path("s/attempts")).unwrap();
    std::os::unix::fs::symlink("nothing", scratch.path("s/attempts")).unwrap();
    let run = scratch.run(&["run", "a.toml", "--store", "s"]).expect(0);
    assert_eq!(run.stdout, table);
    let more = ["run", "a.toml", "--store", "s"];
    scratch.write("a.toml", &sweep(CROSS_ENTROPY, "[1, 2, 3]", ""));
    let run = scratch.run(&more).expect(1);
    let message = "s/attempts: cannot create the folder: ";
    assert!(run.stderr.contains(message), "{run:#?}");
}

#[test]
fn a_file_as_a_store_is_refused_alike_by_every_command() {
    let (scratch, _) = finished();
    scratch.write("file", "");
    for arguments in [
        &["report", "file"][..],
        &["run", "a.toml", "--store", "file"],
        &["run", "a.toml", "--store", "file", "--dry-run"],
    ] {
        let run = scratch.run(arguments).expect(2);
        let message = "error: file: store: expected a folder with trials/";
        assert!(run.stderr.contains(message), "{run:#?}");
    }
}

#[test]
fn a_sweep_whose_data_is_missing_leaves_no_store() {
    let scratch = Scratch::new();
    let text = sweep(CROSS_ENTROPY, "[1]", "").replace("\"shapes\"", "\"cifar10\"");
    scratch.write("a.toml", &text);
    std::fs::create_dir(scratch.path("data")).unwrap();
    let run = ["run", "a.toml", "--store", "s", "--data-dir", "data"];
    scratch.run(&run).expect(4);
    assert!(!scratch.path("s").exists());
}
