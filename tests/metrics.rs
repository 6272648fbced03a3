//! Metrics in records and reports.

use std::fs;

use serde_json::Value;

use crate::report::{csv, rows, validated};
use crate::support::read_json;

#[test]
fn a_table_has_the_metrics_that_it_is_asked_for_and_no_others() {
    let scratch = validated();
    let header = |arguments: &[&str]| {
        let text = scratch
            .run(&[&["report", "s"], arguments].concat())
            .expect(0)
            .stdout;
        let words: Vec<&str> = text.lines().next().unwrap().split_whitespace().collect();
        words.join(" ")
    };
    let default = header(&[]);
    assert!(
        default.ends_with("failed validation % mean % std % 95 % interval"),
        "{default}"
    );
    assert_eq!(header(&["--metrics", "accuracy"]), default);
    let two = header(&["--metrics", "top_5_accuracy,ece"]);
    let expected = "failed validation top5 % top5 % std 95 % interval \
                    validation ece % ece % std 95 % interval";
    assert!(two.ends_with(expected), "{two}");
    let trials = header(&["--trials", "--metrics", "nll"]);
    assert!(
        trials.contains("validation nll test nll time s"),
        "{trials}"
    );

    let refused = scratch
        .run(&["report", "s", "--metrics", "ece,acuracy"])
        .expect(2);
    assert!(refused.stderr.contains("'acuracy'"), "{refused:#?}");
    assert!(
        refused
            .stderr
            .contains("a similar value exists: 'accuracy'"),
        "{refused:#?}"
    );
    let refused = scratch
        .run(&["report", "s", "--metrics", "ece", "--csv"])
        .expect(2);
    assert!(
        refused.stderr.contains("cannot be used with"),
        "{refused:#?}"
    );
}

#[test]
fn every_metric_of_a_trial_is_in_its_records_and_exports() {
    let scratch = validated();
    let listed = scratch.run(&["metrics"]).expect(0).stdout;
    let names: Vec<&str> = listed
        .lines()
        .skip(2)
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert!(names.len() > 5, "{listed}");
    let trials_rows = rows(&scratch, &["--trials"]);
    let groups = rows(&scratch, &[]);
    let done = trials_rows.iter().filter(|row| row["state"] == "done");
    assert_eq!(done.clone().count(), 4);
    for row in done {
        let folder = scratch.path("s/trials").join(row["id"].as_str().unwrap());
        let result = read_json(&folder.join("result.json"));
        let epochs = fs::read_to_string(folder.join("epochs.jsonl")).unwrap();
        let last: Value = serde_json::from_str(epochs.lines().last().unwrap()).unwrap();
        assert_eq!(last["metrics"], result["validation"]["metrics"]);
        let mut runs = groups
            .iter()
            .flat_map(|group| group["runs"].as_array().unwrap());
        let run = runs.find(|run| run["id"] == row["id"]).unwrap();
        assert_eq!(run["seed"], row["seed"]);
        for name in &names {
            let test = &result["test"]["metrics"][name];
            assert!(test.is_number(), "{name}");
            assert_eq!(&row[&format!("test_{name}")], test);
            assert_eq!(&run["metrics"][name], test);
            let validation = &result["validation"]["metrics"][name];
            assert!(validation.is_number(), "{name}");
            assert_eq!(&row[&format!("validation_{name}")], validation);
            assert_eq!(&run["validation_metrics"][name], validation);
        }
        for name in ["accuracy", "eval_loss", "cross_entropy"] {
            assert_eq!(result["test"][name], result["test"]["metrics"][name]);
        }
    }
    let lines = csv(&scratch, &[]);
    for name in &names {
        for column in ["n", "mean", "std", "interval_95_low", "interval_95_high"] {
            let column = format!("{name}_{column}");
            assert!(lines[0].contains(&column), "{column}");
        }
    }
}
