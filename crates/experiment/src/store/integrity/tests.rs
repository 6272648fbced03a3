use std::sync::Arc;

use bonus_loss::LossConfig;
use serde_json::{Value, json};

use super::*;
use crate::records::examples::{done, environment, epoch};
use crate::settings::TrainSettings;
use crate::store::tests::{add, lease, new_store};
use crate::store::{Store, TrialDir};

/// Every file of a trial that is done.
const FILES: [&str; 8] = [
    "SHA256SUMS",
    "environment.json",
    "epochs.jsonl",
    "model.safetensors",
    "result.json",
    "settings.toml",
    "steps.jsonl",
    "test_correct.bin",
];

#[test]
fn every_changed_or_missing_file_of_a_done_trial_is_named_and_the_others_are_read() {
    let (_folder, store) = new_store();
    let other = done("b", json!({ "seed": 1 }), 0.25);
    for result in [done("a", json!({ "seed": 3 }), 0.5), other.clone()] {
        add(&store, &result);
    }
    for name in FILES {
        let file = store.trial_folder("a").join(name);
        let whole = fs::read(&file).unwrap();
        let expect_damage = |what: String| {
            // A writer and a new reader.
            for store in [&store, &Store::open_existing(&store.folder).unwrap()] {
                let results = store.results().unwrap();
                assert_eq!(results.ended, [Arc::new(other.clone())], "{name}: {what}");
                let message = results.damaged[0].to_string();
                // The checksums tell that one of two files was changed, not which.
                let is_named = message.contains("trials/a/") && message.contains(name);
                assert!(is_named, "{name}: {what}: {message}");
            }
        };
        for place in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[place] ^= 1 << (place % 8);
            fs::write(&file, flipped).unwrap();
            expect_damage(format!("bit flipped in byte {place}"));
        }
        for length in [0, whole.len() / 2, whole.len() - 1] {
            fs::write(&file, &whole[..length]).unwrap();
            expect_damage(format!("{length} bytes"));
        }
        // Without `result.json` the trial has not ended.
        fs::remove_file(&file).unwrap();
        if name != "result.json" {
            expect_damage("missing".to_string());
        }
        fs::write(&file, &whole).unwrap();
        assert_eq!(store.results().unwrap().damaged, [], "{name}");
    }
}

#[test]
fn correct_images_that_contradict_the_accuracy_are_damage_whatever_the_checksums() {
    let (_folder, store) = new_store();
    let result = done("a", json!({ "seed": 3 }), 0.5);
    let write = |right: usize, images: usize| {
        let lease = lease(&store, "a");
        let mut trial = TrialDir::begin(&lease, "seed = 3\n", &environment()).unwrap();
        trial.append_epoch(&epoch(1)).unwrap();
        trial.save_model(b"weights").unwrap();
        let correct = (0..images).map(|image| image < right).collect();
        trial.save_test_correct(&correct).unwrap();
        trial.finish(&result).unwrap();
        let damaged = store.results().unwrap().damaged;
        let read = store.test_correct("a");
        fs::remove_dir_all(store.trial_folder("a")).unwrap();
        (damaged, read)
    };
    let (damaged, correct) = write(5000, 10_000);
    let correct = correct.unwrap().unwrap();
    assert_eq!(
        (damaged, correct.count(), correct.len()),
        (vec![], 5000, 10_000)
    );
    for (right, images, expected) in [
        (5001, 10_000, "found 5001"),
        (4992, 9992, "found 1249"),
        (5000, 10_001, "found 1251"),
    ] {
        let (damaged, read) = write(right, images);
        let message = damaged[0].to_string();
        assert!(damaged[0].file.ends_with("a/test_correct.bin"), "{message}");
        assert!(message.ends_with(expected), "{message}");
        assert_eq!(read.unwrap_err().to_string(), message);
    }
}

#[test]
fn trials_that_store_no_correct_images_have_none() {
    let (_folder, store) = new_store();
    let old = add_without_checksums(&store);
    assert_eq!(store.results().unwrap().damaged, []);
    assert_eq!(store.test_correct(&old.id).unwrap(), None);
    assert_eq!(store.test_correct("unknown").unwrap(), None);
}

#[test]
fn files_that_were_read_before_are_not_read_again_until_they_change() {
    let (_folder, store) = new_store();
    add(&store, &done("a", json!({ "seed": 3 }), 0.5));
    let model = store.trial_folder("a").join("model.safetensors");
    let modified = fs::metadata(&model).unwrap().modified().unwrap();
    store.results().unwrap();
    let change = |bytes: &[u8], modified| {
        fs::write(&model, bytes).unwrap();
        let file = fs::File::options().write(true).open(&model).unwrap();
        file.set_modified(modified).unwrap();
    };
    let damaged = || {
        let reader = Store::open_existing(&store.folder).unwrap();
        reader.results().unwrap().damaged.len()
    };
    change(b"weightz", modified);
    assert_eq!(damaged(), 0, "size and time are those known");
    change(b"weightz", modified + std::time::Duration::from_micros(1));
    assert_eq!(damaged(), 1);
    change(b"weight", modified);
    assert_eq!(damaged(), 1);
    // A cache that is damaged itself costs only time.
    change(b"weights", modified);
    fs::write(store.folder.join("verified.json"), "{\"a/model").unwrap();
    assert_eq!(damaged(), 0);
}

/// Trial "a" as versions before checksums left it.
fn add_without_checksums(store: &Store) -> TrialResult {
    let train = TrainSettings {
        epochs: 1,
        learning_rate: 0.012_345_678_901_234_567,
        ..TrainSettings::default()
    };
    let trial = Trial::new(train, LossConfig::new("focal").unwrap(), 3);
    let result = TrialResult {
        store_version: 0,
        test: Some(epoch(1).score()),
        ..done(&trial.id, Value::Object(trial.settings_json()), 0.625)
    };
    let lease = lease(store, &trial.id);
    let mut folder = TrialDir::begin(&lease, &trial.settings_toml(), &environment()).unwrap();
    folder.append_epoch(&epoch(1)).unwrap();
    folder.save_model(b"weights").unwrap();
    folder.finish(&result).unwrap();
    let folder = store.trial_folder(&trial.id);
    fs::remove_file(folder.join("SHA256SUMS")).unwrap();
    for name in ["result.json", "epochs.jsonl"] {
        let mut record: Value =
            serde_json::from_slice(&fs::read(folder.join(name)).unwrap()).unwrap();
        let score = if name == "result.json" {
            &mut record["test"]
        } else {
            &mut record
        };
        score.as_object_mut().unwrap().remove("metrics").unwrap();
        let text = serde_json::to_string_pretty(&record).unwrap();
        let line = format!("{record}\n");
        fs::write(
            folder.join(name),
            if name == "result.json" { text } else { line },
        )
        .unwrap();
    }
    result
}

#[test]
fn a_trial_without_checksums_is_checked_by_its_id_and_its_last_epoch() {
    let (_folder, store) = new_store();
    let result = add_without_checksums(&store);
    let id = result.id.clone();
    // Not `result` itself, since the digits of JSON need not read back as the same number.
    assert_eq!(store.results().unwrap().damaged, []);
    let folder = store.trial_folder(&id);
    for (name, from, to, place) in [
        ("result.json", "0.625", "0.925", "epochs.jsonl: last line"),
        (
            "result.json",
            "\"done\"",
            "\"diverged\"",
            "result.json: test: ",
        ),
        (
            "result.json",
            "\"gamma\": 2.0",
            "\"gamma\": 1.0",
            "result.json: settings.loss",
        ),
        (
            "result.json",
            "\"width\": 64",
            "\"width\": 16",
            "result.json: settings.width",
        ),
        (
            "settings.toml",
            "width = 64",
            "width = 16",
            "settings.toml: expected the settings of",
        ),
        (
            "settings.toml",
            "width = 64",
            "width = ",
            "settings.toml: expected a trial's settings",
        ),
        ("epochs.jsonl", "0.625", "0.725", "epochs.jsonl: last line"),
        ("epochs.jsonl", "1.25", "1.75", "epochs.jsonl: last line"),
        (
            "epochs.jsonl",
            "\"epoch\":1",
            "\"epoch\":2",
            "epochs.jsonl: last line",
        ),
    ] {
        let file = folder.join(name);
        let whole = fs::read_to_string(&file).unwrap();
        let changed = whole.replacen(from, to, 1);
        assert_ne!(changed, whole, "{name}: {from}");
        fs::write(&file, changed).unwrap();
        let message = store.results().unwrap().damaged[0].to_string();
        assert!(message.contains(place), "{to}: {message}");
        fs::write(&file, whole).unwrap();
    }
}

#[test]
fn a_trial_without_checksums_needs_all_of_its_files() {
    let (_folder, store) = new_store();
    let folder = store.trial_folder(&add_without_checksums(&store).id);
    let epochs = folder.join("epochs.jsonl");
    let whole = fs::read(&epochs).unwrap();
    fs::write(&epochs, [&whole[..], b"\xff"].concat()).unwrap();
    assert_eq!(store.results().unwrap().damaged[0].file, epochs);
    fs::write(&epochs, whole).unwrap();
    for name in ["model.safetensors", "settings.toml", "epochs.jsonl"] {
        let file = folder.join(name);
        let whole = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        let message = store.results().unwrap().damaged[0].to_string();
        assert!(
            message.ends_with("expected a file, found none"),
            "{message}"
        );
        fs::write(&file, whole).unwrap();
    }
}
