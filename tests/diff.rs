//! `experiment diff`: two trials or two stores.

use std::fs;

use serde_json::{Value, json};

use crate::run::{CROSS_ENTROPY, sweep};
use crate::support::{Scratch, read_json, trials};

const POLY: &str = r#"{ name = "poly1" }"#;

/// Stores `a` (two losses, seed 1) and `b` (one of them with another learning rate, seeds 1 and 2).
fn two_stores() -> Scratch {
    let scratch = Scratch::new();
    let losses = format!("{CROSS_ENTROPY}, {POLY}");
    scratch.write("a.toml", &sweep(&losses, "[1]", ""));
    scratch.run(&["run", "a.toml", "--store", "a"]).expect(0);
    let grid = "[grid]\nweight_decay = [5e-4, 0.01]";
    scratch.write("b.toml", &sweep(CROSS_ENTROPY, "[1, 2]", grid));
    scratch.run(&["run", "b.toml", "--store", "b"]).expect(0);
    scratch
}

fn find(scratch: &Scratch, store: &str, matches: impl Fn(&Value) -> bool) -> String {
    let folders = trials(scratch, store).into_iter();
    let mut found = folders.filter(|it| matches(&read_json(&it.join("result.json"))["settings"]));
    let folder = found.next().expect("such a trial");
    let id = folder.file_name().unwrap().to_str().unwrap();
    format!("{store}/trials/{}", &id[..8])
}

#[test]
fn trials_differ_in_what_was_set_and_in_their_scores() {
    let scratch = two_stores();
    let a = find(&scratch, "a", |settings| {
        settings["loss"]["name"] == "poly1"
    });
    let b = find(&scratch, "b", |settings| {
        settings["weight_decay"] == 0.01 && settings["seed"] == 2
    });
    let diff = scratch.run(&["diff", &a, &b, "--json"]).expect(0).json();
    let settings: Vec<&str> = diff["settings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["key"].as_str().unwrap())
        .collect();
    assert_eq!(settings, ["loss", "seed", "weight_decay"]);
    assert_eq!(
        diff["settings"][2],
        json!({ "key": "weight_decay", "a": 5e-4, "b": 0.01 })
    );
    let scores = diff["scores"].as_array().unwrap();
    let accuracy = |side: &str| diff[side]["test"]["accuracy"].as_f64().unwrap();
    let row = scores
        .iter()
        .find(|row| row["images"] == "test" && row["metric"] == "accuracy");
    let row = row.expect("a row for the accuracy");
    assert_eq!(
        row["difference"].as_f64().unwrap(),
        accuracy("b") - accuracy("a")
    );
    assert!(scores.iter().any(|row| row["metric"] == "train_loss"));

    let text = scratch.run(&["diff", &a, &b]).expect(0).stdout;
    for part in [
        "A  ",
        "poly1",
        "weight_decay",
        "0.01",
        "train_accuracy",
        "difference",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let same = scratch.run(&["diff", &a, &a]).expect(0).stdout;
    for part in [
        "Settings: no difference\n",
        "Environment: no difference\n",
        " 0.00\n",
    ] {
        assert!(same.contains(part), "{part}: {same}");
    }
}

#[test]
fn stores_differ_in_their_trials_settings_and_means() {
    let scratch = two_stores();
    let diff = scratch.run(&["diff", "a", "b", "--json"]).expect(0).json();
    assert_eq!(diff["in_both"], 1);
    assert_eq!(diff["different_scores"], json!([]));
    let lengths =
        ["only_in_a", "only_in_b", "groups"].map(|key| diff[key].as_array().unwrap().len());
    assert_eq!(lengths, [1, 3, 3]);
    let weight_decay = json!({ "key": "weight_decay", "a": [5e-4], "b": [5e-4, 0.01] });
    assert_eq!(
        diff["settings"],
        json!([weight_decay, { "key": "seed", "a": [1], "b": [1, 2] }])
    );
    let groups = diff["groups"].as_array().unwrap();
    let both: Vec<&Value> = groups
        .iter()
        .filter(|it| it["a"].is_object() && it["b"].is_object())
        .collect();
    let [group] = both[..] else { panic!("{diff}") };
    assert_eq!((&group["a"]["n"], &group["b"]["n"]), (&json!(1), &json!(2)));
    let report = scratch.run(&["report", "a", "--json"]).expect(0).json();
    let mean = report
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["loss"] == "cross_entropy");
    assert_eq!(
        group["a"]["means"]["accuracy"],
        mean.unwrap()["accuracy_mean"]
    );
    let text = scratch.run(&["diff", "a", "b"]).expect(0).stdout;
    for part in [
        "Trials in both: 1, without different scores",
        "Only in A\n",
        "Only in B\n",
        "mean % B",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }

    // As if another machine had trained it.
    let both = find(&scratch, "b", |it| {
        it["weight_decay"] == 5e-4 && it["seed"] == 1
    });
    let id = both.trim_start_matches("b/trials/");
    let mut folders = trials(&scratch, "b").into_iter();
    let folder = folders
        .find(|it| it.to_str().unwrap().contains(id))
        .unwrap();
    let result = read_json(&folder.join("result.json"));
    let brier_score = result["test"]["metrics"]["brier_score"].to_string();
    for file in ["result.json", "epochs.jsonl"].map(|name| folder.join(name)) {
        let text = fs::read_to_string(&file).unwrap();
        let text = text.replace("\"store_version\": 1", "\"store_version\": 0");
        assert!(text.contains(&brier_score), "{text}");
        fs::write(&file, text.replace(&brier_score, "0.5")).unwrap();
    }
    fs::remove_file(folder.join("SHA256SUMS")).unwrap();
    let diff = scratch.run(&["diff", "a", "b", "--json"]).expect(0).json();
    assert_eq!(diff["different_scores"], json!([result["id"]]), "{diff}");
}

#[test]
fn a_trial_is_not_compared_with_a_store_and_nothing_with_nothing() {
    let scratch = two_stores();
    let trial = find(&scratch, "a", |_| true);
    let refused = scratch.run(&["diff", &trial, "b"]).expect(2);
    assert!(
        refused.stderr.contains("two trials or two stores"),
        "{refused:#?}"
    );
    scratch.run(&["diff", "a", "nothing"]).expect(2);
    scratch.run(&["diff", "a/trials/zz", &trial]).expect(2);
}
