mod settings;
mod trials;

use std::convert::Infallible;
use std::path::Path;

use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::*;
use crate::measure::METRICS;
use crate::records::examples::{done, ended, environment, validated};
use crate::records::{TrialResult, TrialState};
use crate::store::tests::lease;
use crate::store::{Store, TrialDir};
use crate::{plan, sweep};

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("expected an object, found {other}"),
    }
}

/// A group of three trials that are done, of one, and of none; all of one model.
fn groups() -> Vec<Group> {
    let group = |loss: &str, settings: Value, runs: Vec<TrialResult>| Group {
        loss: loss.to_string(),
        settings: object(settings),
        precision_used: Some("f32".to_string()),
        runs: runs.into_iter().map(Arc::new).collect(),
    };
    let runs = |accuracies: &[f64]| -> Vec<TrialResult> {
        let runs = (0..).zip(accuracies);
        runs.map(|(seed, accuracy)| done("a", json!({ "seed": seed }), *accuracy))
            .collect()
    };
    let early = || {
        let states = [
            TrialState::Diverged,
            TrialState::Diverged,
            TrialState::Failed,
        ];
        states.map(|state| TrialResult {
            data_records: None,
            ..ended("b", json!({ "seed": 9 }), state)
        })
    };
    vec![
        group(
            "cross_entropy",
            json!({ "loss": { "name": "cross_entropy" }, "learning_rate": 0.1, "model": "resnet18" }),
            runs(&[0.9296, 0.9312, 0.9328]),
        ),
        group(
            "encouraging(log_end=1, tail=clamped)",
            json!({ "loss": { "name": "encouraging" }, "learning_rate": 0.1, "model": "resnet18" }),
            runs(&[0.0991]).into_iter().chain(early()).collect(),
        ),
        group(
            "0.5·focal(gamma=3) + poly1",
            json!({ "loss": { "name": "sum" }, "learning_rate": 0.05, "model": "resnet18" }),
            early().to_vec(),
        ),
    ]
}

fn text(groups: &[Group]) -> String {
    render(groups, &DEFAULT_METRICS, Format::Text)
}

fn json_of(groups: &[Group]) -> Value {
    serde_json::from_str(&render(groups, &DEFAULT_METRICS, Format::Json)).unwrap()
}

#[test]
fn latex_is_escaped_has_mean_and_standard_deviation_and_its_notes_are_comments() {
    let expected = r"% \usepackage{booktabs}
% accuracy: mean ± sample standard deviation over n seeds, last epoch (never the best epoch), test set unless stated otherwise.
\begin{tabular}{lrrrrr}
\toprule
loss                                  & learning\_rate &  n & diverged & failed &      accuracy \% \\
\midrule
cross\_entropy                        &            0.1 &  3 &        0 &      0 & 93.12 $\pm$ 0.16 \\
encouraging(log\_end=1, tail=clamped) &            0.1 &  1 &        2 &      1 &             9.91 \\
0.5$\cdot$focal(gamma=3) + poly1      &           0.05 &  0 &        2 &      1 &               -- \\
\bottomrule
\end{tabular}
";
    assert_eq!(render(&groups(), &DEFAULT_METRICS, Format::Latex), expected);
    assert_eq!(render(&[], &DEFAULT_METRICS, Format::Latex), "");
}

fn metric(name: &str) -> &'static Metric {
    Metric::find(name).unwrap()
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
    assert_eq!(text(&groups()), expected);
}

#[test]
fn markdown_is_a_pipe_table() {
    let expected = "\
| loss                                 | learning_rate |  n | diverged | failed | mean % | std % |  95 % interval |
| :----------------------------------- | ------------: | -: | -------: | -----: | -----: | ----: | -------------: |
| cross_entropy                        |           0.1 |  3 |        0 |      0 |  93.12 |  0.16 | [92.72, 93.52] |
";
    let markdown = render(&groups(), &DEFAULT_METRICS, Format::Markdown);
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
    let mut groups = groups();
    groups[0].loss = "a|b".to_string();
    assert!(render(&groups, &DEFAULT_METRICS, Format::Markdown).contains("| a\\|b "));
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
    let mut groups = groups();
    groups.remove(1);
    groups[1].runs = vec![Arc::new(validated(done("a", json!({}), 0.75), 0.1 + 0.2))];
    let csv = render(&groups, &DEFAULT_METRICS, Format::Csv);
    let header = csv.lines().next().unwrap();
    assert!(
        header.starts_with("loss,ambiguous,augmentation,batch_size,"),
        "{header}"
    );
    let [first, second, .., last] = METRICS else {
        panic!("there are metrics");
    };
    let [first, second, last] = [first, second, last].map(|metric| metric.name);
    let names = format!(
        "precision_used,n,diverged,failed,{first}_n,{first}_mean,{first}_std,\
         {first}_interval_95_low,{first}_interval_95_high,{second}_n,"
    );
    assert!(header.contains(&names), "{header}");
    let names = format!(
        "{last}_interval_95_high,validation_n,validation_{first}_n,\
         validation_{first}_mean,validation_{first}_std,validation_{second}_n,"
    );
    assert!(header.contains(&names), "{header}");
    let names = format!(
        "validation_{last}_std,data_train_found,data_train_official,\
         data_test_found,data_test_official"
    );
    assert!(header.ends_with(&names), "{header}");
    let names = [
        "loss",
        "learning_rate",
        "model",
        "n",
        "accuracy_mean",
        "accuracy_std",
        "cross_entropy_mean",
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
                "0.0015999999999999903",
                "0.5",
                "0",
                ""
            ],
            [
                "0.5*focal(gamma=3) + poly1",
                "0.05",
                "resnet18",
                "1",
                "0.75",
                "",
                "0.5",
                "1",
                "0.30000000000000004"
            ],
        ]
    );
}

#[test]
fn a_validation_score_is_shown_and_explained_where_there_is_one() {
    assert!(!text(&groups()).contains("validation"));
    let results = [1, 2].map(|seed| validated(done("a", settings("focal", seed), 0.5), 0.6));
    let groups = groups::group(results.to_vec());
    let text = text(&groups);
    assert!(text.contains("validation %  mean %  std %"), "{text}");
    assert!(text.contains("       60.00   50.00   0.00"), "{text}");
    assert!(
        text.ends_with(
            "\nvalidation %: mean accuracy on the images held out from training, last epoch.\n"
        ),
        "{text}"
    );
    let markdown = render(&groups, &DEFAULT_METRICS, Format::Markdown);
    assert!(markdown.contains("| validation % | mean % |"));
    let json = json_of(&groups);
    assert_eq!(json[0]["validation_accuracy_mean"], 0.6);
    assert_eq!(json[0]["validation_accuracy_std"], 0.0);
    assert_eq!(json[0]["validation_cross_entropy_mean"], 0.625);
}

#[test]
fn an_interval_stays_within_0_and_100_percent_and_says_where_it_was_clipped() {
    let clipped = |accuracies: [f64; 2]| {
        let results = accuracies.map(|accuracy| done("a", settings("focal", 1), accuracy));
        let groups = groups::group(results.to_vec());
        let interval = &json_of(&groups)[0]["accuracy_interval_95"];
        (
            [0, 1].map(|end| interval[end].as_f64().unwrap()),
            text(&groups).contains("over seeds, clipped to [0, 100] %.\n"),
        )
    };
    assert_eq!(clipped([0.4, 0.9]), ([0.0, 1.0], true));
    assert_eq!(clipped([1.0, 1.0]), ([1.0, 1.0], false));
    let ([low, high], said) = clipped([0.5, 0.51]);
    assert!(!said && 0.4 < low && low < high && high < 0.6);
}

#[test]
fn the_metrics_that_are_asked_for_are_shown() {
    let metrics = [metric("accuracy"), metric("nll"), metric("ece")];
    let results = [1, 2].map(|seed| validated(done("a", settings("focal", seed), 0.5), 0.6));
    let groups = groups::group(results.to_vec());
    let text = render(&groups, &metrics, Format::Text);
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(
        words(text.lines().next().unwrap()),
        "loss n diverged failed validation accuracy % accuracy % std 95 % interval \
         validation nll nll std 95 % interval validation ece % ece % std 95 % interval"
    );
    let row = words(text.lines().nth(2).unwrap());
    assert_eq!(
        row,
        "focal 2 0 0 60.00 50.00 0.00 [50.00, 50.00] 0.6250 0.5000 0.0000 [0.5000, 0.5000] – – – –"
    );
    // The results of these tests have no calibration error.
    assert!(
        text.contains("\nece %: 2 of 2 trials have no value and are excluded from its mean.\n"),
        "{text}"
    );
    assert!(!text.contains("nll:"), "{text}");
}

#[test]
fn json_has_the_documented_keys_and_null_where_no_number_is_allowed() {
    let parsed = json_of(&groups());
    let expected = object(json!({
        "loss": "cross_entropy",
        "settings": { "loss": { "name": "cross_entropy" }, "learning_rate": 0.1, "model": "resnet18" },
        "precision_used": "f32",
        "n": 3,
        "diverged": 0,
        "failed": 0,
        "accuracy_n": 3,
        "accuracy_mean": 0.9312,
        "cross_entropy_mean": 0.5,
        "cross_entropy_std": 0.0,
        "cross_entropy_interval_95": [0.5, 0.5],
        "feature_norm_n": 0,
        "feature_norm_mean": null,
        "feature_norm_std": null,
        "feature_norm_interval_95": null,
        "validation_n": 0,
        "validation_accuracy_mean": null,
        "validation_accuracy_std": null,
        "data_records": {
            "train": { "found": 50_000, "official": 50_000 },
            "test": { "found": 10_000, "official": 10_000 },
        },
    }));
    for (key, value) in expected {
        assert_eq!(parsed[0].get(&key), Some(&value), "{key}");
    }
    let close = |found: &Value, expected: f64| (found.as_f64().unwrap() - expected).abs() < 1e-4;
    assert!(close(&parsed[0]["accuracy_std"], 0.0016));
    assert!(close(&parsed[0]["accuracy_interval_95"][0], 0.9272));
    assert!(close(&parsed[0]["accuracy_interval_95"][1], 0.9352));
    assert_eq!(parsed[2]["data_records"], Value::Null);
    assert_eq!(parsed[1]["accuracy_mean"], 0.0991);
    assert_eq!(parsed[1]["accuracy_std"], Value::Null);
    assert_eq!(parsed[1]["accuracy_interval_95"], Value::Null);
    assert_eq!(parsed[2]["accuracy_mean"], Value::Null);
}

#[test]
fn json_has_every_run_of_a_group_so_that_groups_can_be_paired_by_seed() {
    let runs = &json_of(&groups())[1]["runs"];
    assert_eq!(runs.as_array().unwrap().len(), 4);
    let metrics = json!({ "accuracy": 0.0991, "eval_loss": 0.25, "cross_entropy": 0.5 });
    assert_eq!(
        runs[0],
        json!({ "id": "a", "seed": 0, "state": "done", "metrics": metrics, "validation_metrics": null })
    );
    assert_eq!(
        runs[1],
        json!({ "id": "b", "seed": 9, "state": "diverged", "metrics": null, "validation_metrics": null })
    );
}

#[test]
fn no_groups_are_an_empty_table_a_header_or_an_empty_array() {
    let none = |format| render(&[], &DEFAULT_METRICS, format);
    assert_eq!(none(Format::Text), "");
    assert_eq!(none(Format::Markdown), "");
    assert_eq!(none(Format::Csv).lines().count(), 1);
    assert_eq!(none(Format::Json), "[]\n");
}

fn store_of(results: &[TrialResult]) -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(folder.path()).unwrap();
    for result in results {
        let lease = lease(&store, &result.id);
        let mut trial = TrialDir::begin(&lease, "", &environment()).unwrap();
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
    let text = "name = \"a\"\nlosses = [{ name = \"poly1\" }, { name = \"cross_entropy\" }]\nseeds = [0, 1]\n";
    let sweep = sweep::parse(text, Path::new("a.toml")).unwrap();
    let with_seeds = |ended: &[u64]| {
        let study = Study::new(&sweep, |id| {
            let trials = plan::trials(&sweep);
            let trial = trials.into_iter().find(|trial| trial.id == id).unwrap();
            let result = done(id, json!(trial.settings_json()), 0.5);
            Ok::<_, Infallible>(ended.contains(&trial.seed).then_some(Arc::new(result)))
        });
        of_sweep(&study.unwrap(), 0)
    };
    let text = with_seeds(&[0]);
    let losses = text.lines().skip(2).take(3);
    let losses: Vec<&str> = losses.map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(losses, ["poly1", "cross_entropy", ""]);
    assert!(
        text.ends_with("\n2 of 4 trials have no result yet.\n"),
        "{text}"
    );
    assert!(!with_seeds(&[0, 1]).contains("no result"));
    assert_eq!(with_seeds(&[]), "4 of 4 trials have no result yet.\n");
}

#[test]
fn a_store_with_trials_that_all_ended_early_has_a_row_without_accuracy() {
    let (_folder, store) = store_of(&[
        ended("a", settings("focal", 0), TrialState::Diverged),
        ended("b", settings("focal", 1), TrialState::Failed),
    ]);
    let groups = groups_of(&store.results().unwrap().ended);
    assert_eq!(groups.len(), 1);
    assert!(text(&groups).contains("focal   0         1       1       –      –              –\n"));
}
