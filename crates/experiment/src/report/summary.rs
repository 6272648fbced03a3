//! Results → one row for all trials that differ in nothing but their seed.

use std::cmp::Ordering;
use std::collections::HashMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::columns::{percent, setting_columns};
use super::export::DataFrame;
use super::label::label;
use super::settings;
use super::statistics::{interval_95, mean, standard_deviation};
use crate::records::{DataRecords, Score, TrialResult, TrialState};
use crate::terminal::table::{Align, Column, NONE};

/// A loss at a grid point, over its seeds. Accuracies are those of the last epoch, from 0 to 1, on the test set
/// unless named otherwise.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    pub loss: String,
    /// All settings but the seed; the loss as an object among them.
    pub settings: Map<String, Value>,
    /// What was computed in, which the device may not have let be `settings.precision`.
    pub precision_used: Option<String>,
    /// Trials done, which alone have an accuracy.
    pub n: usize,
    pub diverged: usize,
    pub failed: usize,
    pub accuracy_mean: Option<f64>,
    /// Sample standard deviation; `None` below two trials done.
    pub accuracy_std: Option<f64>,
    /// Low and high end of Student's t interval of the mean, clipped to [0, 1]; `None` below two trials done.
    pub accuracy_interval_95: Option<[f64; 2]>,
    /// Trials done that held images out for validation.
    pub validation_n: usize,
    pub validation_accuracy_mean: Option<f64>,
    /// As `accuracy_std`.
    pub validation_accuracy_std: Option<f64>,
    /// Of the least complete dataset that a trial had; `None` where old results do not tell.
    pub data_records: Option<DataRecords>,
}

/// What the trials of a row have in common: their settings but for the seed, and what was computed in.
type Group = (Map<String, Value>, Option<String>);

/// A row for each group of equal settings, in the order in which the groups are first met.
pub fn summarise(results: Vec<TrialResult>) -> Vec<Row> {
    let mut groups: Vec<(Group, Vec<TrialResult>)> = Vec::new();
    let mut places = HashMap::new();
    for result in results {
        let mut settings = settings::complete(result.settings.clone());
        settings.remove("seed");
        let group = (settings, result.precision_used.clone());
        let place = *places.entry(group).or_insert_with_key(|group| {
            groups.push((group.clone(), Vec::new()));
            groups.len() - 1
        });
        groups[place].1.push(result);
    }
    groups
        .into_iter()
        .map(|(group, results)| row(group, &results))
        .collect()
}

/// Grid point by grid point, the losses of each by name: an order that needs no sweep file.
pub fn sort(rows: &mut [Row]) {
    rows.sort_by(|a, b| {
        compare_settings(&a.settings, &b.settings)
            .then_with(|| a.precision_used.cmp(&b.precision_used))
            .then_with(|| a.loss.cmp(&b.loss))
    });
}

fn row((settings, precision_used): Group, results: &[TrialResult]) -> Row {
    let count = |state| {
        results
            .iter()
            .filter(|result| result.state == state)
            .count()
    };
    let accuracies = |score: fn(&TrialResult) -> Option<Score>| -> Vec<f64> {
        let done = results
            .iter()
            .filter(|result| result.state == TrialState::Done);
        done.filter_map(score).map(|score| score.accuracy).collect()
    };
    let test = accuracies(|result| result.test);
    let validation = accuracies(|result| result.validation);
    Row {
        loss: label(settings.get("loss").unwrap_or(&Value::Null)),
        settings,
        precision_used,
        n: test.len(),
        diverged: count(TrialState::Diverged),
        failed: count(TrialState::Failed),
        accuracy_mean: mean(&test),
        accuracy_std: standard_deviation(&test),
        // No accuracy lies outside, though the distribution does.
        accuracy_interval_95: interval_95(&test).map(|ends| ends.map(|end| end.clamp(0.0, 1.0))),
        validation_n: validation.len(),
        validation_accuracy_mean: mean(&validation),
        validation_accuracy_std: standard_deviation(&validation),
        data_records: results
            .iter()
            .filter_map(|result| result.data_records)
            .min_by_key(|records| records.train.found + records.test.found),
    }
}

impl Row {
    /// Whether an end of the interval is at a bound because it was clipped.
    fn is_clipped(&self) -> bool {
        let spread = self.accuracy_std.is_some_and(|std| std > 0.0);
        let ends = self.accuracy_interval_95;
        spread && ends.is_some_and(|[low, high]| low <= 0.0 || high >= 1.0)
    }
}

/// For programs: the loss, every other setting, counts and statistics.
pub fn frame(rows: &[Row]) -> DataFrame {
    let mut frame = DataFrame::default();
    frame.push("loss", rows, |row| row.loss.clone());
    for key in settings::keys(rows.iter().map(|row| &row.settings)) {
        frame.push(key, rows, |row| row.settings.get(key).cloned());
    }
    let end = |row: &Row, end: usize| row.accuracy_interval_95.map(|ends| ends[end]);
    frame.push("precision_used", rows, |row| row.precision_used.clone());
    frame.push("n", rows, |row| row.n);
    frame.push("diverged", rows, |row| row.diverged);
    frame.push("failed", rows, |row| row.failed);
    frame.push("accuracy_mean", rows, |row| row.accuracy_mean);
    frame.push("accuracy_std", rows, |row| row.accuracy_std);
    frame.push("accuracy_interval_95_low", rows, |row| end(row, 0));
    frame.push("accuracy_interval_95_high", rows, |row| end(row, 1));
    frame.push("validation_n", rows, |row| row.validation_n);
    frame.push("validation_accuracy_mean", rows, |row| {
        row.validation_accuracy_mean
    });
    frame.push("validation_accuracy_std", rows, |row| {
        row.validation_accuracy_std
    });
    push_data_records(&mut frame, rows, |row| row.data_records);
    frame
}

/// Columns for how much of the official dataset there was.
pub fn push_data_records<T>(
    frame: &mut DataFrame,
    rows: &[T],
    records: impl Fn(&T) -> Option<DataRecords>,
) {
    let mut push = |name: &str, count: fn(DataRecords) -> usize| {
        frame.push(name, rows, |row| records(row).map(count));
    };
    push("data_train_found", |records| records.train.found);
    push("data_train_official", |records| records.train.official);
    push("data_test_found", |records| records.test.found);
    push("data_test_official", |records| records.test.official);
}

/// For people: loss, the settings that are not equal in all rows, counts, statistics in percent.
pub fn columns(rows: &[Row]) -> Vec<Column> {
    let count = |header, count: fn(&Row) -> usize| {
        Column::new(header, Align::Right, rows, |row| count(row).to_string())
    };
    let number = |header, number: fn(&Row) -> Option<f64>| {
        Column::new(header, Align::Right, rows, |row| {
            number(row).map_or(NONE.to_string(), percent)
        })
    };
    let interval = |row: &Row| match row.accuracy_interval_95 {
        Some([low, high]) => format!("[{}, {}]", percent(low), percent(high)),
        None => NONE.to_string(),
    };
    let mut columns = vec![Column::new("loss", Align::Left, rows, |row| {
        row.loss.clone()
    })];
    let used = |row: &Row| row.precision_used.clone();
    columns.extend(setting_columns(rows, |row| &row.settings, used));
    columns.extend([
        count("n", |row| row.n),
        count("diverged", |row| row.diverged),
        count("failed", |row| row.failed),
    ]);
    if has_validation(rows) {
        columns.push(number("validation %", |row| row.validation_accuracy_mean));
    }
    columns.extend([
        number("mean %", |row| row.accuracy_mean),
        number("std %", |row| row.accuracy_std),
        Column::new("95 % interval", Align::Right, rows, interval),
    ]);
    columns
}

/// What stands under [`columns`].
pub fn note(rows: &[Row]) -> String {
    let mut note = "Accuracy: test set, last epoch (never the best epoch). \
                    95 % interval of the mean: Student's t over seeds"
        .to_string();
    if rows.iter().any(Row::is_clipped) {
        note += ", clipped to [0, 100] %";
    }
    note += ".\n";
    if has_validation(rows) {
        note += "validation %: mean accuracy on the images held out from training, last epoch.\n";
    }
    note
}

fn has_validation(rows: &[Row]) -> bool {
    rows.iter().any(|row| row.validation_n > 0)
}

/// By the keys in alphabetical order, loss and seed left out.
pub fn compare_settings(a: &Map<String, Value>, b: &Map<String, Value>) -> Ordering {
    fn others(settings: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
        settings
            .iter()
            .filter(|(key, _)| !["loss", "seed"].contains(&key.as_str()))
    }
    let mut pairs = others(a).zip(others(b));
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
    use crate::records::examples::{done, ended};

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
