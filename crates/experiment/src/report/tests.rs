use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::*;
use crate::store::examples::{data_records, done, ended, environment};
use crate::store::{Store, TrialResult, TrialState};

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("expected an object, found {other}"),
    }
}

/// A row of three trials, of one, and of none that is done; all of one model.
fn rows() -> Vec<Row> {
    let three = Row {
        loss: "cross_entropy".to_string(),
        settings: object(
            json!({ "loss": { "name": "cross_entropy" }, "learning_rate": 0.1, "model": "resnet18" }),
        ),
        n: 3,
        diverged: 0,
        failed: 0,
        accuracy_mean: Some(0.9312),
        accuracy_std: Some(0.0016),
        accuracy_interval_95: Some([0.9272, 0.9352]),
        data_records: Some(data_records(50_000)),
    };
    let none = Row {
        loss: "0.5·focal(gamma=3) + poly1".to_string(),
        settings: object(
            json!({ "loss": { "name": "sum" }, "learning_rate": 0.05, "model": "resnet18" }),
        ),
        n: 0,
        diverged: 2,
        failed: 1,
        accuracy_mean: None,
        accuracy_std: None,
        accuracy_interval_95: None,
        data_records: None,
    };
    let one = Row {
        n: 1,
        diverged: 2,
        accuracy_mean: Some(0.0991),
        loss: "encouraging(log_end=1, tail=clamped)".to_string(),
        settings: object(
            json!({ "loss": { "name": "encouraging" }, "learning_rate": 0.1, "model": "resnet18" }),
        ),
        ..none.clone()
    };
    vec![three, one, none]
}

#[test]
fn text_is_aligned_and_shows_only_the_settings_that_vary() {
    let expected = "\
loss                                  learning_rate   n  diverged  failed  mean %  std %   95 % interval
────────────────────────────────────  ─────────────  ──  ────────  ──────  ──────  ─────  ──────────────
cross_entropy                                   0.1   3         0       0   93.12   0.16  [92.72, 93.52]
encouraging(log_end=1, tail=clamped)            0.1   1         2       1    9.91      –               –
0.5·focal(gamma=3) + poly1                     0.05   0         2       1       –      –               –

Accuracy: test set, last epoch (never the best epoch). 95 % interval of the mean: Student's t over seeds.
";
    assert_eq!(render(&rows(), Format::Text), expected);
}

#[test]
fn markdown_is_a_pipe_table() {
    let expected = "\
| loss                                 | learning_rate |  n | diverged | failed | mean % | std % |  95 % interval |
| :----------------------------------- | ------------: | -: | -------: | -----: | -----: | ----: | -------------: |
| cross_entropy                        |           0.1 |  3 |        0 |      0 |  93.12 |  0.16 | [92.72, 93.52] |
";
    let markdown = render(&rows(), Format::Markdown);
    assert_eq!(
        markdown
            .lines()
            .take(3)
            .map(|line| line.to_string() + "\n")
            .collect::<String>(),
        expected
    );
    assert!(markdown.ends_with("Student's t over seeds.\n"));
}

#[test]
fn a_pipe_in_markdown_is_escaped() {
    let mut rows = rows();
    rows[0].loss = "a|b".to_string();
    assert!(render(&rows, Format::Markdown).contains("| a\\|b "));
}

#[test]
fn a_setting_that_only_some_rows_have_is_shown_as_varying() {
    let mut rows = rows();
    rows[1]
        .settings
        .insert("later_setting".to_string(), json!("on"));
    let text = render(&rows, Format::Text);
    let cells: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(cells[0][..3], ["loss", "later_setting", "learning_rate"]);
    assert_eq!(cells[2][..3], ["cross_entropy", "–", "0.1"]);
}

#[test]
fn csv_has_every_setting_and_quotes_what_needs_it() {
    let mut rows = rows();
    rows[2]
        .settings
        .insert("model".to_string(), json!("the \"best\"\none"));
    let expected = "\
loss,learning_rate,model,n,diverged,failed,accuracy_mean,accuracy_std,accuracy_interval_95_low,accuracy_interval_95_high,data_train_found,data_train_official,data_test_found,data_test_official
cross_entropy,0.1,resnet18,3,0,0,0.9312,0.0016,0.9272,0.9352,50000,50000,10000,10000
\"encouraging(log_end=1, tail=clamped)\",0.1,resnet18,1,2,1,0.0991,,,,,,,
0.5·focal(gamma=3) + poly1,0.05,\"the \"\"best\"\"
one\",0,2,1,,,,,,,,
";
    assert_eq!(render(&rows, Format::Csv), expected);
}

#[test]
fn json_has_the_documented_keys_and_null_where_no_number_is_allowed() {
    let parsed: Value = serde_json::from_str(&render(&rows(), Format::Json)).unwrap();
    assert_eq!(
        parsed[0],
        json!({
            "loss": "cross_entropy",
            "settings": { "loss": { "name": "cross_entropy" }, "learning_rate": 0.1, "model": "resnet18" },
            "n": 3,
            "diverged": 0,
            "failed": 0,
            "accuracy_mean": 0.9312,
            "accuracy_std": 0.0016,
            "accuracy_interval_95": [0.9272, 0.9352],
            "data_records": {
                "train": { "found": 50_000, "official": 50_000 },
                "test": { "found": 10_000, "official": 10_000 },
            },
        })
    );
    assert_eq!(parsed[1]["data_records"], Value::Null);
    assert_eq!(parsed[1]["accuracy_mean"], 0.0991);
    assert_eq!(parsed[1]["accuracy_std"], Value::Null);
    assert_eq!(parsed[1]["accuracy_interval_95"], Value::Null);
    assert_eq!(parsed[2]["accuracy_mean"], Value::Null);
}

#[test]
fn no_rows_are_an_empty_table_a_header_or_an_empty_array() {
    assert_eq!(render(&[], Format::Text), "");
    assert_eq!(render(&[], Format::Markdown), "");
    assert_eq!(render(&[], Format::Csv).lines().count(), 1);
    assert_eq!(render(&[], Format::Json), "[]\n");
}

fn store_of(results: &[TrialResult]) -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(folder.path()).unwrap();
    for result in results {
        let trial = store.begin(&result.id, "", &environment()).unwrap();
        trial.save_model(b"weights").unwrap();
        trial.finish(result).unwrap();
    }
    (folder, store)
}

fn settings(loss: &str, seed: u64) -> Value {
    json!({ "loss": { "name": loss }, "learning_rate": 0.1, "seed": seed })
}

#[test]
fn the_table_of_a_sweep_has_its_own_trials_in_their_order_and_counts_those_without_result() {
    let a = done("a", settings("poly1", 0), 0.5);
    let b = done("b", settings("cross_entropy", 0), 0.5);
    let text = table_of(vec![Some(b), Some(a.clone()), None, None]);
    let losses: Vec<&str> = text
        .lines()
        .skip(2)
        .take(3)
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(losses, ["cross_entropy", "poly1", ""]);
    assert!(
        text.ends_with("\n2 of 4 trials have no result yet.\n"),
        "{text}"
    );
    assert!(!table_of(vec![Some(a)]).contains("no result"));
    assert_eq!(table_of(vec![None]), "1 of 1 trials have no result yet.\n");
}

#[test]
fn a_store_with_trials_that_all_ended_early_has_a_row_without_accuracy() {
    let (_folder, store) = store_of(&[
        ended("a", settings("focal", 0), TrialState::Diverged),
        ended("b", settings("focal", 1), TrialState::Failed),
    ]);
    let rows = rows_of(store.results().unwrap().ended);
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].n, rows[0].diverged, rows[0].failed), (0, 1, 1));
    assert!(
        render(&rows, Format::Text)
            .contains("focal   0         1       1       –      –              –\n")
    );
}
