//! Trials that are resumed from a checkpoint.

use super::*;

#[test]
fn a_checkpoint_is_there_until_the_trial_has_ended() {
    let (_folder, store) = new_store();
    assert_eq!(lease(&store, "a").checkpoints().unwrap(), []);
    interrupted(&store);
    let lease = lease(&store, "a");
    let file = lease.folder().join("checkpoint.safetensors");
    let state = (file.clone(), b"state".to_vec());
    assert_eq!(lease.checkpoints().unwrap(), [state]);
    let trial = resumed(&lease, 2, 1).unwrap();
    assert!(file.exists());
    trial.finish(&done("a", json!({}), 0.5)).unwrap();
    assert!(!file.exists());

    // A kill between the result and the removal of the checkpoint.
    let file = store.trial_folder("a").join("checkpoint.safetensors");
    fs::write(&file, b"state").unwrap();
    for _ in 0..2 {
        store.tidy(["a"].into_iter()).unwrap();
        assert!(!file.exists());
    }
}

#[test]
fn resumed_records_are_those_that_the_checkpoint_covers_and_go_on() {
    let (_folder, store) = new_store();
    interrupted(&store);
    let folder = store.folder_of("a");
    let torn = fs::read_to_string(folder.join("steps.jsonl")).unwrap() + "{\"step\": 5, \"ep";
    fs::write(folder.join("steps.jsonl"), torn).unwrap();
    let lease = lease(&store, "a");
    let folder = store.folder_of("a");
    let mut trial = resumed(&lease, 2, 1).unwrap();
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
    let lease = lease(&store, "a");
    let folder = store.folder_of("a");
    let refusal = |steps, epochs| {
        let error = resumed(&lease, steps, epochs).unwrap_err();
        assert!(error.proves_damage(), "{error}");
        error.to_string()
    };
    let message = refusal(5, 1);
    assert!(
        message
            .ends_with("a.2/steps.jsonl: line 5: expected step 5, found a different one or none"),
        "{message}"
    );
    let message = refusal(2, 3);
    assert!(
        message
            .ends_with("a.2/epochs.jsonl: line 3: expected epoch 3, found a different one or none"),
        "{message}"
    );
    fs::write(folder.join("environment.json"), "{\"vers").unwrap();
    let message = refusal(2, 1);
    assert!(
        message.contains("a.2/environment.json: resumed"),
        "{message}"
    );
    fs::remove_file(folder.join("steps.jsonl")).unwrap();
    let message = refusal(2, 1);
    assert!(
        message.ends_with("a.2/steps.jsonl: file: expected the one that the checkpoint covers, found a different one or none"),
        "{message}"
    );
}

#[test]
fn a_checkpoint_vouches_for_records_settings_and_environment() {
    let (_folder, store) = new_store();
    interrupted(&store);
    let lease = lease(&store, "a");
    let mut trial = resumed(&lease, 2, 1).unwrap();
    let covered = Covered {
        steps: 2,
        epochs: 1,
        notes: trial.covered(1),
    };
    trial.save_checkpoint(b"state").unwrap();
    drop(trial);
    let resume = || TrialDir::resume(&lease, "seed = 3\n", &environment(), &covered);
    let folder = store.folder_of("a");
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
