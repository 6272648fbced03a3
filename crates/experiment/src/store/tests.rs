mod damage;
mod resume;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::records::StepRecord;
use crate::records::examples::{done, ended, environment, epoch};

/// A store for writing in a folder that goes with the first value.
pub(super) fn new_store() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(&folder.path().join("runs/sweep")).unwrap();
    (folder, store)
}

pub(super) fn add(store: &Store, result: &TrialResult) {
    let mut trial = store
        .begin(&result.id, "seed = 3\n", &environment())
        .unwrap();
    trial.append_step(&step(1, 2.5)).unwrap();
    trial.append_epoch(&epoch(1)).unwrap();
    if result.state == TrialState::Done {
        trial.save_model(b"weights").unwrap();
    }
    if let Some(test) = &result.test {
        let right = (test.accuracy() * 10_000.0) as usize;
        let correct = (0..10_000).map(|image| image < right).collect();
        trial.save_test_correct(&correct).unwrap();
    }
    trial.finish(result).unwrap();
}

fn step(step: u64, loss: f64) -> StepRecord {
    StepRecord {
        step,
        epoch: 1,
        train_loss: loss,
        train_accuracy: 0.5,
        learning_rate: 0.1,
    }
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Trial "a" from a checkpoint of a version that notes nothing of the other files.
fn resumed(store: &Store, steps: u64, epochs: u64) -> Result<TrialDir, StoreError> {
    let covered = Covered {
        steps,
        epochs,
        notes: BTreeMap::new(),
    };
    store.resume("a", "seed = 3\n", &environment(), &covered)
}

/// A trial "a" with four steps and two epochs, whose checkpoint covers what was there when it was
/// written: two steps and one epoch.
fn interrupted(store: &Store) {
    let mut trial = store.begin("a", "seed = 3\n", &environment()).unwrap();
    trial.append_step(&step(1, 2.5)).unwrap();
    trial.append_step(&step(2, 2.0)).unwrap();
    trial.append_epoch(&epoch(1)).unwrap();
    trial.save_checkpoint(b"state").unwrap();
    trial.append_step(&step(3, 1.5)).unwrap();
    trial.append_step(&step(4, 1.0)).unwrap();
    trial.append_epoch(&epoch(2)).unwrap();
}

#[test]
fn a_finished_trial_keeps_its_settings_environment_records_weights_and_result() {
    let (_folder, store) = new_store();
    let mut trial = store.begin("a", "seed = 3\n", &environment()).unwrap();
    trial.append_step(&step(1, 2.5)).unwrap();
    trial.append_step(&step(2, f64::INFINITY)).unwrap();
    trial.append_epoch(&epoch(1)).unwrap();
    trial.save_model(b"weights").unwrap();
    assert_eq!(store.stored("a").unwrap(), Stored::Nothing);
    let result = done("a", json!({ "seed": 3 }), 0.625);
    trial.finish(&result).unwrap();

    let folder = store.trial_folder("a");
    assert_eq!(store.stored("a").unwrap(), Stored::Ended(Box::new(result)));
    assert_eq!(
        fs::read_to_string(folder.join("settings.toml")).unwrap(),
        "seed = 3\n"
    );
    assert_eq!(
        fs::read(folder.join("model.safetensors")).unwrap(),
        b"weights"
    );
    assert_eq!(
        lines(&folder.join("steps.jsonl")),
        [
            json!({ "step": 1, "epoch": 1, "train_loss": 2.5, "train_accuracy": 0.5, "learning_rate": 0.1 }),
            json!({ "step": 2, "epoch": 1, "train_loss": null, "train_accuracy": 0.5, "learning_rate": 0.1 }),
        ]
    );
    assert_eq!(
        lines(&folder.join("epochs.jsonl"))[0]["evaluated_on"],
        "test"
    );
    let environment: Value =
        serde_json::from_slice(&fs::read(folder.join("environment.json")).unwrap()).unwrap();
    assert_eq!(environment["data_hash"], "sha256:0f");
}

#[test]
fn records_are_readable_after_each_epoch() {
    let (_folder, store) = new_store();
    let mut trial = store.begin("a", "", &environment()).unwrap();
    trial.append_step(&step(1, 2.5)).unwrap();
    trial.append_epoch(&epoch(1)).unwrap();
    assert_eq!(lines(&store.trial_folder("a").join("steps.jsonl")).len(), 1);
    assert_eq!(
        lines(&store.trial_folder("a").join("epochs.jsonl")).len(),
        1
    );
}

fn whole(ended: Vec<TrialResult>, unfinished: &[&str]) -> Results {
    Results {
        ended,
        damaged: vec![],
        unfinished: unfinished.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn results_come_in_the_order_of_ids_without_unfinished_trials() {
    let (_folder, store) = new_store();
    let results = [
        ended("a", json!({ "seed": 0 }), TrialState::Failed),
        done("b", json!({ "seed": 1 }), 0.5),
        ended("c", json!({ "seed": 2 }), TrialState::Diverged),
    ];
    for result in results.iter().rev() {
        add(&store, result);
    }
    drop(store.begin("b2", "", &environment()).unwrap());
    fs::write(store.folder.join("trials/notes.txt"), "mine").unwrap();
    assert_eq!(store.results().unwrap(), whole(results.to_vec(), &["b2"]));
}

#[test]
fn beginning_again_removes_what_is_worthless_and_sets_the_rest_aside() {
    let (_folder, store) = new_store();
    drop(store.begin("a", "", &environment()).unwrap());
    add(&store, &ended("b", json!({}), TrialState::Failed));
    let mut interrupted = store.begin("c", "", &environment()).unwrap();
    interrupted.save_checkpoint(b"state").unwrap();
    drop(interrupted);
    for id in ["a", "b", "c", "c"] {
        fs::write(store.trial_folder(id).join("notes.txt"), "mine").unwrap();
        let mut trial = store.begin(id, "", &environment()).unwrap();
        assert!(!store.trial_folder(id).join("notes.txt").exists());
        assert_eq!(store.stored(id).unwrap(), Stored::Nothing);
        trial.save_checkpoint(b"another state").unwrap();
    }
    add(&store, &done("d", json!({}), 0.5));
    fs::remove_file(store.trial_folder("d").join("result.json")).unwrap();
    drop(store.begin("d", "", &environment()).unwrap());
    let kept = |file: &str| fs::read_to_string(store.folder.join("set-aside").join(file));
    assert_eq!(kept("d-1/model.safetensors").unwrap(), "weights");
    assert!(!store.folder.join("set-aside/a-1").exists());
    assert!(kept("b-1/result.json").unwrap().contains("failed"));
    assert_eq!(kept("c-1/checkpoint.safetensors").unwrap(), "state");
    assert_eq!(kept("c-2/checkpoint.safetensors").unwrap(), "another state");
    for place in ["b-1", "c-1", "c-2"] {
        assert_eq!(kept(&format!("{place}/notes.txt")).unwrap(), "mine");
    }
}

#[test]
fn a_done_or_diverged_trial_never_begins_again() {
    let (_folder, store) = new_store();
    add(&store, &done("a", json!({}), 0.5));
    add(&store, &ended("b", json!({}), TrialState::Diverged));
    for (id, state) in [("a", "done"), ("b", "diverged")] {
        let before = store.stored(id).unwrap();
        let message = store.begin(id, "", &environment()).unwrap_err().to_string();
        assert!(
            message.ends_with(&format!("a failed one, found one that is {state}")),
            "{message}"
        );
        assert_eq!(store.stored(id).unwrap(), before);
    }
}

#[test]
fn a_second_writer_is_refused_until_the_first_ends_while_readers_are_welcome() {
    let (_folder, store) = new_store();
    add(&store, &done("a", json!({}), 0.5));
    let folder = store.folder.clone();
    let error = Store::create_or_open(&folder).unwrap_err();
    assert!(matches!(&error, StoreError::Locked { folder: locked, .. } if *locked == folder));
    let message = format!(
        "runs/sweep: store: another process (pid {}) is using it",
        std::process::id()
    );
    assert!(error.to_string().ends_with(&message), "{error}");
    assert_eq!(
        Store::open_existing(&folder)
            .unwrap()
            .results()
            .unwrap()
            .ended
            .len(),
        1
    );
    drop(store);
    Store::create_or_open(&folder).unwrap();
}

#[test]
fn what_is_no_store_is_named_with_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for (path, found) in [
        (folder.path().join("absent"), "found nothing"),
        (file, "found a file"),
        (folder.path().to_path_buf(), "found a folder without it"),
    ] {
        let message = Store::open_existing(&path).unwrap_err().to_string();
        assert!(
            message.starts_with(&path.display().to_string()),
            "{message}"
        );
        assert!(message.ends_with(found), "{message}");
    }
    let file = folder.path().join("file");
    let error = Store::create_or_open(&file).unwrap_err();
    assert!(matches!(error, StoreError::NotAStore { .. }), "{error}");
    assert!(
        Store::open_if_there(&folder.path().join("absent"))
            .unwrap()
            .is_none()
    );
}

#[test]
#[should_panic(expected = "only a store opened for writing can begin a trial")]
fn a_reader_cannot_begin_a_trial() {
    let (_folder, store) = new_store();
    let reader = Store::open_existing(&store.folder).unwrap();
    reader.begin("a", "", &environment()).ok();
}
