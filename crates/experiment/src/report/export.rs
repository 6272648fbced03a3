//! Tables for programs: CSV and JSON, numbers in full precision.

use std::iter;

use serde::ser::{Serialize, Serializer};
use serde_json::Value;

use super::format::Format;
use crate::json;

/// Named columns of equal length, as in pandas and R. A missing value is null.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DataFrame {
    columns: Vec<(String, Vec<Value>)>,
}

impl DataFrame {
    /// Adds a column with a cell for each of `rows`.
    pub fn push<T, V: Into<Value>>(
        &mut self,
        name: impl Into<String>,
        rows: &[T],
        cell: impl Fn(&T) -> V,
    ) {
        let cells = rows.iter().map(|row| cell(row).into()).collect();
        self.columns.push((name.into(), cells));
    }

    /// As JSON, or else as CSV.
    pub fn in_format(&self, format: Format) -> String {
        match format {
            Format::Json => self.json(),
            _ => self.csv(),
        }
    }

    /// A line per row under a header, quoted as in RFC 4180; empty where a value is missing.
    pub fn csv(&self) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let header = self.columns.iter().map(|(name, _)| name.clone()).collect();
        let rows = (0..self.rows()).map(|row| {
            let cells = self.columns.iter().map(|(_, cells)| csv_field(&cells[row]));
            cells.collect()
        });
        for record in iter::once(header).chain(rows) {
            let record: Vec<String> = record;
            writer.write_record(record).expect("memory takes all text");
        }
        let bytes = writer.into_inner().expect("memory takes all text");
        String::from_utf8(bytes).expect("it was made of text")
    }

    /// An array with an object per row.
    pub fn json(&self) -> String {
        let rows: Vec<RowOf> = (0..self.rows()).map(|row| RowOf(self, row)).collect();
        json::pretty(&rows)
    }

    pub fn is_empty(&self) -> bool {
        self.rows() == 0
    }

    fn rows(&self) -> usize {
        self.columns.first().map_or(0, |(_, cells)| cells.len())
    }
}

/// A row, whose keys keep the order of the columns.
struct RowOf<'a>(&'a DataFrame, usize);

impl Serialize for RowOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let columns = self.0.columns.iter();
        serializer.collect_map(columns.map(|(name, cells)| (name, &cells[self.1])))
    }
}

fn csv_field(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => not_a_formula(ascii(text)),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(_) | Value::Object(_) => ascii(&value.to_string()),
    }
}

/// Excel reads a file without byte order mark in the system's code page and a byte order mark is part of
/// the first column's name elsewhere, so typographic characters get their ASCII forms.
fn ascii(text: &str) -> String {
    text.chars().fold(String::new(), |mut text, character| {
        match character {
            '·' | '×' => text.push('*'),
            '−' | '–' | '—' => text.push('-'),
            '’' | '‘' => text.push('\''),
            '“' | '”' => text.push('"'),
            '…' => text.push_str("..."),
            _ => text.push(character),
        }
        text
    })
}

/// Text that a spreadsheet would compute, such as the sum of losses `-1*focal + poly1`, behind an apostrophe.
fn not_a_formula(text: String) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn csv_quotes_what_needs_it_and_leaves_missing_values_empty() {
        let mut frame = DataFrame::default();
        let rows = [json!("the \"best\"\none"), json!(null), json!(0.1 + 0.2)];
        frame.push("value", &rows, Value::clone);
        frame.push("list", &rows, |_| json!([1, { "name": "focal" }]));
        let expected = "\
value,list
\"the \"\"best\"\"
one\",\"[1,{\"\"name\"\":\"\"focal\"\"}]\"
,\"[1,{\"\"name\"\":\"\"focal\"\"}]\"
0.30000000000000004,\"[1,{\"\"name\"\":\"\"focal\"\"}]\"
";
        assert_eq!(frame.csv(), expected);
    }

    #[test]
    fn csv_has_ascii_text_that_no_spreadsheet_computes() {
        for (text, field) in [
            ("0.5·focal(gamma=3) + poly1", "0.5*focal(gamma=3) + poly1"),
            ("-1·focal + poly1", "'-1*focal + poly1"),
            ("−2×focal", "'-2*focal"),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("can’t – “read”…", "can't - \"read\"..."),
            ("cross_entropy", "cross_entropy"),
        ] {
            assert_eq!(csv_field(&json!(text)), field);
        }
        assert_eq!(csv_field(&json!(-0.5)), "-0.5");
    }

    #[test]
    fn json_keeps_the_order_of_the_columns_and_has_null_for_missing_values() {
        let mut frame = DataFrame::default();
        frame.push("z", &[1.5, f64::NAN], |value| *value);
        frame.push("a", &["x", "y"], |text| *text);
        let text = frame.json();
        assert!(text.find("\"z\"") < text.find("\"a\""), "{text}");
        let parsed: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            parsed,
            json!([{ "z": 1.5, "a": "x" }, { "z": null, "a": "y" }])
        );
    }
}
