//! Results → one row for all trials that differ in nothing but their seed.

use std::cmp::Ordering;
use std::collections::HashMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::label::label;
use super::statistics::{interval_95, mean, standard_deviation};
use crate::data::DataRecords;
use crate::store::{TrialResult, TrialState};

/// A loss at a grid point, over its seeds. Accuracies are those of the last epoch on the test set, from 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    pub loss: String,
    /// All settings but the seed; the loss as an object among them.
    pub settings: Map<String, Value>,
    /// Trials done, which alone have an accuracy.
    pub n: usize,
    pub diverged: usize,
    pub failed: usize,
    pub accuracy_mean: Option<f64>,
    /// Sample standard deviation; `None` below two trials done.
    pub accuracy_std: Option<f64>,
    /// Low and high end of Student's t interval of the mean; `None` below two trials done.
    pub accuracy_interval_95: Option<[f64; 2]>,
    /// Of the least complete dataset that a trial had; `None` where old results do not tell.
    pub data_records: Option<DataRecords>,
}

/// A row for each group of equal settings, in the order in which the groups are first met.
pub fn summarise(results: Vec<TrialResult>) -> Vec<Row> {
    let mut groups: Vec<(Map<String, Value>, Vec<TrialResult>)> = Vec::new();
    let mut places = HashMap::new();
    for result in results {
        let mut settings = result.settings.clone();
        settings.remove("seed");
        let place = *places.entry(settings).or_insert_with_key(|settings| {
            groups.push((settings.clone(), Vec::new()));
            groups.len() - 1
        });
        groups[place].1.push(result);
    }
    groups
        .into_iter()
        .map(|(settings, results)| row(settings, &results))
        .collect()
}

/// Grid point by grid point, the losses of each by name: an order that needs no sweep file.
pub fn sort(rows: &mut [Row]) {
    rows.sort_by(|a, b| {
        compare_settings(&a.settings, &b.settings).then_with(|| a.loss.cmp(&b.loss))
    });
}

fn row(settings: Map<String, Value>, results: &[TrialResult]) -> Row {
    let count = |state| {
        results
            .iter()
            .filter(|result| result.state == state)
            .count()
    };
    let done = results
        .iter()
        .filter(|result| result.state == TrialState::Done);
    let accuracies: Vec<f64> = done
        .filter_map(|result| result.test)
        .map(|test| test.accuracy)
        .collect();
    Row {
        loss: label(settings.get("loss").unwrap_or(&Value::Null)),
        settings,
        n: accuracies.len(),
        diverged: count(TrialState::Diverged),
        failed: count(TrialState::Failed),
        accuracy_mean: mean(&accuracies),
        accuracy_std: standard_deviation(&accuracies),
        accuracy_interval_95: interval_95(&accuracies),
        data_records: results
            .iter()
            .filter_map(|result| result.data_records)
            .min_by_key(|records| records.train.found + records.test.found),
    }
}

/// By the keys in alphabetical order, the loss left out.
fn compare_settings(a: &Map<String, Value>, b: &Map<String, Value>) -> Ordering {
    fn without_loss(settings: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
        settings.iter().filter(|(key, _)| *key != "loss")
    }
    let mut pairs = without_loss(a).zip(without_loss(b));
    pairs
        .find_map(|((key_a, value_a), (key_b, value_b))| {
            let order = key_a
                .cmp(key_b)
                .then_with(|| compare_values(value_a, value_b));
            (order != Ordering::Equal).then_some(order)
        })
        .unwrap_or_else(|| a.len().cmp(&b.len()))
}

/// Numbers by size, before everything else by its text.
fn compare_values(a: &Value, b: &Value) -> Ordering {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.to_string().cmp(&b.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::examples::{done, ended};

    fn settings(loss: &str, learning_rate: f64, seed: u64) -> Value {
        json!({ "loss": { "name": loss }, "learning_rate": learning_rate, "epochs": 3, "seed": seed })
    }

    fn labels(rows: &[Row]) -> Vec<String> {
        let label = |row: &Row| format!("{} {}", row.loss, row.settings["learning_rate"]);
        rows.iter().map(label).collect()
    }

    #[test]
    fn trials_that_differ_in_their_seed_alone_share_a_row() {
        let rows = summarise(vec![
            done("a", settings("loss_a", 0.1, 0), 0.90),
            done("b", settings("loss_a", 0.1, 1), 0.92),
            done("c", settings("loss_a", 0.2, 0), 0.80),
            done("d", settings("loss_b", 0.1, 0), 0.70),
            done("e", settings("loss_a", 0.1, 2), 0.94),
        ]);
        let counts: Vec<usize> = rows.iter().map(|row| row.n).collect();
        assert_eq!(counts, [3, 1, 1]);
        let row = &rows[0];
        assert!((row.accuracy_mean.unwrap() - 0.92).abs() < 1e-12);
        assert!((row.accuracy_std.unwrap() - 0.02).abs() < 1e-12);
        // 0.92 ± 4.3027 · 0.02 / √3
        let [low, high] = row.accuracy_interval_95.unwrap();
        assert!(
            (low - 0.870_317).abs() < 1e-6 && (high - 0.969_683).abs() < 1e-6,
            "{low} {high}"
        );
        assert!(!row.settings.contains_key("seed"));
        assert_eq!(row.settings["loss"], json!({ "name": "loss_a" }));
    }

    #[test]
    fn rows_come_in_the_order_in_which_they_are_first_met() {
        let rows = summarise(vec![
            done("a", settings("loss_b", 0.1, 0), 0.9),
            done("b", settings("loss_a", 0.2, 0), 0.9),
            done("c", settings("loss_a", 0.1, 0), 0.9),
            done("d", settings("loss_b", 0.1, 1), 0.9),
        ]);
        assert_eq!(
            labels(&rows),
            [
                r#"{"name":"loss_b"} 0.1"#,
                r#"{"name":"loss_a"} 0.2"#,
                r#"{"name":"loss_a"} 0.1"#
            ]
        );
    }

    #[test]
    fn sorted_rows_go_by_grid_point_in_numeric_order_then_by_loss() {
        let mut rows = summarise(vec![
            done("a", settings("loss_b", 10.0, 0), 0.9),
            done("b", settings("loss_a", 10.0, 0), 0.9),
            done("c", settings("loss_b", 9.0, 0), 0.9),
        ]);
        sort(&mut rows);
        assert_eq!(
            labels(&rows),
            [
                r#"{"name":"loss_b"} 9.0"#,
                r#"{"name":"loss_a"} 10.0"#,
                r#"{"name":"loss_b"} 10.0"#
            ]
        );
    }

    #[test]
    fn trials_without_accuracy_are_counted_and_never_averaged() {
        let rows = summarise(vec![
            ended("a", settings("loss_a", 0.1, 0), TrialState::Diverged),
            done("b", settings("loss_a", 0.1, 1), 0.5),
            ended("c", settings("loss_a", 0.1, 2), TrialState::Failed),
            ended("d", settings("loss_a", 0.1, 3), TrialState::Diverged),
        ]);
        assert_eq!((rows[0].n, rows[0].diverged, rows[0].failed), (1, 2, 1));
        assert_eq!(rows[0].accuracy_mean, Some(0.5));
        assert_eq!(rows[0].accuracy_std, None);
        assert_eq!(rows[0].accuracy_interval_95, None);
    }

    #[test]
    fn a_row_of_trials_that_all_ended_early_has_no_mean() {
        let rows = summarise(vec![ended(
            "a",
            settings("loss_a", 0.1, 0),
            TrialState::Failed,
        )]);
        assert_eq!((rows[0].n, rows[0].accuracy_mean), (0, None));
    }

    #[test]
    fn ten_thousand_results_make_the_rows_of_their_grid() {
        let results = (0..10_000u32).map(|index| {
            let learning_rate = f64::from(index / 10);
            done(
                &index.to_string(),
                settings("loss_a", learning_rate, u64::from(index % 10)),
                0.5,
            )
        });
        let mut rows = summarise(results.rev().collect());
        sort(&mut rows);
        assert_eq!(rows.len(), 1000);
        assert!(
            rows.iter()
                .all(|row| row.n == 10 && row.accuracy_std == Some(0.0))
        );
        assert!(rows.is_sorted_by_key(|row| row.settings["learning_rate"].as_f64().unwrap()));
    }
}
