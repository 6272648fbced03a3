mod trials;

use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::*;
use crate::records::examples::{data_records, done, ended, environment, validated};
use crate::records::{TrialResult, TrialState};
use crate::store::Store;

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
        precision_used: Some("f32".to_string()),
        n: 3,
        diverged: 0,
        failed: 0,
        accuracy_mean: Some(0.9312),
        accuracy_std: Some(0.0016),
        accuracy_interval_95: Some([0.9272, 0.9352]),
        validation_n: 0,
        validation_accuracy_mean: None,
        validation_accuracy_std: None,
        data_records: Some(data_records(50_000)),
    };
    let none = Row {
        loss: "0.5·focal(gamma=3) + poly1".to_string(),
        settings: object(
            json!({ "loss": { "name": "sum" }, "learning_rate": 0.05, "model": "resnet18" }),
        ),
        precision_used: Some("f32".to_string()),
        n: 0,
        diverged: 2,
        failed: 1,
        accuracy_mean: None,
        accuracy_std: None,
        accuracy_interval_95: None,
        validation_n: 0,
        validation_accuracy_mean: None,
        validation_accuracy_std: None,
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

/// The columns of these names from CSV without line feeds inside of fields.
fn cells<'a>(csv: &'a str, names: &[&str]) -> Vec<Vec<&'a str>> {
    let lines: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    let place = |name: &&str| lines[0].iter().position(|column| column == name);
    let places: Vec<usize> = names.iter().map(|name| place(name).unwrap()).collect();
    let row = |line: &Vec<&'a str>| places.iter().map(|place| line[*place]).collect();
    lines[1..].iter().map(row).collect()
}

#[test]
fn csv_has_every_setting_and_figure_unrounded_and_a_loss_in_ascii() {
    let mut rows = rows();
    rows.remove(1);
    rows[1].validation_n = 2;
    rows[1].validation_accuracy_mean = Some(0.1 + 0.2);
    let csv = render(&rows, Format::Csv);
    let header = csv.lines().next().unwrap();
    assert!(
        header.starts_with("loss,ambiguous,augmentation,batch_size,"),
        "{header}"
    );
    assert!(
        header.ends_with(
            ",width,precision_used,n,diverged,failed,accuracy_mean,accuracy_std,accuracy_interval_95_low,\
             accuracy_interval_95_high,validation_n,validation_accuracy_mean,validation_accuracy_std,\
             data_train_found,data_train_official,data_test_found,data_test_official"
        ),
        "{header}"
    );
    let names = [
        "loss",
        "learning_rate",
        "model",
        "n",
        "accuracy_mean",
        "accuracy_interval_95_low",
        "validation_n",
        "validation_accuracy_mean",
    ];
    assert_eq!(
        cells(&csv, &names),
        [
            [
                "cross_entropy",
                "0.1",
                "resnet18",
                "3",
                "0.9312",
                "0.9272",
                "0",
                ""
            ],
            [
                "0.5*focal(gamma=3) + poly1",
                "0.05",
                "resnet18",
                "0",
                "",
                "",
                "2",
                "0.30000000000000004"
            ],
        ]
    );
}

#[test]
fn a_validation_score_is_shown_and_explained_where_there_is_one() {
    assert!(!render(&rows(), Format::Text).contains("validation"));
    let results = [1, 2].map(|seed| validated(done("a", settings("focal", seed), 0.5), 0.6));
    let rows = summary::summarise(results.to_vec());
    let text = render(&rows, Format::Text);
    assert!(text.contains("validation %  mean %  std %"), "{text}");
    assert!(text.contains("       60.00   50.00   0.00"), "{text}");
    assert!(
        text.ends_with(
            "\nvalidation %: mean accuracy on the images held out from training, last epoch.\n"
        ),
        "{text}"
    );
    assert!(render(&rows, Format::Markdown).contains("| validation % | mean % |"));
    assert_eq!(rows[0].validation_accuracy_mean, Some(0.6));
    assert_eq!(rows[0].validation_accuracy_std, Some(0.0));
}

#[test]
fn an_interval_stays_within_0_and_100_percent_and_says_where_it_was_clipped() {
    let clipped = |accuracies: [f64; 2]| {
        let results = accuracies.map(|accuracy| done("a", settings("focal", 1), accuracy));
        let rows = summary::summarise(results.to_vec());
        let text = render(&rows, Format::Text);
        (
            rows[0].accuracy_interval_95.unwrap(),
            text.contains("over seeds, clipped to [0, 100] %.\n"),
        )
    };
    assert_eq!(clipped([0.4, 0.9]), ([0.0, 1.0], true));
    assert_eq!(clipped([1.0, 1.0]), ([1.0, 1.0], false));
    let ([low, high], said) = clipped([0.5, 0.51]);
    assert!(!said && 0.4 < low && low < high && high < 0.6);
}

#[test]
fn a_key_that_came_later_does_not_tell_old_trials_from_new_ones() {
    let old = done("a", settings("focal", 1), 0.5);
    let mut new = done("b", settings("focal", 2), 0.5);
    new.settings = super::settings::complete(new.settings);
    let rows = summary::summarise(vec![old, new]);
    assert_eq!(rows.iter().map(|row| row.n).collect::<Vec<_>>(), [2]);
}

#[test]
fn trials_that_asked_for_mixed_precision_and_got_f32_have_a_row_of_their_own() {
    let mixed = |used: &str, seed: u64| {
        let mut result = done("a", settings("focal", seed), 0.5);
        result
            .settings
            .insert("precision".to_string(), json!("mixed"));
        result.precision_used = Some(used.to_string());
        result
    };
    let rows = summary::summarise(vec![mixed("mixed", 1), mixed("f32", 2)]);
    let text = render(&rows, Format::Text);
    let used = |line: usize| text.lines().nth(line).unwrap().split_whitespace().nth(1);
    assert!(text.starts_with("loss   precision used"), "{text}");
    assert_eq!([used(2), used(3)], [Some("mixed"), Some("f32")]);
    assert!(!render(&rows[..1], Format::Text).contains("precision"));
}

#[test]
fn json_has_the_documented_keys_and_null_where_no_number_is_allowed() {
    let parsed: Value = serde_json::from_str(&render(&rows(), Format::Json)).unwrap();
    assert_eq!(
        parsed[0],
        json!({
            "loss": "cross_entropy",
            "settings": { "loss": { "name": "cross_entropy" }, "learning_rate": 0.1, "model": "resnet18" },
            "precision_used": "f32",
            "n": 3,
            "diverged": 0,
            "failed": 0,
            "accuracy_mean": 0.9312,
            "accuracy_std": 0.0016,
            "accuracy_interval_95": [0.9272, 0.9352],
            "validation_n": 0,
            "validation_accuracy_mean": null,
            "validation_accuracy_std": null,
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
    let rows = rows_of(&store.results().unwrap().ended);
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].n, rows[0].diverged, rows[0].failed), (0, 1, 1));
    assert!(
        render(&rows, Format::Text)
            .contains("focal   0         1       1       –      –              –\n")
    );
}
