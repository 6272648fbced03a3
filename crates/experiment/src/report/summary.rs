//! Groups of trials → one row each: a summary for people, and complete data for programs.

use serde_json::{Value, json};

use super::columns::{self, setting_columns};
use super::export::DataFrame;
use super::groups::{Estimate, Group, ScoreOf};
use super::settings;
use crate::measure::{METRICS, Metric};
use crate::records::{DataRecords, TrialResult, TrialState};
use crate::terminal::table::{Align, Column, NONE};

/// A column for the loss, for every other setting, for counts and statistics.
pub fn csv(groups: &[Group]) -> DataFrame {
    let mut frame = DataFrame::default();
    frame.push("loss", groups, |group| group.loss.clone());
    for key in settings::keys(groups.iter().map(|group| &group.settings)) {
        frame.push(key, groups, |group| group.settings.get(key).cloned());
    }
    push_counts(&mut frame, groups);
    let end = |estimate: Estimate, end: usize| estimate.interval_95.map(|ends| ends[end]);
    push_estimates(&mut frame, groups, |frame, name, estimates| {
        frame.push(format!("{name}_interval_95_low"), estimates, |it| {
            end(*it, 0)
        });
        frame.push(format!("{name}_interval_95_high"), estimates, |it| {
            end(*it, 1)
        });
    });
    push_data_records(&mut frame, groups, Group::data_records);
    frame
}

/// The same with objects inside of objects, and with the trials of each group.
pub fn json(groups: &[Group]) -> DataFrame {
    let mut frame = DataFrame::default();
    frame.push("loss", groups, |group| group.loss.clone());
    frame.push("settings", groups, |group| group.settings.clone());
    push_counts(&mut frame, groups);
    push_estimates(&mut frame, groups, |frame, name, estimates| {
        frame.push(format!("{name}_interval_95"), estimates, |it| {
            it.interval_95.map(Vec::from)
        });
    });
    frame.push("data_records", groups, |group| json!(group.data_records()));
    frame.push("runs", groups, |group| {
        group.runs.iter().map(|it| run(it)).collect::<Vec<Value>>()
    });
    frame
}

/// A trial of a group. Those of two groups that have the same seed are a pair.
fn run(result: &TrialResult) -> Value {
    let metrics = |of: ScoreOf| of.score(result).map(|score| score.metrics().clone());
    json!({
        "id": result.id,
        "seed": result.settings.get("seed"),
        "state": result.state,
        "metrics": metrics(ScoreOf::Test),
        "validation_metrics": metrics(ScoreOf::Validation),
    })
}

fn push_counts(frame: &mut DataFrame, groups: &[Group]) {
    frame.push("precision_used", groups, |group| {
        group.precision_used.clone()
    });
    for (name, state) in [
        ("n", TrialState::Done),
        ("diverged", TrialState::Diverged),
        ("failed", TrialState::Failed),
    ] {
        frame.push(name, groups, |group| group.count(state));
    }
}

/// Every metric, on the test set with an interval, which `push_interval` writes, and on the validation images.
fn push_estimates(
    frame: &mut DataFrame,
    groups: &[Group],
    push_interval: impl Fn(&mut DataFrame, &str, &[Estimate]),
) {
    for metric in METRICS {
        let estimates = push_estimate(frame, groups, metric, ScoreOf::Test);
        push_interval(frame, metric.name, &estimates);
    }
    frame.push("validation_n", groups, |group| {
        group.scored(ScoreOf::Validation)
    });
    for metric in METRICS {
        push_estimate(frame, groups, metric, ScoreOf::Validation);
    }
}

fn push_estimate(
    frame: &mut DataFrame,
    groups: &[Group],
    metric: &Metric,
    of: ScoreOf,
) -> Vec<Estimate> {
    let estimates: Vec<Estimate> = groups
        .iter()
        .map(|group| group.estimate(metric, of))
        .collect();
    let name = match of {
        ScoreOf::Test => metric.name.to_owned(),
        ScoreOf::Validation => format!("validation_{}", metric.name),
    };
    frame.push(format!("{name}_n"), &estimates, |it| it.n);
    frame.push(format!("{name}_mean"), &estimates, |it| it.mean);
    frame.push(format!("{name}_std"), &estimates, |it| it.std);
    estimates
}

/// Columns for how much of the official dataset was found.
pub fn push_data_records<T>(
    frame: &mut DataFrame,
    rows: &[T],
    records: impl Fn(&T) -> Option<DataRecords>,
) {
    let mut push = |name: &str, count: fn(DataRecords) -> usize| {
        frame.push(name, rows, |row| records(row).map(count));
    };
    push("data_train_found", |records| records.train.found);
    push("data_train_official", |records| records.train.official);
    push("data_test_found", |records| records.test.found);
    push("data_test_official", |records| records.test.official);
}

/// For people: loss, the settings that are not equal in all rows, counts, and statistics of the `metrics`.
pub fn columns(groups: &[Group], metrics: &[&Metric]) -> Vec<Column> {
    let count = |header, state| {
        Column::new(header, Align::Right, groups, |group| {
            group.count(state).to_string()
        })
    };
    let mut columns = vec![Column::new("loss", Align::Left, groups, |group| {
        group.loss.clone()
    })];
    let used = |group: &Group| group.precision_used.clone();
    columns.extend(setting_columns(groups, |group| &group.settings, used));
    columns.extend([
        count("n", TrialState::Done),
        count("diverged", TrialState::Diverged),
        count("failed", TrialState::Failed),
    ]);
    for metric in metrics {
        columns.extend(metric_columns(
            groups,
            metric,
            columns::is_accuracy(metrics),
        ));
    }
    columns
}

/// Where the accuracy is the only metric, the columns need not say so.
fn metric_columns(groups: &[Group], metric: &Metric, is_only: bool) -> Vec<Column> {
    let column = |header: &str, cell: &dyn Fn(&Group) -> Option<String>| {
        Column::new(header, Align::Right, groups, |group| {
            cell(group).unwrap_or(NONE.to_string())
        })
    };
    let header = metric.header();
    let (validation, mean, std) = if is_only {
        ("validation %".to_owned(), "mean %".to_owned(), "std %")
    } else {
        (format!("validation {header}"), header, "std")
    };
    let test = |group: &Group| group.estimate(metric, ScoreOf::Test);
    let mut columns = Vec::new();
    if has_validation(groups) {
        columns.push(column(&validation, &|group| {
            let estimate = group.estimate(metric, ScoreOf::Validation);
            estimate.mean.map(|mean| metric.show(mean))
        }));
    }
    columns.extend([
        column(&mean, &|group| {
            test(group).mean.map(|mean| metric.show(mean))
        }),
        column(std, &|group| test(group).std.map(|std| metric.show(std))),
        column("95 % interval", &|group| {
            let [low, high] = test(group).interval_95?;
            Some(format!("[{}, {}]", metric.show(low), metric.show(high)))
        }),
    ]);
    columns
}

/// The notes under [`columns()`].
pub fn note(groups: &[Group], metrics: &[&Metric]) -> String {
    let what = if columns::is_accuracy(metrics) {
        "Accuracy"
    } else {
        "Mean and standard deviation of the metrics"
    };
    let mut note = format!(
        "{what}: test set, last epoch (never the best epoch). 95 % interval of the mean: Student's t over seeds"
    );
    let estimates = |metric: &&Metric| -> Vec<Estimate> {
        let estimates = groups.iter().map(|it| it.estimate(metric, ScoreOf::Test));
        estimates.collect()
    };
    if metrics.iter().flat_map(estimates).any(|it| it.is_clipped) {
        note += ", clipped to [0, 100] %";
    }
    note += ".\n";
    if has_validation(groups) {
        let what = if columns::is_accuracy(metrics) {
            "validation %: mean accuracy"
        } else {
            "validation: means"
        };
        note += &format!("{what} on the images held out from training, last epoch.\n");
    }
    for metric in metrics {
        let done: usize = groups.iter().map(|it| it.count(TrialState::Done)).sum();
        let with_value: usize = estimates(metric).iter().map(|it| it.n).sum();
        let without = done - with_value;
        if without > 0 {
            let header = metric.header();
            note += &format!(
                "{header}: {without} of {done} trials have no value and are excluded from its mean.\n"
            );
        }
    }
    note += &columns::precision_note(
        groups
            .iter()
            .map(|it| (&it.settings, it.precision_used.as_deref())),
    );
    note
}

fn has_validation(groups: &[Group]) -> bool {
    groups
        .iter()
        .any(|group| group.scored(ScoreOf::Validation) > 0)
}
