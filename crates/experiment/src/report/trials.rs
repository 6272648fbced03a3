//! Trials → a row each, and their curves: a row for each epoch of each.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::columns::{self, setting_columns};
use super::export::DataFrame;
use super::groups::{ScoreOf, compare_settings};
use super::label::label;
use super::settings;
use super::summary::push_data_records;
use crate::measure::{METRICS, Metric};
use crate::records::{EpochRecord, GradientSample, Score, TrialResult, TrialState};
use crate::store::StoredTrial;
use crate::terminal::table::{Align, Column, NONE};

/// A trial that has started, as shown in tables.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialRow {
    pub id: String,
    pub loss: String,
    /// Complete; empty where the store has none of this trial.
    pub settings: Map<String, Value>,
    pub step: u64,
    pub result: Option<Arc<TrialResult>>,
}

impl From<StoredTrial> for TrialRow {
    fn from(trial: StoredTrial) -> Self {
        let settings = if trial.settings.is_empty() {
            trial.settings
        } else {
            settings::complete(trial.settings)
        };
        Self {
            id: trial.id,
            loss: settings.get("loss").map_or(String::new(), label),
            settings,
            step: trial.step,
            result: trial.result,
        }
    }
}

impl TrialRow {
    fn state(&self) -> String {
        let result = self.result.as_ref();
        result.map_or("unfinished".to_string(), |result| result.state.to_string())
    }

    fn setting(&self, key: &str) -> Value {
        self.settings.get(key).cloned().unwrap_or_default()
    }

    /// Of the final weights.
    fn metric(&self, metric: &Metric, of: ScoreOf) -> Option<f64> {
        let score = self.result.as_ref().and_then(|result| of.score(result));
        score.and_then(|score| score.get(metric.name))
    }

    /// Something of the result, null if there is none.
    fn of_result<V: Into<Value>>(&self, value: impl Fn(&TrialResult) -> V) -> Value {
        self.result
            .as_ref()
            .map_or(Value::Null, |result| value(result).into())
    }
}

/// Grid point by grid point, the losses of each by name, the seeds of each by size; last, what nothing is known of.
pub fn rows(trials: impl IntoIterator<Item = StoredTrial>) -> Vec<TrialRow> {
    let mut rows: Vec<TrialRow> = trials.into_iter().map(TrialRow::from).collect();
    rows.sort_by(|a, b| {
        let seed = |row: &TrialRow| row.setting("seed").as_u64();
        (a.settings.is_empty().cmp(&b.settings.is_empty()))
            .then_with(|| compare_settings(&a.settings, &b.settings))
            .then_with(|| a.loss.cmp(&b.loss))
            .then_with(|| seed(a).cmp(&seed(b)))
    });
    rows
}

/// Every setting and every figure of each trial.
pub fn frame(rows: &[TrialRow]) -> DataFrame {
    let mut frame = DataFrame::default();
    frame.push("id", rows, |row| row.id.clone());
    frame.push("state", rows, TrialRow::state);
    frame.push("seed", rows, |row| row.setting("seed"));
    frame.push("loss", rows, |row| row.loss.clone());
    frame.push("loss_name", rows, |row| row.setting("loss")["name"].take());
    let losses = rows.iter().filter_map(|row| row.settings.get("loss"));
    for parameter in settings::parameters(losses) {
        let value = |row: &TrialRow| row.setting("loss").get(parameter).cloned();
        frame.push(format!("loss_{parameter}"), rows, value);
    }
    for key in settings::keys(rows.iter().map(|row| &row.settings)) {
        frame.push(key, rows, |row| row.setting(key));
    }
    frame.push("precision_used", rows, |row| {
        row.of_result(|result| result.precision_used.clone())
    });
    for (split, of) in [("validation", ScoreOf::Validation), ("test", ScoreOf::Test)] {
        for metric in METRICS {
            frame.push(format!("{split}_{}", metric.name), rows, |row| {
                row.metric(metric, of)
            });
        }
    }
    frame.push("step", rows, |row| row.step);
    frame.push("time_s_total", rows, |row| {
        row.of_result(|result| result.time_s_total)
    });
    frame.push("images_per_second", rows, |row| {
        row.of_result(|result| result.images_per_second)
    });
    frame.push("device_memory_bytes", rows, |row| {
        row.of_result(|result| result.device_memory_bytes)
    });
    frame.push("data_hash", rows, |row| {
        row.of_result(|result| result.data_hash.clone())
    });
    push_data_records(&mut frame, rows, |row| {
        let result = row.result.as_ref();
        result.and_then(|result| result.data_records)
    });
    frame.push("cause", rows, |row| {
        row.of_result(|result| result.cause.clone())
    });
    frame
}

/// A row for each epoch; those of a trial are joined with its settings by its id.
pub fn curves(epochs: &[(&TrialRow, EpochRecord)]) -> DataFrame {
    let mut frame = DataFrame::default();
    frame.push("id", epochs, |(trial, _)| trial.id.clone());
    frame.push("state", epochs, |(trial, _)| trial.state());
    frame.push("seed", epochs, |(trial, _)| trial.setting("seed"));
    frame.push("loss", epochs, |(trial, _)| trial.loss.clone());
    frame.push("epoch", epochs, |(_, epoch)| epoch.epoch);
    frame.push("train_loss", epochs, |(_, epoch)| epoch.train_loss);
    frame.push("train_accuracy", epochs, |(_, epoch)| epoch.train_accuracy);
    frame.push("evaluated_on", epochs, |(_, epoch)| {
        epoch.evaluated_on.name()
    });
    frame.push("eval_loss", epochs, |(_, epoch)| epoch.eval_loss);
    frame.push("eval_accuracy", epochs, |(_, epoch)| epoch.eval_accuracy);
    frame.push("cross_entropy", epochs, |(_, epoch)| epoch.cross_entropy);
    frame.push("learning_rate", epochs, |(_, epoch)| epoch.learning_rate);
    frame.push("images_per_second", epochs, |(_, epoch)| {
        epoch.images_per_second
    });
    frame.push("time_s", epochs, |(_, epoch)| epoch.time_s);
    frame.push("steps_skipped", epochs, |(_, epoch)| epoch.steps_skipped);
    frame.push("gradient_norm", epochs, |(_, epoch)| epoch.gradient_norm);
    let sample = |number: fn(&GradientSample) -> Option<f64>| {
        move |(_, epoch): &(&TrialRow, EpochRecord)| epoch.gradients.as_ref().and_then(number)
    };
    frame.push(
        "gradient_share_above_99",
        epochs,
        sample(|it| it.share_above_99),
    );
    frame.push("gradient_mean", epochs, sample(|it| it.mean));
    let has_key = |metric: &&Metric| Score::WITH_KEYS.contains(&metric.name);
    for metric in METRICS.iter().filter(|metric| !has_key(metric)) {
        frame.push(metric.name, epochs, |(_, epoch)| {
            epoch.metrics.get(metric.name).copied().flatten()
        });
    }
    frame
}

/// The table of trials for people: the settings that vary, and the `metrics`.
pub fn columns(rows: &[TrialRow], metrics: &[&Metric]) -> Vec<Column> {
    let text = |header, cell: fn(&TrialRow) -> String| Column::new(header, Align::Left, rows, cell);
    let number =
        |header, cell: fn(&TrialRow) -> String| Column::new(header, Align::Right, rows, cell);
    let mut columns = vec![
        text("id", |row| row.id.clone()),
        text("loss", |row| row.loss.clone()),
    ];
    let used = |row: &TrialRow| row.result.as_ref()?.precision_used.clone();
    columns.extend(setting_columns(rows, |row| &row.settings, used));
    columns.push(number("seed", |row| match row.setting("seed") {
        Value::Null => NONE.to_string(),
        seed => seed.to_string(),
    }));
    columns.push(text("state", TrialRow::state));
    let has = |value: fn(&TrialResult) -> bool| {
        rows.iter()
            .filter_map(|row| row.result.as_deref())
            .any(value)
    };
    let has_validation = has(|result| result.validation.is_some());
    for metric in metrics {
        let mut metric_column = |split: &str, of: ScoreOf| {
            let header = if columns::is_accuracy(metrics) {
                format!("{split} %")
            } else {
                format!("{split} {}", metric.header())
            };
            columns.push(Column::new(&header, Align::Right, rows, |row| {
                let value = row.metric(metric, of);
                value.map_or(NONE.to_string(), |value| metric.show(value))
            }));
        };
        if has_validation {
            metric_column("validation", ScoreOf::Validation);
        }
        metric_column("test", ScoreOf::Test);
    }
    columns.push(number("time s", |row| {
        let result = row.result.as_ref();
        result.map_or(NONE.to_string(), |result| {
            format!("{:.1}", result.time_s_total)
        })
    }));
    columns.push(number("step", |row| row.step.to_string()));
    if has(|result| result.state != TrialState::Done) {
        columns.push(text("cause", |row| {
            let cause = row.result.as_ref().and_then(|result| result.cause.clone());
            cause.unwrap_or_default()
        }));
    }
    columns
}

/// The notes under [`columns()`]; usually empty.
pub fn note(rows: &[TrialRow]) -> String {
    let rows = rows.iter().map(|row| {
        let result = row.result.as_ref();
        let used = result.and_then(|result| result.precision_used.as_deref());
        (&row.settings, used)
    });
    match columns::precision_note(rows) {
        note if note.is_empty() => note,
        note => format!("\n{note}"),
    }
}
