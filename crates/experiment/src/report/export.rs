//! Rows → CSV and JSON for programs: accuracies from 0 to 1, in full precision.

use std::collections::BTreeSet;

use serde_json::Value;

use super::summary::Row;
use crate::data::DataRecords;

/// An array with an object a row; null where there are too few trials for a number.
pub fn json(rows: &[Row]) -> String {
    let text =
        serde_json::to_string_pretty(rows).expect("strings and numbers always have a JSON form");
    text + "\n"
}

/// A line a row under a header, quoted as in RFC 4180: the loss, every other setting, counts and statistics,
/// and how much of the dataset was there; empty where there are too few trials for a number.
pub fn csv(rows: &[Row]) -> String {
    let keys: BTreeSet<&str> = rows
        .iter()
        .flat_map(|row| row.settings.keys().map(String::as_str))
        .collect();
    let settings: Vec<&str> = keys.into_iter().filter(|key| *key != "loss").collect();
    let statistics = [
        "n",
        "diverged",
        "failed",
        "accuracy_mean",
        "accuracy_std",
        "accuracy_interval_95_low",
        "accuracy_interval_95_high",
        "data_train_found",
        "data_train_official",
        "data_test_found",
        "data_test_official",
    ];
    let header = ["loss"].iter().chain(&settings).chain(&statistics);
    let header: Vec<String> = header.map(|name| quoted(name)).collect();
    let body = rows.iter().map(|row| csv_row(row, &settings));
    [header]
        .into_iter()
        .chain(body)
        .map(|fields| fields.join(",") + "\n")
        .collect()
}

fn csv_row(row: &Row, settings: &[&str]) -> Vec<String> {
    let number = |number: Option<f64>| number.map_or(String::new(), |number| number.to_string());
    let settings = settings.iter().map(|key| match row.settings.get(*key) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => quoted(text),
        Some(value) => quoted(&value.to_string()),
    });
    let [low, high] = row
        .accuracy_interval_95
        .map_or([None, None], |ends| ends.map(Some));
    let mut fields = vec![quoted(&row.loss)];
    fields.extend(settings);
    fields.extend([row.n, row.diverged, row.failed].map(|count| count.to_string()));
    fields.extend([row.accuracy_mean, row.accuracy_std, low, high].map(number));
    let counts = row.data_records.map(|DataRecords { train, test }| {
        [train.found, train.official, test.found, test.official]
    });
    fields.extend(match counts {
        Some(counts) => counts.map(|count| count.to_string()),
        None => Default::default(),
    });
    fields
}

fn quoted(field: &str) -> String {
    if field.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_string()
    }
}
