//! Columns → a table for people: aligned text or Markdown.

use serde_json::{Map, Value};

use super::settings;

/// Shown where there is no value.
pub const NONE: &str = "–";

/// Columns aligned with spaces, a rule under the header.
pub fn text(columns: Vec<Column>) -> String {
    let rule = |column: &Column| "─".repeat(column.width());
    assemble(columns, rule, |cells| {
        cells.join("  ").trim_end().to_string()
    })
}

/// A pipe table as GitHub reads it, aligned in its source too.
pub fn markdown(mut columns: Vec<Column>) -> String {
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

/// Header, rule and body, each a `line`.
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
    lines.join("\n") + "\n"
}

/// A header over a cell for each row.
pub struct Column {
    header: String,
    cells: Vec<String>,
    align: Align,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

impl Column {
    pub fn new<T>(header: &str, align: Align, rows: &[T], cell: impl Fn(&T) -> String) -> Self {
        // A row is one line.
        let cell = |row| cell(row).replace(['\n', '\r'], " ");
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
