//! Two trials side by side: values that differ, and scores with their difference.

use serde::Serialize;
use serde_json::Value;

use super::show::{TrialReport, bare_text};
use crate::measure::{ACCURACY, METRICS, Metric};
use crate::records::{EpochRecord, Split};
use crate::terminal::table::{Align, Column, NONE};

/// Numbers of a record that no rerun repeats.
const TIMES: [&str; 4] = [
    "images_per_second",
    "time_s",
    "time_s_total",
    "device_memory_bytes",
];

/// The keys that lead to the first value that two records do not agree on. What only one of them has is no
/// contradiction: it may be of another version.
pub fn contradiction(a: &Value, b: &Value) -> Option<String> {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => a.iter().find_map(|(key, a)| {
            let b = b.get(key).filter(|_| !TIMES.contains(&key.as_str()))?;
            let inner = contradiction(a, b)?;
            let separator = if inner.is_empty() { "" } else { "." };
            Some(format!("{key}{separator}{inner}"))
        }),
        (a, b) => (a != b).then(String::new),
    }
}

/// A number of two trials, measured on the same kind of images.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ScoreRow {
    pub images: &'static str,
    pub metric: &'static str,
    /// Tables show the number as they show this metric.
    #[serde(skip)]
    shown_as: &'static Metric,
    pub a: Option<f64>,
    pub b: Option<f64>,
    /// The second less the first.
    pub difference: Option<f64>,
}

/// A key with its values in both trials, null where it has none.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Changed {
    pub key: String,
    pub a: Value,
    pub b: Value,
}

/// What training ended with, and every metric that one of the trials has.
pub fn score_rows(a: &TrialReport, b: &TrialReport) -> Vec<ScoreRow> {
    let train = |value: fn(&EpochRecord) -> f64| {
        [a, b].map(|trial| {
            trial
                .last_epoch
                .as_ref()
                .map(value)
                .filter(|it| !it.is_nan())
        })
    };
    let loss = Metric::find("eval_loss").expect("a metric of the table");
    let mut rows = vec![
        ScoreRow::new("train", "train_loss", loss, train(|it| it.train_loss)),
        ScoreRow::new(
            "train",
            "train_accuracy",
            &ACCURACY,
            train(|it| it.train_accuracy),
        ),
    ];
    for split in [Split::Validation, Split::Test] {
        let scores = [a, b].map(|trial| trial.score_on(split));
        rows.extend(METRICS.iter().map(|metric| {
            let values = scores
                .each_ref()
                .map(|score| score.as_ref()?.get(metric.name));
            ScoreRow::new(split.name(), metric.name, metric, values)
        }));
    }
    rows.retain(|row| row.a.is_some() || row.b.is_some());
    rows
}

impl ScoreRow {
    fn new(
        images: &'static str,
        metric: &'static str,
        shown_as: &'static Metric,
        [a, b]: [Option<f64>; 2],
    ) -> Self {
        let difference = a.zip(b).map(|(a, b)| b - a);
        Self {
            images,
            metric,
            shown_as,
            a,
            b,
            difference,
        }
    }

    fn show(&self, value: Option<f64>) -> String {
        value.map_or(NONE.to_owned(), |value| self.shown_as.show(value))
    }

    /// With its sign, in percentage points where the metric is a share.
    fn show_difference(&self) -> String {
        signed(self.difference, |difference| self.show(Some(difference)))
    }
}

/// A difference with its sign.
pub fn signed(difference: Option<f64>, show: impl Fn(f64) -> String) -> String {
    match difference {
        None => NONE.to_owned(),
        Some(difference) if difference > 0.0 => format!("+{}", show(difference)),
        Some(difference) => show(difference + 0.0), // −0 + 0 = 0
    }
}

/// Metrics beside each other, under the names of the two trials.
pub fn score_table(rows: &[ScoreRow], names: [&str; 2]) -> Vec<Column> {
    let text = |header, cell: fn(&ScoreRow) -> String| Column::new(header, Align::Left, rows, cell);
    let number =
        |header, cell: fn(&ScoreRow) -> String| Column::new(header, Align::Right, rows, cell);
    vec![
        text("images", |row| row.images.to_owned()),
        text("metric", |row| row.metric.to_owned()),
        text("unit", |row| row.shown_as.unit_shown().to_owned()),
        number(names[0], |row| row.show(row.a)),
        number(names[1], |row| row.show(row.b)),
        number("difference", ScoreRow::show_difference),
    ]
}

/// Keys with their two values.
pub fn changed_table(rows: &[Changed], names: [&str; 2]) -> Vec<Column> {
    vec![
        Column::new("key", Align::Left, rows, |it| it.key.clone()),
        Column::new(names[0], Align::Left, rows, |it| bare_text(&it.a)),
        Column::new(names[1], Align::Left, rows, |it| bare_text(&it.b)),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn records_contradict_each_other_by_what_both_have_but_times() {
        let record =
            json!({ "epoch": 1, "time_s": 2.5, "metrics": { "accuracy": 0.5, "log_odds": null } });
        assert_eq!(contradiction(&record, &record), None);
        for (key, value, found) in [
            ("time_s", json!(3.5), None),
            ("later", json!(1), None),
            ("metrics", json!({}), None),
            ("epoch", json!(2), Some("epoch")),
            (
                "metrics",
                json!({ "accuracy": 0.25 }),
                Some("metrics.accuracy"),
            ),
            (
                "metrics",
                json!({ "log_odds": 1.0 }),
                Some("metrics.log_odds"),
            ),
        ] {
            let mut other = record.clone();
            other[key] = value;
            assert_eq!(contradiction(&record, &other).as_deref(), found, "{other}");
        }
    }

    #[test]
    fn a_difference_has_its_sign_and_none_has_none() {
        let row = |values| ScoreRow::new("test", "accuracy", &ACCURACY, values);
        for (values, text) in [
            ([Some(0.5), Some(0.75)], "+25.00"),
            ([Some(0.75), Some(0.5)], "-25.00"),
            ([Some(0.5), Some(0.5)], "0.00"),
            ([None, Some(0.5)], NONE),
        ] {
            assert_eq!(row(values).show_difference(), text);
        }
    }
}
