//! Results in a store → tables.

mod claims;
mod columns;
mod diff;
mod difference;
#[cfg(test)]
mod documented;
mod event_file;
mod export;
mod facts;
mod format;
mod groups;
mod label;
mod latex;
mod page;
mod partial;
mod settings;
mod show;
mod snapshot;
mod summary;
mod tensorboard;
#[cfg(test)]
mod tests;
mod theory;
mod trials;
mod tuning;
mod verification;

use std::sync::Arc;

pub use diff::{StoreDiff, TrialDiff};
pub use format::Format;
pub use groups::Group;
pub use page::{Page, snapshot_in};
pub use show::TrialReport;
pub use snapshot::{Omission, Snapshot, declared_sweep};
pub use tensorboard::export_tensorboard;
pub use theory::value_and_gradient;
pub use trials::TrialRow;
pub use verification::Verification;

use crate::measure::{ACCURACY, Metric};
use crate::records::TrialResult;
use crate::store::{Results, Store, StoreError};
use crate::study::{Study, warnings};
use crate::terminal::table;
pub use export::DataFrame;

/// The metrics that tables for people show by default: the accuracy.
pub static DEFAULT_METRICS: [&Metric; 1] = [&ACCURACY];

/// A table that ends in a line feed; text and Markdown of no groups are empty. Those for programs have every metric.
pub fn render(groups: &[Group], metrics: &[&Metric], format: Format) -> String {
    let shown: Vec<Group> = (groups.iter())
        .filter(|group| group.evaluates_test())
        .cloned()
        .collect();
    let columns = || summary::columns(&shown, metrics);
    let note = || {
        format!(
            "\n{}{}",
            summary::note(&shown, metrics),
            partial::partial_datasets(groups)
        )
    };
    match format {
        Format::Text | Format::Markdown | Format::Latex if shown.is_empty() => String::new(),
        Format::Text => table::ruled(columns()) + &note(),
        Format::Markdown => table::markdown(columns()) + &note(),
        Format::Latex => latex::table(&shown, metrics),
        Format::Csv => summary::csv(groups).csv(),
        Format::Json => summary::json(groups).json(),
    }
}

/// As [`render`], a row per trial.
pub fn render_trials(rows: &[TrialRow], metrics: &[&Metric], format: Format) -> String {
    match format {
        Format::Text | Format::Markdown | Format::Latex if rows.is_empty() => String::new(),
        Format::Text => table::ruled(trials::columns(rows, metrics)) + &trials::note(rows),
        Format::Markdown => table::markdown(trials::columns(rows, metrics)) + &trials::note(rows),
        Format::Latex => table::latex_rows(trials::columns(rows, metrics)),
        Format::Csv => trials::frame(rows).csv(),
        Format::Json => trials::frame(rows).json(),
    }
}

/// Every trial of a store that has begun, in the order of the table's rows, then of the seeds.
pub fn trials_of_store(store: &Store, results: &Results) -> Result<Vec<TrialRow>, StoreError> {
    Ok(trials::rows(store.trials(results)?))
}

fn left_of(missing: usize, trials: usize) -> Option<String> {
    (missing > 0).then(|| format!("{missing} of {trials} trials have no result yet.\n"))
}

/// The groups of trials in any order, grid point by grid point.
pub fn groups_of<R: Clone + Into<Arc<TrialResult>>>(ended: &[R]) -> Vec<Group> {
    let mut groups = groups::group(ended.to_vec());
    groups::sort(&mut groups);
    groups
}

/// What a sweep has found, for people: its [`findings`], the table of its trials, and how many of them have no result yet.
pub fn of_sweep(study: &Study, declared_after: usize) -> String {
    let runs = study.runs();
    let ended = runs.iter().filter_map(|run| run.result.clone());
    let groups = groups::group(ended.collect());
    let missing = runs.iter().filter(|run| run.result.is_none()).count();
    findings(study, declared_after, Format::Text)
        + &render(&groups, &DEFAULT_METRICS, Format::Text)
        + &left_of(missing, runs.len()).unwrap_or_default()
}

/// The verdicts on the claims of a sweep, what makes them weaker than they look, and what was tuned; empty in formats for
/// programs.
pub fn findings(study: &Study, declared_after: usize, format: Format) -> String {
    let table = match format {
        Format::Text => table::ruled,
        Format::Markdown => table::markdown,
        Format::Latex | Format::Csv | Format::Json => return String::new(),
    };
    let warnings = warnings(study, declared_after).into_iter();
    let warnings: String = warnings.map(|it| format!("warning: {it}\n\n")).collect();
    claims::text(study) + &warnings + &tuning::text(study, table)
}

/// A row per claim, for programs.
pub fn claims_of(study: &Study) -> DataFrame {
    claims::frame(study)
}
