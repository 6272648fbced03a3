//! Results in a store → tables.

mod export;
mod label;
mod statistics;
mod summary;
mod table;
#[cfg(test)]
mod tests;

pub use summary::Row;

use crate::store::{Store, StoreError};

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
        Format::Text => table::text(rows),
        Format::Markdown => table::markdown(rows),
        Format::Csv => export::csv(rows),
        Format::Json => export::json(rows),
    }
}

/// Every trial of a store that has ended, grid point by grid point.
pub fn rows_of_store(store: &Store) -> Result<Vec<Row>, StoreError> {
    let mut rows = summary::summarise(store.results()?);
    summary::sort(&mut rows);
    Ok(rows)
}

/// The text table of these trials alone, in their order, and how many of them have no result yet.
pub fn table_of(store: &Store, ids: &[&str]) -> Result<String, StoreError> {
    let results = ids
        .iter()
        .map(|id| store.result(id))
        .collect::<Result<Vec<_>, _>>()?;
    let missing = results.iter().filter(|result| result.is_none()).count();
    let mut text = render(
        &summary::summarise(results.into_iter().flatten().collect()),
        Format::Text,
    );
    if missing > 0 {
        let note = format!("{missing} of {} trials have no result yet.\n", ids.len());
        text.push_str(&note);
    }
    Ok(text)
}
