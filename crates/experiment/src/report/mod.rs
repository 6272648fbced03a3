//! Results in a store → tables.

#[cfg(test)]
mod documented;
mod export;
mod label;
mod partial;
mod settings;
mod statistics;
mod summary;
mod table;
#[cfg(test)]
mod tests;
mod trials;

pub use summary::Row;
pub use table::{Align, Column, NONE, text};
pub use trials::TrialRow;

use crate::json;
use crate::store::{Damage, EpochRecord, Store, StoreError, TrialResult};
pub use export::DataFrame;

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
    let note = || {
        format!(
            "\n{}{}",
            summary::note(rows),
            partial::partial_datasets(rows)
        )
    };
    match format {
        Format::Text | Format::Markdown if rows.is_empty() => String::new(),
        Format::Text => table::text(summary::columns(rows)) + &note(),
        Format::Markdown => table::markdown(summary::columns(rows)) + &note(),
        Format::Csv => summary::frame(rows).csv(),
        Format::Json => json::pretty(&rows),
    }
}

/// As [`render`], a row per trial.
pub fn render_trials(rows: &[TrialRow], format: Format) -> String {
    match format {
        Format::Text | Format::Markdown if rows.is_empty() => String::new(),
        Format::Text => table::text(trials::columns(rows)),
        Format::Markdown => table::markdown(trials::columns(rows)),
        Format::Csv => trials::frame(rows).csv(),
        Format::Json => trials::frame(rows).json(),
    }
}

/// A row per trial and epoch, of every trial in the store, for programs; and the trials of which epochs cannot be read.
pub fn curves(store: &Store) -> Result<(DataFrame, Vec<Damage>), StoreError> {
    let trials = trials_of_store(store)?;
    let mut epochs: Vec<(&TrialRow, EpochRecord)> = Vec::new();
    let mut damaged = Vec::new();
    for trial in &trials {
        match store.epochs(&trial.id) {
            Err(StoreError::Damaged(damage)) => damaged.push(damage),
            records => epochs.extend(records?.into_iter().map(|record| (trial, record))),
        }
    }
    Ok((trials::curves(&epochs), damaged))
}

/// Every trial of a store that has begun, in the order of the table's rows, then of the seeds.
pub fn trials_of_store(store: &Store) -> Result<Vec<TrialRow>, StoreError> {
    let mut rows: Vec<TrialRow> = store.trials()?.into_iter().map(TrialRow::from).collect();
    trials::sort(&mut rows);
    Ok(rows)
}

/// How many trials of the last sweep, or of those begun in an older store, have no result yet; `None` where all
/// have one.
pub fn left(store: &Store) -> Result<Option<String>, StoreError> {
    let planned = match store.plan() {
        Some(plan) => plan.trials,
        None => store.trials()?.into_iter().map(|trial| trial.id).collect(),
    };
    let missing = planned.iter().filter(|id| !store.has_result(id));
    Ok(left_of(missing.count(), planned.len()))
}

fn left_of(missing: usize, trials: usize) -> Option<String> {
    (missing > 0).then(|| format!("{missing} of {trials} trials have no result yet.\n"))
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
    let text = render(&summary::summarise(ended), Format::Text);
    text + &left_of(missing, trials).unwrap_or_default()
}
