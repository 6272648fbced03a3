//! The columns that the tables of trials and of their groups share.

use serde_json::{Map, Value};

use super::settings;
use crate::measure::{ACCURACY, Metric};
use crate::terminal::table::{Align, Column, NONE};

/// The settings that are not equal in all rows, and what was computed in where it is not what they ask for. A setting
/// that has no effect beside the others of its row is a dash.
pub fn setting_columns<T>(
    rows: &[T],
    settings_of: impl Fn(&T) -> &Map<String, Value>,
    precision_used: impl Fn(&T) -> Option<String>,
) -> Vec<Column> {
    // Of a trial without any nothing is known.
    let known = || rows.iter().map(&settings_of).filter(|map| !map.is_empty());
    let varies = |key: &&str| {
        let mut values = known().map(|settings| settings.get(*key));
        let first = values.next();
        values.any(|value| Some(value) != first)
    };
    let varying = settings::keys(known()).into_iter().filter(varies);
    let mut columns: Vec<Column> = varying
        .map(|key| {
            let align = if known().all(|map| map.get(key).is_none_or(Value::is_number)) {
                Align::Right
            } else {
                Align::Left
            };
            Column::new(key, align, rows, |row| {
                let settings = settings_of(row);
                match settings
                    .get(key)
                    .filter(|_| settings::counts(key, settings))
                {
                    None => NONE.to_string(),
                    Some(Value::String(text)) => text.clone(),
                    Some(value) => value.to_string(),
                }
            })
        })
        .collect();
    let differs = |row: &T| asked_for_another(settings_of(row), precision_used(row).as_deref());
    if rows.iter().any(differs) {
        columns.push(Column::new("precision used", Align::Left, rows, |row| {
            let used = precision_used(row).unwrap_or(NONE.to_string());
            if differs(row) { used + " *" } else { used }
        }));
    }
    columns
}

/// The note under a table with "precision used".
pub fn precision_note<'a>(
    mut rows: impl Iterator<Item = (&'a Map<String, Value>, Option<&'a str>)>,
) -> String {
    if rows.any(|(settings, used)| asked_for_another(settings, used)) {
        "precision used *: not the requested precision, which the device does not support.\n"
            .to_owned()
    } else {
        String::new()
    }
}

fn asked_for_another(settings: &Map<String, Value>, precision_used: Option<&str>) -> bool {
    let asked = settings.get("precision").and_then(Value::as_str);
    precision_used.is_some_and(|used| asked.is_some_and(|asked| asked != used))
}

/// Whether these metrics are the accuracy alone, which tables show unless they are asked for others.
pub fn is_accuracy(metrics: &[&Metric]) -> bool {
    matches!(metrics, [metric] if metric.name == ACCURACY.name)
}
