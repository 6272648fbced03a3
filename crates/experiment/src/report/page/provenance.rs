//! Where every number comes from: programs, machines and data, and the command that makes each row again.

use serde_json::Value;

use super::table::Table;
use crate::records::{TrialResult, TrialState};
use crate::report::columns::setting_columns;
use crate::report::groups::Group;
use crate::report::groups_of;
use crate::report::snapshot::{Omission, RecordedTrial, Snapshot};
use crate::store::Plan;
use crate::terminal::table::{Align, Column, NONE};

/// What is needed to make the results again.
pub struct Provenance {
    pub environments: Vec<Environment>,
    pub trials: Table,
    /// The file of the sweep; empty in stores of versions that kept none.
    pub sweep: String,
    pub name: String,
    /// What the JSON in this page lacks.
    pub omitted: Vec<&'static str>,
    /// Hours of training, evaluation included.
    pub time: String,
}

/// Software, hardware and data that trials share.
pub struct Environment {
    pub trials: usize,
    pub rows: Vec<(&'static str, String)>,
}

/// The place of each fact in `environment.json`, that of an inner key behind a point, and its name.
const FACTS: [(&str, &str); 16] = [
    ("versions.experiment", "experiment"),
    ("git_commit", "commit"),
    ("versions.burn", "Burn"),
    ("operating_system", "system"),
    ("cpu", "processor"),
    ("cores", "cores"),
    ("backend", "backend"),
    ("device", "device"),
    ("driver", "driver"),
    ("kernels", "GPU kernels"),
    ("instructions", "instructions"),
    ("precision", "precision used"),
    ("determinism", "determinism"),
    ("threads", "threads"),
    ("data_hash", "data, SHA-256"),
    ("data_records", "images"),
];

impl Provenance {
    pub fn of(snapshot: &Snapshot) -> Self {
        let declared = snapshot.plan.as_ref().and_then(Plan::declared);
        let name = snapshot.plan.as_ref().map(|plan| plan.name.clone());
        let ended = snapshot.ended();
        let hours: f64 = ended.iter().map(|result| result.time_s_total).sum::<f64>() / 3600.0;
        let omitted = snapshot.omitted.iter().map(|omission| match omission {
            Omission::Epochs => "the epochs of single trials",
            Omission::Metrics => "the metrics of single trials that no claim is about",
        });
        Self {
            environments: environments(&snapshot.trials),
            trials: trials(&groups_of(&ended)),
            sweep: declared.map_or_else(String::new, |it| it.sweep.clone()),
            name: name.unwrap_or_default(),
            omitted: omitted.collect(),
            time: format!("{hours:.2}"),
        }
    }
}

/// Equal ones once, in the order of their trials.
fn environments(trials: &[RecordedTrial]) -> Vec<Environment> {
    let mut environments: Vec<Environment> = Vec::new();
    for trial in trials {
        let rows = match &trial.environment {
            Some(environment) => facts(environment),
            None => continue,
        };
        match environments.iter_mut().find(|known| known.rows == rows) {
            Some(known) => known.trials += 1,
            None => environments.push(Environment { trials: 1, rows }),
        }
    }
    environments
}

fn facts(environment: &Value) -> Vec<(&'static str, String)> {
    let facts = FACTS.iter().filter_map(|(place, name)| {
        let text = match at(environment, place)? {
            Value::Null => return None,
            Value::String(text) => text.clone(),
            Value::Object(records) => {
                let count = |split: &str| {
                    let count = |key| records.get(split)?.get(key)?.as_u64();
                    Some(format!(
                        "{} of {} {split}",
                        count("found")?,
                        count("official")?
                    ))
                };
                [count("train"), count("test")]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join(", ")
            }
            value => value.to_string(),
        };
        Some((*name, text))
    });
    facts.collect()
}

fn at<'a>(environment: &'a Value, place: &str) -> Option<&'a Value> {
    place
        .split('.')
        .try_fold(environment, |value, key| value.get(key))
}

/// A row per loss and settings with the ids of its trials.
fn trials(groups: &[Group]) -> Table {
    let mut columns = vec![Column::new("loss", Align::Left, groups, |group| {
        group.loss.clone()
    })];
    if !groups.is_empty() {
        let used = |group: &Group| group.precision_used.clone();
        columns.extend(setting_columns(groups, |group| &group.settings, used));
    }
    columns.push(Column::new(
        "seed: id of the trial",
        Align::Left,
        groups,
        |group| {
            let seed = |run: &TrialResult| run.settings.get("seed").and_then(Value::as_u64);
            let mut runs: Vec<&TrialResult> = group.runs.iter().map(|run| &**run).collect();
            runs.sort_by_key(|run| seed(run));
            let runs = runs.into_iter().map(|run| {
                let seed = seed(run).map_or_else(|| NONE.to_owned(), |seed| seed.to_string());
                let state = match run.state {
                    TrialState::Done => String::new(),
                    state => format!(" ({state})"),
                };
                format!("{seed}: {}{state}", run.id)
            });
            runs.collect::<Vec<_>>().join(", ")
        },
    ));
    Table::new("Every trial by its row", &columns)
}
