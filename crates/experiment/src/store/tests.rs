use serde_json::{Value, json};
use tempfile::TempDir;

use super::examples::{done, ended, environment};
use super::*;

/// A store for writing in a folder that goes with the first value.
fn new_store() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(&folder.path().join("runs/sweep")).unwrap();
    (folder, store)
}

fn add(store: &Store, result: &TrialResult) {
    let trial = store
        .begin(&result.id, "seed = 0\n", &environment())
        .unwrap();
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

fn epoch(epoch: usize) -> EpochRecord {
    EpochRecord {
        epoch,
        train_loss: 1.5,
        train_accuracy: 0.5,
        evaluated_on: Split::Test,
        eval_loss: 1.25,
        eval_accuracy: 0.625,
        cross_entropy: Some(1.5),
        learning_rate: 0.1,
        images_per_second: 320.0,
        steps_skipped: None,
        time_s: 4.0,
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
    assert_eq!(store.result("a").unwrap(), None);
    let result = done("a", json!({ "seed": 3 }), 0.625);
    trial.finish(&result).unwrap();

    let folder = store.trial_folder("a");
    assert_eq!(store.result("a").unwrap(), Some(result));
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
    let trial = store.resume("a", &environment(), 2, 1).unwrap();
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
    let mut trial = store.resume("a", &environment(), 2, 1).unwrap();
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
        let resumed = store.resume("a", &environment(), steps, epochs);
        resumed.unwrap_err().to_string()
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
    assert!(message.contains("a/steps.jsonl: cannot read"), "{message}");
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
    assert_eq!(store.results().unwrap(), results);
}

#[test]
fn a_result_torn_by_a_kill_while_it_was_written_does_not_count() {
    let (_folder, store) = new_store();
    drop(store.begin("a", "", &environment()).unwrap());
    let torn = store.trial_folder("a").join(".result.json.partial");
    fs::write(&torn, "{\"id\": \"a\", \"sta").unwrap();
    assert_eq!(store.results().unwrap(), []);
    add(&store, &done("a", json!({}), 0.5));
    assert_eq!(store.results().unwrap().len(), 1);
    assert!(!torn.exists());
}

#[test]
fn beginning_again_removes_an_unfinished_or_failed_attempt() {
    let (_folder, store) = new_store();
    drop(store.begin("a", "", &environment()).unwrap());
    add(&store, &ended("b", json!({}), TrialState::Failed));
    for id in ["a", "b"] {
        let leftover = store.trial_folder(id).join("model.safetensors");
        fs::write(&leftover, "old weights").unwrap();
        drop(store.begin(id, "", &environment()).unwrap());
        assert!(!leftover.exists());
        assert_eq!(store.result(id).unwrap(), None);
    }
}

#[test]
fn a_done_or_diverged_trial_never_begins_again() {
    let (_folder, store) = new_store();
    add(&store, &done("a", json!({}), 0.5));
    add(&store, &ended("b", json!({}), TrialState::Diverged));
    for (id, state) in [("a", "done"), ("b", "diverged")] {
        let before = store.result(id).unwrap();
        let message = store.begin(id, "", &environment()).unwrap_err().to_string();
        assert!(
            message.ends_with(&format!("a failed one, found it {state}")),
            "{message}"
        );
        assert_eq!(store.result(id).unwrap(), before);
    }
}

#[test]
fn a_damaged_result_is_an_error_with_its_mend_and_is_never_trained_over() {
    let (_folder, store) = new_store();
    add(&store, &done("a", json!({ "seed": 0 }), 0.5));
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
        let messages = [
            store.result("a").unwrap_err().to_string(),
            store.results().unwrap_err().to_string(),
            store
                .begin("a", "", &environment())
                .unwrap_err()
                .to_string(),
        ];
        for message in messages {
            assert!(
                message.contains("a/result.json: expected the result of a trial"),
                "{message}"
            );
            assert!(message.contains(cause), "{message}");
            assert!(message.contains("delete its folder"), "{message}");
        }
        assert_eq!(fs::read(&file).unwrap(), bytes);
    }
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
    let message = store.results().unwrap_err().to_string();
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
    assert!(matches!(&error, StoreError::Locked { folder: locked } if *locked == folder));
    assert!(
        error
            .to_string()
            .contains("runs/sweep: store: expected no other process"),
        "{error}"
    );
    assert_eq!(
        Store::open_existing(&folder)
            .unwrap()
            .results()
            .unwrap()
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
}

#[test]
#[should_panic(expected = "only a store opened for writing can begin a trial")]
fn a_reader_cannot_begin_a_trial() {
    let (_folder, store) = new_store();
    let reader = Store::open_existing(&store.folder).unwrap();
    reader.begin("a", "", &environment()).ok();
}
