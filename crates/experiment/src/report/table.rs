//! Rows → a table for people: aligned text or Markdown.

use std::collections::BTreeSet;

use serde_json::Value;

use super::summary::Row;

const NOTE: &str = "Accuracy: test set, last epoch (never the best epoch). \
                    95 % interval of the mean: Student's t over seeds.";
/// Stands where too few trials allow no number.
const NONE: &str = "–";

/// Columns aligned with spaces, a rule under the header.
pub fn text(rows: &[Row]) -> String {
    let rule = |column: &Column| "─".repeat(column.width());
    assemble(columns(rows), rule, |cells| {
        cells.join("  ").trim_end().to_string()
    })
}

/// A pipe table as GitHub reads it, aligned in its source too.
pub fn markdown(rows: &[Row]) -> String {
    let mut columns = columns(rows);
    for cell in columns.iter_mut().flat_map(|column| &mut column.cells) {
        *cell = cell.replace('|', "\\|");
    }
    let rule = |column: &Column| {
        let dashes = "-".repeat(column.width() - 1);
        match column.align {
            Align::Left => format!(":{dashes}"),
            Align::Right => format!("{dashes}:"),
        }
    };
    assemble(columns, rule, |cells| format!("| {} |", cells.join(" | ")))
}

/// Header, rule and body, each a `line`, with the note under them.
fn assemble(
    mut columns: Vec<Column>,
    rule: impl Fn(&Column) -> String,
    line: impl Fn(&[&str]) -> String,
) -> String {
    columns.iter_mut().for_each(Column::pad);
    let headers: Vec<&str> = columns
        .iter()
        .map(|column| column.header.as_str())
        .collect();
    let rules: Vec<String> = columns.iter().map(rule).collect();
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    let mut lines = vec![line(&headers), line(&rules)];
    for row in 0..columns[0].cells.len() {
        let cells: Vec<&str> = columns
            .iter()
            .map(|column| column.cells[row].as_str())
            .collect();
        lines.push(line(&cells));
    }
    format!("{}\n\n{NOTE}\n", lines.join("\n"))
}

struct Column {
    header: String,
    cells: Vec<String>,
    align: Align,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Align {
    Left,
    Right,
}

impl Column {
    fn new(header: &str, align: Align, rows: &[Row], cell: impl Fn(&Row) -> String) -> Self {
        Self {
            header: header.to_string(),
            cells: rows.iter().map(cell).collect(),
            align,
        }
    }

    /// In characters, since all that a table holds are of single width; no less than Markdown's `-:`.
    fn width(&self) -> usize {
        let texts = self.cells.iter().chain([&self.header]);
        texts.map(|text| text.chars().count()).fold(2, usize::max)
    }

    /// Makes header and cells equally wide.
    fn pad(&mut self) {
        let width = self.width();
        for text in self.cells.iter_mut().chain([&mut self.header]) {
            *text = match self.align {
                Align::Left => format!("{text:<width$}"),
                Align::Right => format!("{text:>width$}"),
            };
        }
    }
}

/// Loss, the settings that are not equal in all rows, counts, statistics in percent.
fn columns(rows: &[Row]) -> Vec<Column> {
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
    columns.extend(
        varying_settings(rows)
            .into_iter()
            .map(|key| setting_column(key, rows)),
    );
    columns.extend([
        count("n", |row| row.n),
        count("diverged", |row| row.diverged),
        count("failed", |row| row.failed),
        number("mean %", |row| row.accuracy_mean),
        number("std %", |row| row.accuracy_std),
        Column::new("95 % interval", Align::Right, rows, interval),
    ]);
    columns
}

/// The keys, but for the loss, whose values are not equal in all rows.
fn varying_settings(rows: &[Row]) -> Vec<&str> {
    let keys: BTreeSet<&String> = rows.iter().flat_map(|row| row.settings.keys()).collect();
    let varies = |key: &String| {
        rows.iter()
            .any(|row| row.settings.get(key) != rows[0].settings.get(key))
    };
    keys.into_iter()
        .filter(|key| *key != "loss" && varies(key))
        .map(String::as_str)
        .collect()
}

fn setting_column(key: &str, rows: &[Row]) -> Column {
    let numbers = rows
        .iter()
        .all(|row| row.settings.get(key).is_none_or(Value::is_number));
    let align = if numbers { Align::Right } else { Align::Left };
    Column::new(key, align, rows, |row| match row.settings.get(key) {
        None => NONE.to_string(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    })
}

fn percent(share: f64) -> String {
    format!("{:.2}", 100.0 * share)
}
