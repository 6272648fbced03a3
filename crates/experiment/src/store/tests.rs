mod damage;
mod leases;
mod resume;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::records::examples::{done, ended, environment, epoch};
use crate::records::{StepRecord, TrialState};

/// The lease of a trial that no process trains and that is not done.
pub fn lease(store: &Store, id: &str) -> Lease {
    for retry in [Retry::Failed, Retry::Damaged] {
        if let Leasing::Granted(lease) = store.lease(id, Some(retry)).unwrap() {
            return lease;
        }
    }
    panic!("the lease of {id} cannot be had");
}

/// Begins a trial and leaves it.
pub fn leave_unfinished(store: &Store, id: &str, settings_toml: &str) {
    TrialDir::begin(&lease(store, id), settings_toml, &environment()).unwrap();
}

/// A store in a folder that goes with the first value.
pub(super) fn new_store() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(&folder.path().join("runs/sweep")).unwrap();
    (folder, store)
}

pub(super) fn add(store: &Store, result: &TrialResult) {
    let lease = lease(store, &result.id);
    let mut trial = TrialDir::begin(&lease, "seed = 3\n", &environment()).unwrap();
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

/// A checkpoint of a version that notes nothing of the other files.
fn covering(steps: u64, epochs: u64) -> Covered {
    Covered {
        steps,
        epochs,
        notes: BTreeMap::new(),
    }
}

/// The trial of a lease, from such a checkpoint.
fn resumed(lease: &Lease, steps: u64, epochs: u64) -> Result<TrialDir<'_>, StoreError> {
    TrialDir::resume(
        lease,
        "seed = 3\n",
        &environment(),
        &covering(steps, epochs),
    )
}

/// A trial with four steps and two epochs, whose checkpoint covers what was there when it was
/// written: two steps and one epoch.
fn interrupted(store: &Store) {
    interrupted_as(store, "a");
}

fn interrupted_as(store: &Store, id: &str) {
    let lease = lease(store, id);
    let mut trial = TrialDir::begin(&lease, "seed = 3\n", &environment()).unwrap();
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
    let lease = lease(&store, "a");
    let mut trial = TrialDir::begin(&lease, "seed = 3\n", &environment()).unwrap();
    trial.append_step(&step(1, 2.5)).unwrap();
    trial.append_step(&step(2, f64::INFINITY)).unwrap();
    trial.append_epoch(&epoch(1)).unwrap();
    trial.save_model(b"weights").unwrap();
    assert_eq!(store.stored("a").unwrap(), Stored::Nothing);
    let result = done("a", json!({ "seed": 3 }), 0.625);
    trial.finish(&result).unwrap();

    let folder = store.trial_folder("a");
    assert_eq!(store.stored("a").unwrap(), Stored::Ended(Arc::new(result)));
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
    let lease = lease(&store, "a");
    let mut trial = TrialDir::begin(&lease, "", &environment()).unwrap();
    trial.append_step(&step(1, 2.5)).unwrap();
    trial.append_epoch(&epoch(1)).unwrap();
    for name in ["steps.jsonl", "epochs.jsonl"] {
        assert_eq!(lines(&store.folder_of("a").join(name)).len(), 1);
    }
}

fn whole(ended: Vec<TrialResult>, unfinished: &[&str]) -> Results {
    Results {
        ended: ended.into_iter().map(Arc::new).collect(),
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
    leave_unfinished(&store, "b2", "");
    fs::write(store.folder.join("trials/notes.txt"), "mine").unwrap();
    assert_eq!(store.results().unwrap(), whole(results.to_vec(), &["b2"]));
}

#[test]
fn beginning_again_removes_what_is_worthless_and_sets_the_rest_aside() {
    let (_folder, store) = new_store();
    leave_unfinished(&store, "a", "");
    add(&store, &ended("b", json!({}), TrialState::Failed));
    let save_checkpoint = |id: &str, state: &[u8]| {
        let lease = lease(&store, id);
        let mut trial = TrialDir::begin(&lease, "", &environment()).unwrap();
        trial.save_checkpoint(state).unwrap();
    };
    save_checkpoint("c", b"state");
    for id in ["a", "b", "c", "c"] {
        save_checkpoint(id, b"another state");
        assert_eq!(store.stored(id).unwrap(), Stored::Nothing);
    }
    add(&store, &done("d", json!({}), 0.5));
    fs::remove_file(store.trial_folder("d").join("result.json")).unwrap();
    leave_unfinished(&store, "d", "");
    let kept = |file: &str| fs::read_to_string(store.folder.join("set-aside").join(file));
    assert_eq!(kept("d-1/model.safetensors").unwrap(), "weights");
    assert!(!store.folder.join("set-aside/a-1").exists());
    assert!(kept("b-1/result.json").unwrap().contains("failed"));
    assert_eq!(kept("c-1/checkpoint.safetensors").unwrap(), "state");
    assert_eq!(kept("c-2/checkpoint.safetensors").unwrap(), "another state");
}

#[test]
fn a_done_or_diverged_trial_never_begins_again() {
    let (_folder, store) = new_store();
    add(&store, &done("a", json!({}), 0.5));
    add(&store, &ended("b", json!({}), TrialState::Diverged));
    for id in ["a", "b"] {
        let before = store.stored(id).unwrap();
        for retry in [None, Some(Retry::Failed), Some(Retry::Damaged)] {
            let answer = store.lease(id, retry).unwrap();
            assert!(matches!(answer, Leasing::Ended), "{answer:?}");
        }
        assert_eq!(store.stored(id).unwrap(), before);
    }
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
