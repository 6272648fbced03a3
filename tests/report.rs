//! `experiment report`: the table, the trials and the curves of a store.

use std::fs;

use serde_json::{Map, Value, json};

use crate::run::{CROSS_ENTROPY, sweep};
use crate::support::{Scratch, read_json, trials};

const SUM: &str = r#"{ name = "sum", terms = [{ name = "focal", gamma = 3 }, { name = "poly1" }], weights = [-0.5, 1] }"#;

/// A store `s` of two losses and two learning rates, one of which diverges, with held-out images.
pub fn validated() -> Scratch {
    let scratch = Scratch::new();
    let train = "validation = 50\n[grid]\nweight_decay = [1e30, 0.001]";
    let losses = format!("{CROSS_ENTROPY}, {SUM}");
    scratch.write("a.toml", &sweep(&losses, "[1, 2]", train));
    let run = scratch.run(&["run", "a.toml", "--store", "s"]).expect(0);
    assert!(run.stdout.contains("validation %"), "{run:#?}");
    assert!(run.stdout.contains("held out from training"), "{run:#?}");
    assert!(!run.stdout.contains("no result yet"), "{run:#?}");
    scratch
}

/// What `report` prints as JSON.
pub fn rows(scratch: &Scratch, more: &[&str]) -> Vec<Map<String, Value>> {
    let arguments = [&["report", "s", "--json"], more].concat();
    let json = scratch.run(&arguments).expect(0).json();
    serde_json::from_value(json).unwrap()
}

/// What `report` prints as CSV: lines of fields, the header first.
pub fn csv(scratch: &Scratch, more: &[&str]) -> Vec<Vec<String>> {
    let arguments = [&["report", "s", "--csv"], more].concat();
    let text = scratch.run(&arguments).expect(0).stdout;
    assert!(text.is_ascii(), "{text}");
    let mut lines = vec![vec![String::new()]];
    let mut quoted = false;
    for character in text.trim_end().chars() {
        let line = lines.last_mut().unwrap();
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => line.push(String::new()),
            '\n' if !quoted => lines.push(vec![String::new()]),
            _ => line.last_mut().unwrap().push(character),
        }
    }
    lines
}

#[test]
fn the_validation_score_is_in_the_table_and_in_every_export() {
    let scratch = validated();
    let text = scratch.run(&["report", "s"]).expect(0).stdout;
    assert!(text.contains("failed  validation %  mean %"), "{text}");
    let markdown = scratch.run(&["report", "s", "--markdown"]).expect(0).stdout;
    assert!(markdown.contains("| validation % |"), "{markdown}");
    let results: Vec<Value> = trials(&scratch, "s")
        .iter()
        .map(|folder| read_json(&folder.join("result.json")))
        .filter(|result| result["state"] == "done")
        .collect();
    assert_eq!(results.len(), 4);
    for row in rows(&scratch, &[]) {
        let of_row = |result: &&Value| {
            let settings = &result["settings"];
            settings["loss"] == row["settings"]["loss"]
                && settings["weight_decay"] == row["settings"]["weight_decay"]
        };
        let accuracies: Vec<f64> = results
            .iter()
            .filter(of_row)
            .map(|result| result["validation"]["accuracy"].as_f64().unwrap())
            .collect();
        assert_eq!(row["validation_n"], accuracies.len());
        if let [a, b] = accuracies[..] {
            let mean = row["validation_accuracy_mean"].as_f64().unwrap();
            assert!((mean - f64::midpoint(a, b)).abs() < 1e-12, "{row:?}");
            assert!(row["validation_accuracy_std"].is_number());
        } else {
            assert_eq!(row["n"], 0, "{row:?}");
            assert_eq!(row["validation_accuracy_mean"], Value::Null);
        }
    }
    let lines = csv(&scratch, &[]);
    assert_eq!(lines.len(), 5);
    for name in [
        "validation_n",
        "validation_accuracy_mean",
        "validation_accuracy_std",
    ] {
        assert!(lines[0].iter().any(|column| column == name), "{lines:?}");
    }
}

#[test]
fn every_trial_has_a_row_with_its_parameters_settings_state_and_scores() {
    let scratch = validated();
    let rows = rows(&scratch, &["--trials"]);
    assert_eq!(rows.len(), 8);
    let folders = trials(&scratch, "s");
    for row in &rows {
        let folder = folders
            .iter()
            .find(|folder| folder.ends_with(row["id"].as_str().unwrap()));
        let result = read_json(&folder.unwrap().join("result.json"));
        assert_eq!(row["id"], result["id"]);
        for key in ["state", "step", "cause", "time_s_total", "data_hash"] {
            assert_eq!(row[key], result[key], "{key}");
        }
        for key in ["seed", "weight_decay", "width", "dataset"] {
            assert_eq!(row[key], result["settings"][key], "{key}");
        }
        for split in ["validation", "test"] {
            for key in ["accuracy", "eval_loss", "cross_entropy"] {
                assert_eq!(row[&format!("{split}_{key}")], result[split][key]);
            }
        }
        assert_eq!(row["loss_name"], result["settings"]["loss"]["name"]);
        assert_eq!(row["loss_weights"], result["settings"]["loss"]["weights"]);
        assert_eq!(row["precision_used"], "f32");
    }
    let order: Vec<_> = rows
        .iter()
        .map(|row| (&row["weight_decay"], &row["loss"], &row["seed"]))
        .collect();
    assert_eq!(
        order[0],
        (
            &0.001.into(),
            &"-0.5·focal(gamma=3) + poly1".into(),
            &1.into()
        )
    );
    assert_eq!(
        order[1],
        (
            &0.001.into(),
            &"-0.5·focal(gamma=3) + poly1".into(),
            &2.into()
        )
    );
    assert_eq!(order[7], (&1e30.into(), &"cross_entropy".into(), &2.into()));
    let diverged = rows.iter().filter(|row| row["state"] == "diverged").count();
    assert_eq!(diverged, 4);
    let cross_entropy = rows.iter().filter(|row| row["loss"] == "cross_entropy");
    for row in cross_entropy.filter(|row| row["state"] == "done") {
        assert_eq!(row["loss_label_smoothing"], 0.0);
        assert_eq!(row["test_eval_loss"], row["test_cross_entropy"]);
    }

    let lines = csv(&scratch, &["--trials"]);
    assert_eq!(lines.len(), 9);
    assert!(lines.iter().all(|line| line.len() == lines[0].len()));
    // Excel would compute what begins with a minus.
    let sum = "'-0.5*focal(gamma=3) + poly1";
    assert_eq!(lines.iter().filter(|line| line[3] == sum).count(), 4);
    let mut text = scratch.run(&["report", "s", "--trials"]).expect(0).stdout;
    text.truncate(text.find('\n').unwrap());
    let header: Vec<&str> = text.split_whitespace().collect();
    let expected = "id loss weight_decay seed state validation % test % time s step cause";
    assert_eq!(header.join(" "), expected);
}

#[test]
fn curves_have_a_row_for_each_epoch_and_no_other_form_than_for_programs() {
    let scratch = validated();
    let rows = rows(&scratch, &["--curves"]);
    let done = rows.iter().filter(|row| row["state"] == "done");
    let done: Vec<_> = done.collect();
    assert_eq!(done.len(), 4 * 2);
    for row in done {
        assert_eq!(row["evaluated_on"], "validation");
        for key in ["train_loss", "eval_loss", "cross_entropy", "eval_accuracy"] {
            assert!(row[key].is_number(), "{key}: {row:?}");
        }
        assert_eq!(row["steps_skipped"], Value::Null);
    }
    let lines = csv(&scratch, &["--curves"]);
    assert_eq!(lines.len(), rows.len() + 1);
    let columns: Vec<&str> = lines[0].iter().map(String::as_str).collect();
    assert_eq!(columns[..5], ["id", "state", "seed", "loss", "epoch"]);
    for arguments in [&["--curves"][..], &["--curves", "--markdown"]] {
        let refused = scratch
            .run(&[&["report", "s"], arguments].concat())
            .expect(2);
        assert!(refused.stderr.contains("--csv"), "{refused:#?}");
    }
    scratch
        .run(&["report", "s", "--curves", "--trials", "--csv"])
        .expect(2);
}

/// What an earlier version did not measure is null, and was measured in 0 trials.
#[track_caller]
fn assert_same_but_for_later_metrics(old: &[Map<String, Value>], new: &[Map<String, Value>]) {
    let listed = Scratch::new().run(&["metrics"]).expect(0).stdout;
    let names = listed
        .lines()
        .skip(2)
        .map(|line| line.split(' ').next().unwrap());
    let later: Vec<&str> = names
        .filter(|name| !["accuracy", "eval_loss"].contains(name))
        .collect();
    assert!(later.len() > 5, "{listed}");
    assert_eq!(old.len(), new.len());
    assert!(!new.is_empty());
    for (old, new) in old.iter().zip(new) {
        for (key, value) in new.iter().filter(|(key, _)| *key != "runs") {
            let came_later = later.iter().any(|name| key.contains(name));
            let expected = match came_later {
                true if key.ends_with("_n") => json!(0),
                true => Value::Null,
                false => value.clone(),
            };
            assert_eq!(old[key], expected, "{key}");
        }
    }
}

#[test]
fn a_store_of_an_earlier_version_gives_the_same_report() {
    let scratch = validated();
    // Names that came later are left out.
    let old_score = |score: &Value| match score {
        Value::Null => Value::Null,
        score => json!({ "accuracy": score["accuracy"], "loss": score["eval_loss"] }),
    };
    let tables = || {
        let texts = [&["report", "s"][..], &["report", "s", "--trials"]];
        let texts = texts.map(|arguments| scratch.run(arguments).expect(0).stdout);
        (texts, rows(&scratch, &[]))
    };
    let (texts, groups) = tables();
    let curves = rows(&scratch, &["--curves"]);
    for folder in trials(&scratch, "s") {
        fs::remove_file(folder.join("SHA256SUMS")).unwrap();
        let file = folder.join("result.json");
        let result = read_json(&file);
        let kept = [
            "id",
            "state",
            "settings",
            "data_hash",
            "data_records",
            "images_per_second",
            "time_s_total",
            "device_memory_bytes",
            "step",
            "cause",
        ];
        let mut old: Map<String, Value> = kept
            .iter()
            .map(|key| ((*key).to_string(), result[*key].clone()))
            .collect();
        old.insert("test".to_string(), old_score(&result["test"]));
        fs::write(&file, json!(old).to_string()).unwrap();
        let file = folder.join("epochs.jsonl");
        let text = fs::read_to_string(&file).unwrap();
        let old = text.lines().map(|line| {
            let mut epoch: Map<String, Value> = serde_json::from_str(line).unwrap();
            epoch.remove("cross_entropy").unwrap();
            epoch.remove("metrics").unwrap();
            for (new, old) in [("eval_loss", "loss"), ("eval_accuracy", "accuracy")] {
                let value = epoch.remove(new).unwrap();
                epoch.insert(old.to_string(), value);
            }
            json!(epoch).to_string() + "\n"
        });
        fs::write(&file, old.collect::<String>()).unwrap();
    }
    fs::remove_file(scratch.path("s/plan.json")).unwrap();
    let (old_texts, old_groups) = tables();
    assert_eq!(old_texts, texts);
    assert_same_but_for_later_metrics(&old_groups, &groups);
    assert_same_but_for_later_metrics(&rows(&scratch, &["--curves"]), &curves);
    // Nothing is trained again.
    let run = scratch.run(&["run", "a.toml", "--store", "s"]).expect(0);
    assert_eq!(run.stderr, "");
}

#[test]
fn a_report_before_the_end_says_how_many_trials_are_left() {
    let scratch = Scratch::new();
    scratch.write("a.toml", &sweep(CROSS_ENTROPY, "[1]", ""));
    scratch.run(&["run", "a.toml", "--store", "s"]).expect(0);
    let report = scratch.run(&["report", "s"]).expect(0);
    assert!(!report.stdout.contains("no result yet"), "{report:#?}");

    // As while the last two of three trials are being trained, and after.
    let plan = scratch.path("s/plan.json");
    let mut three = read_json(&plan);
    assert_eq!(three["name"], "small");
    let ids = three["trials"].as_array_mut().unwrap();
    ids.extend(["0123456789ab".into(), "ba9876543210".into()]);
    three.as_object_mut().unwrap().remove("sha256");
    fs::write(&plan, three.to_string()).unwrap();
    fs::create_dir(scratch.path("s/trials/0123456789ab")).unwrap();
    let left = "2 of 3 trials have no result yet.\n";
    let report = scratch.run(&["report", "s"]).expect(0);
    assert!(report.stdout.ends_with(left), "{report:#?}");
    let report = scratch.run(&["report", "s", "--trials"]).expect(0);
    assert!(report.stdout.contains("unfinished"), "{report:#?}");
    assert!(report.stdout.ends_with(left), "{report:#?}");
    let report = scratch.run(&["report", "s", "--csv"]).expect(0);
    assert_eq!(report.stderr, left);
    assert_eq!(report.stdout.lines().count(), 2, "{report:#?}");
    assert_eq!(rows(&scratch, &["--trials"])[1]["state"], "unfinished");
    assert_eq!(rows(&scratch, &["--curves"]).len(), 2);

    scratch.run(&["run", "a.toml", "--store", "s"]).expect(0);
    let report = scratch.run(&["report", "s"]).expect(0);
    assert!(!report.stdout.contains("no result yet"), "{report:#?}");
}
