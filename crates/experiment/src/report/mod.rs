//! Results in a store → tables.

mod export;
mod label;
mod partial;
mod statistics;
mod summary;
mod table;
#[cfg(test)]
mod tests;

pub use summary::Row;

use crate::store::TrialResult;

/// What a table is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    Markdown,
    Csv,
    Json,
}

/// A table that ends in a line feed; text and Markdown of no rows are empty.
pub fn render(rows: &[Row], format: Format) -> String {
    match format {
        Format::Text | Format::Markdown if rows.is_empty() => String::new(),
        Format::Text => table::text(rows) + &partial::partial_datasets(rows),
        Format::Markdown => table::markdown(rows) + &partial::partial_datasets(rows),
        Format::Csv => export::csv(rows),
        Format::Json => export::json(rows),
    }
}

/// The rows of trials in any order, grid point by grid point.
pub fn rows_of(ended: Vec<TrialResult>) -> Vec<Row> {
    let mut rows = summary::summarise(ended);
    summary::sort(&mut rows);
    rows
}

/// The text table of a sweep's trials, in their order, and how many of them have no result yet.
pub fn table_of(results: Vec<Option<TrialResult>>) -> String {
    let trials = results.len();
    let ended: Vec<TrialResult> = results.into_iter().flatten().collect();
    let missing = trials - ended.len();
    let mut text = render(&summary::summarise(ended), Format::Text);
    if missing > 0 {
        text.push_str(&format!(
            "{missing} of {trials} trials have no result yet.\n"
        ));
    }
    text
}
