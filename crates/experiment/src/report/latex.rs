//! Groups of trials → a LaTeX table for a paper.

use super::columns::{precision_note, setting_columns};
use super::groups::{Estimate, Group, ScoreOf};
use super::partial::partial_datasets;
use crate::measure::Metric;
use crate::records::TrialState;
use crate::terminal::table::{Align, Column, NONE, latex_rows};

/// A `tabular` with the rules of booktabs: mean ± standard deviation of each metric. The notes are comments.
pub fn table(groups: &[Group], metrics: &[&Metric]) -> String {
    let notes = note(groups, metrics) + &partial_datasets(groups);
    let notes: String = notes.lines().map(|line| format!("% {line}\n")).collect();
    format!(
        "% \\usepackage{{booktabs}}\n{notes}{}",
        latex_rows(columns(groups, metrics))
    )
}

fn columns(groups: &[Group], metrics: &[&Metric]) -> Vec<Column> {
    let mut columns = vec![Column::new("loss", Align::Left, groups, |group| {
        group.loss.clone()
    })];
    let used = |group: &Group| group.precision_used.clone();
    columns.extend(setting_columns(groups, |group| &group.settings, used));
    for state in [TrialState::Done, TrialState::Diverged, TrialState::Failed] {
        let header = match state {
            TrialState::Done => "n".to_owned(),
            early => early.to_string(),
        };
        let is_shown = state == TrialState::Done || groups.iter().any(|it| it.count(state) > 0);
        columns.extend(is_shown.then(|| {
            Column::new(&header, Align::Right, groups, |group| {
                group.count(state).to_string()
            })
        }));
    }
    let splits = [("validation ", ScoreOf::Validation), ("", ScoreOf::Test)];
    for metric in metrics {
        for (split, of) in splits {
            if of == ScoreOf::Test || groups.iter().any(|group| group.scored(of) > 0) {
                let header = format!("{split}{}", metric.header());
                columns.push(Column::new(&header, Align::Right, groups, |group| {
                    cell(group.estimate(metric, of), metric)
                }));
            }
        }
    }
    columns
}

fn note(groups: &[Group], metrics: &[&Metric]) -> String {
    let names: Vec<&str> = metrics.iter().map(|metric| metric.name).collect();
    let rows = groups
        .iter()
        .map(|it| (&it.settings, it.precision_used.as_deref()));
    format!(
        "{}: mean ± sample standard deviation over n seeds, last epoch (never the best epoch), test set unless stated otherwise.\n{}",
        names.join(", "),
        precision_note(rows)
    )
}

/// Mean ± standard deviation, or the mean of a single trial.
fn cell(estimate: Estimate, metric: &Metric) -> String {
    match (estimate.mean, estimate.std) {
        (None, _) => NONE.to_owned(),
        (Some(mean), None) => metric.show(mean),
        (Some(mean), Some(std)) => format!("{} ± {}", metric.show(mean), metric.show(std)),
    }
}
