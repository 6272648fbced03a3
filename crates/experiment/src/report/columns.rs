//! The columns that the tables of trials and of their groups share.

use serde_json::{Map, Value};

use super::settings;
use crate::terminal::table::{Align, Column, NONE};

/// The settings that are not equal in all rows, and what was computed in where it is not what they ask for.
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
            Column::new(key, align, rows, |row| match settings_of(row).get(key) {
                None => NONE.to_string(),
                Some(Value::String(text)) => text.clone(),
                Some(value) => value.to_string(),
            })
        })
        .collect();
    let differs = |row: &T| {
        let asked = settings_of(row).get("precision").and_then(Value::as_str);
        precision_used(row).is_some_and(|used| asked.is_some_and(|asked| asked != used))
    };
    if rows.iter().any(differs) {
        columns.push(Column::new("precision used", Align::Left, rows, |row| {
            precision_used(row).unwrap_or(NONE.to_string())
        }));
    }
    columns
}

pub fn percent(share: f64) -> String {
    format!("{:.2}", 100.0 * share)
}
