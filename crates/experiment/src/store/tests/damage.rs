//! Trials that are no longer what they were, and disks that fail.

use super::*;

#[test]
fn a_result_torn_by_a_kill_while_it_was_written_does_not_count() {
    let (_folder, store) = new_store();
    leave_unfinished(&store, "a", "");
    let torn = store.folder_of("a").join(".result.json.partial");
    fs::write(&torn, "{\"id\": \"a\", \"sta").unwrap();
    assert_eq!(store.results().unwrap(), whole(vec![], &["a"]));
    add(&store, &done("a", json!({}), 0.5));
    assert_eq!(store.results().unwrap().ended.len(), 1);
    assert!(!torn.exists());
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
        assert_eq!(results.ended, [Arc::new(other.clone())]);
        let [damage] = results.damaged.as_slice() else {
            panic!("one trial is damaged: {results:?}");
        };
        assert_eq!(damage.file, file);
        assert!(damage.to_string().contains(cause), "{damage}");
        assert_eq!(fs::read(&file).unwrap(), bytes);
    }
    leave_unfinished(&store, "a", "");
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
    assert_eq!(results.ended, [Arc::new(done("a", json!({}), 0.5))]);
    let message = results.damaged[0].to_string();
    assert!(
        message.contains("id: expected \"b\", the folder's name, found \"a\""),
        "{message}"
    );
}

#[test]
fn a_disk_that_fails_is_neither_damage_nor_an_empty_store() {
    let (_folder, store) = new_store();
    interrupted(&store);
    // To read a folder as a file fails as a broken disk does: not with "not found".
    for (id, name) in [("a", "checkpoint.safetensors"), ("a", "steps.jsonl")] {
        let lease = lease(&store, id);
        let folder = store.folder_of(id);
        let (file, kept) = (folder.join(name), store.folder.join("kept"));
        fs::rename(&file, &kept).unwrap();
        fs::create_dir(&file).unwrap();
        let error = match name {
            "steps.jsonl" => resumed(&lease, 2, 1).unwrap_err(),
            _ => lease.checkpoints().unwrap_err(),
        };
        assert!(matches!(error, StoreError::Io { .. }), "{error}");
        assert!(!error.proves_damage());
        assert!(error.to_string().contains(name), "{error}");
        fs::remove_dir(&file).unwrap();
        fs::rename(&kept, &file).unwrap();
    }
    assert_eq!(lease(&store, "a").checkpoints().unwrap().len(), 1);
}

#[test]
fn what_is_no_file_in_the_place_of_one_and_a_result_that_is_gone_are_damage_that_can_be_set_aside()
{
    for name in [
        "model.safetensors",
        "SHA256SUMS",
        "result.json",
        "steps.jsonl",
    ] {
        let (_folder, store) = new_store();
        add(&store, &done("a", json!({}), 0.5));
        let file = store.trial_folder("a").join(name);
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        expect_damage(&store, &file, "expected a regular file, found a folder");
    }
    let (_folder, store) = new_store();
    add(&store, &done("a", json!({}), 0.5));
    let file = store.trial_folder("a").join("result.json");
    fs::remove_file(&file).unwrap();
    expect_damage(&store, &file, "expected a file, found none");

    let (_folder, store) = new_store();
    let trial = store.trial_folder("a");
    fs::create_dir_all(trial.parent().unwrap()).unwrap();
    fs::write(&trial, "").unwrap();
    let cause = "expected a regular file, found a file in the place of its folder";
    expect_damage(&store, &trial.join("result.json"), cause);
}

/// Of trial a, which is trained again only on request.
fn expect_damage(store: &Store, file: &Path, cause: &str) {
    let Stored::Damaged(damage) = store.stored("a").unwrap() else {
        panic!("{}: expected damage", file.display());
    };
    assert_eq!(damage.file, file);
    assert!(damage.to_string().ends_with(cause), "{damage}");
    assert!(matches!(store.lease("a", None).unwrap(), Leasing::Ended));
    let lease = store.lease("a", Some(Retry::Damaged)).unwrap();
    assert!(matches!(lease, Leasing::Granted(_)), "{lease:?}");
    assert!(store.folder.join("set-aside/a-1").exists());
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
        assert_eq!(results.ended, [Arc::new(other.clone())]);
        assert_eq!(results.damaged[0].file, file);
        assert!(
            store
                .trials(&results)
                .unwrap()
                .iter()
                .all(|trial| trial.id == "b")
        );
        // Who trains must not take it for one without a result.
        assert!(matches!(store.stored("a"), Ok(Stored::Damaged(_))));
        fs::remove_dir(&file).unwrap();
        fs::write(&file, content).unwrap();
    }
}
