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

fn whole(ended: Vec<TrialResult>) -> Results {
    Results {
        ended,
        damaged: vec![],
    }
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
fn a_checkpoint_is_there_until_the_trial_has_ended() {
    let (_folder, store) = new_store();
    assert_eq!(store.checkpoint("a").unwrap(), None);
    interrupted(&store);
    let (file, content) = store.checkpoint("a").unwrap().unwrap();
    assert_eq!(content, b"state");
    let trial = resumed(&store, 2, 1).unwrap();
    assert!(file.exists());
    trial.finish(&done("a", json!({}), 0.5)).unwrap();
    assert!(!file.exists());

    // A kill between the result and the removal of the checkpoint.
    fs::write(&file, b"state").unwrap();
    assert_eq!(store.checkpoint("a").unwrap(), None);
    store.remove_checkpoint("a").unwrap();
    assert!(!file.exists());
    store.remove_checkpoint("a").unwrap();
}

#[test]
fn resumed_records_are_those_that_the_checkpoint_covers_and_go_on() {
    let (_folder, store) = new_store();
    interrupted(&store);
    let folder = store.trial_folder("a");
    let torn = fs::read_to_string(folder.join("steps.jsonl")).unwrap() + "{\"step\": 5, \"ep";
    fs::write(folder.join("steps.jsonl"), torn).unwrap();
    let mut trial = resumed(&store, 2, 1).unwrap();
    trial.append_step(&step(3, 0.5)).unwrap();
    trial.append_epoch(&epoch(2)).unwrap();
    let values = |file: &str, key: &str| -> Vec<Value> {
        let lines = lines(&folder.join(file));
        lines.iter().map(|line| line[key].clone()).collect()
    };
    assert_eq!(values("steps.jsonl", "train_loss"), [2.5, 2.0, 0.5]);
    assert_eq!(values("epochs.jsonl", "epoch"), [1, 2]);
    assert_eq!(
        fs::read_to_string(folder.join("settings.toml")).unwrap(),
        "seed = 3\n"
    );
    let environment = fs::read(folder.join("environment.json")).unwrap();
    let environment: Value = serde_json::from_slice(&environment).unwrap();
    assert_eq!(environment["resumed"][0]["step"], 2);
}

#[test]
fn records_that_the_checkpoint_covers_must_be_there() {
    let (_folder, store) = new_store();
    interrupted(&store);
    let folder = store.trial_folder("a");
    let refusal = |steps, epochs| {
        let error = resumed(&store, steps, epochs).unwrap_err();
        assert!(error.proves_damage(), "{error}");
        error.to_string()
    };
    let message = refusal(5, 1);
    assert!(
        message.ends_with("a/steps.jsonl: line 5: expected step 5, found another or none"),
        "{message}"
    );
    let message = refusal(2, 3);
    assert!(
        message.ends_with("a/epochs.jsonl: line 3: expected epoch 3, found another or none"),
        "{message}"
    );
    fs::write(folder.join("environment.json"), "{\"vers").unwrap();
    let message = refusal(2, 1);
    assert!(message.contains("a/environment.json: resumed"), "{message}");
    fs::remove_file(folder.join("steps.jsonl")).unwrap();
    let message = refusal(2, 1);
    assert!(
        message.ends_with("a/steps.jsonl: file: expected the one that the checkpoint covers, found another or none"),
        "{message}"
    );
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
    assert_eq!(store.results().unwrap(), whole(results.to_vec()));
}

#[test]
fn a_result_torn_by_a_kill_while_it_was_written_does_not_count() {
    let (_folder, store) = new_store();
    drop(store.begin("a", "", &environment()).unwrap());
    let torn = store.trial_folder("a").join(".result.json.partial");
    fs::write(&torn, "{\"id\": \"a\", \"sta").unwrap();
    assert_eq!(store.results().unwrap(), whole(vec![]));
    add(&store, &done("a", json!({}), 0.5));
    assert_eq!(store.results().unwrap().ended.len(), 1);
    assert!(!torn.exists());
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
            message.ends_with(&format!("a failed one, found it {state}")),
            "{message}"
        );
        assert_eq!(store.stored(id).unwrap(), before);
    }
}

#[test]
fn a_damaged_result_is_named_beside_the_whole_ones_and_is_kept() {
    let (_folder, store) = new_store();
    add(&store, &done("a", json!({ "seed": 0 }), 0.5));
    let other = done("b", json!({ "seed": 1 }), 0.25);
    add(&store, &other);
    let file = store.trial_folder("a").join("result.json");
    let whole = fs::read(&file).unwrap();
    let damages: [(&[u8], &str); 6] = [
        (b"", "EOF while parsing a value"),
        (&whole[..whole.len() / 2], "EOF while parsing"),
        (&[0; 64], "expected value at line 1 column 1"),
        (b"[]", "invalid length 0"),
        (b"{}", "missing field `id`"),
        (b"\xff\xfe", "expected value"),
    ];
    for (bytes, cause) in damages {
        fs::write(&file, bytes).unwrap();
        let results = store.results().unwrap();
        assert_eq!(results.ended, std::slice::from_ref(&other));
        let [damage] = results.damaged.as_slice() else {
            panic!("one trial is damaged: {results:?}");
        };
        assert_eq!(damage.file, file);
        assert!(damage.to_string().contains(cause), "{damage}");
        assert_eq!(fs::read(&file).unwrap(), bytes);
    }
    drop(store.begin("a", "", &environment()).unwrap());
    let kept = store.folder.join("set-aside/a-1/result.json");
    assert_eq!(fs::read(kept).unwrap(), b"\xff\xfe");
}

#[test]
fn every_truncation_of_a_result_is_noticed() {
    let whole = serde_json::to_vec(&done("a", json!({ "seed": 0 }), 0.5)).unwrap();
    for length in 0..whole.len() {
        assert!(
            TrialResult::from_json("a", &whole[..length]).is_err(),
            "{length} bytes"
        );
    }
}

#[test]
fn a_result_copied_into_another_trials_folder_is_damage() {
    let (_folder, store) = new_store();
    add(&store, &done("a", json!({}), 0.5));
    add(&store, &done("b", json!({}), 0.5));
    fs::copy(
        store.trial_folder("a").join("result.json"),
        store.trial_folder("b").join("result.json"),
    )
    .unwrap();
    let results = store.results().unwrap();
    assert_eq!(results.ended, [done("a", json!({}), 0.5)]);
    let message = results.damaged[0].to_string();
    assert!(
        message.contains("id: expected \"b\", the folder's name, found \"a\""),
        "{message}"
    );
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

#[test]
fn a_disk_that_fails_is_neither_damage_nor_an_empty_store() {
    let (_folder, store) = new_store();
    interrupted(&store);
    let folder = store.trial_folder("a");
    // To read a folder as a file fails as a broken disk does: not with "not found".
    for name in ["checkpoint.safetensors", "steps.jsonl", "result.json"] {
        let file = folder.join(name);
        let kept = folder.join("kept");
        let was_there = fs::rename(&file, &kept).is_ok();
        fs::create_dir(&file).unwrap();
        let error = match name {
            "checkpoint.safetensors" => store.checkpoint("a").unwrap_err(),
            "steps.jsonl" => resumed(&store, 2, 1).unwrap_err(),
            _ => store.stored("a").unwrap_err(),
        };
        assert!(matches!(error, StoreError::Io { .. }), "{error}");
        assert!(!error.proves_damage());
        assert!(error.to_string().contains(name), "{error}");
        fs::remove_dir(&file).unwrap();
        if was_there {
            fs::rename(&kept, &file).unwrap();
        }
    }
    assert!(store.checkpoint("a").unwrap().is_some());
}

#[test]
fn a_trial_that_cannot_be_read_does_not_keep_the_others_from_a_report() {
    let (_folder, store) = new_store();
    let other = done("b", json!({ "seed": 1 }), 0.25);
    for result in [done("a", json!({ "seed": 0 }), 0.5), other.clone()] {
        add(&store, &result);
    }
    for name in ["result.json", "settings.toml"] {
        let file = store.trial_folder("a").join(name);
        let content = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        let results = store.results().unwrap();
        assert_eq!(results.ended, std::slice::from_ref(&other));
        assert_eq!(results.damaged[0].file, file);
        assert!(store.trials().unwrap().iter().all(|trial| trial.id == "b"));
        // Who trains must not take it for one without a result.
        assert!(matches!(store.stored("a"), Err(StoreError::Io { .. })));
        fs::remove_dir(&file).unwrap();
        fs::write(&file, content).unwrap();
    }
}

#[test]
fn a_checkpoint_vouches_for_records_settings_and_environment() {
    let (_folder, store) = new_store();
    interrupted(&store);
    let mut trial = resumed(&store, 2, 1).unwrap();
    let covered = Covered {
        steps: 2,
        epochs: 1,
        notes: trial.covered(1),
    };
    trial.save_checkpoint(b"state").unwrap();
    drop(trial);
    let resume = || store.resume("a", "seed = 3\n", &environment(), &covered);
    let folder = store.trial_folder("a");
    for name in ["steps.jsonl", "epochs.jsonl"] {
        let file = folder.join(name);
        let whole = fs::read_to_string(&file).unwrap();
        fs::write(&file, whole.replacen('5', "6", 1)).unwrap();
        let error = resume().unwrap_err();
        assert!(
            error.proves_damage() && error.to_string().contains(name),
            "{error}"
        );
        fs::write(&file, whole).unwrap();
    }
    fs::write(folder.join("settings.toml"), "seed = 4\n").unwrap();
    fs::write(folder.join("environment.json"), "{}").unwrap();
    let trial = resume().unwrap();
    assert_eq!(
        fs::read_to_string(folder.join("settings.toml")).unwrap(),
        "seed = 3\n"
    );
    let environment: Value =
        serde_json::from_slice(&fs::read(folder.join("environment.json")).unwrap()).unwrap();
    assert_eq!(environment["data_hash"], "sha256:0f");
    assert_eq!(environment["resumed"].as_array().unwrap().len(), 2);
    // The digests of the next checkpoint go on from those of the last.
    assert_eq!(
        trial.covered(1)["steps_sha256"],
        covered.notes["steps_sha256"]
    );
}
