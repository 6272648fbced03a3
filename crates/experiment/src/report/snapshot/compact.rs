//! The form of a snapshot in a page: JSON in which what trials share is written once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::sharing::{place_of, take_shared};
use super::{Curves, Omission, RecordedTrial, Snapshot, TestImages};
use crate::json;
use crate::records::{EpochRecord, Score, TrialResult};
use crate::store::{Plan, StoredTrial};

/// Raised when a reader of the old form would misunderstand the new one.
const FORMAT: u32 = 2;

/// Those that can be read: the first had no shared settings.
const READABLE: [u32; 2] = [1, FORMAT];

/// All metrics of an epoch; three of them have keys of their own too.
const METRICS: &str = "metrics";

/// The scores in a result.
const SCORES: [&str; 2] = ["test", "validation"];

/// The keys of a result that most trials share.
const SHARED: [&str; 5] = [
    "state",
    "store_version",
    "data_hash",
    "data_records",
    "precision_used",
];

#[derive(Serialize, Deserialize)]
struct Compact {
    format: u32,
    plan: Option<Plan>,
    /// Settings of all trials.
    #[serde(default)]
    shared: Map<String, Value>,
    /// All others but the seed, of each row of tables.
    settings: Vec<Map<String, Value>>,
    /// What else trials have in common.
    common: Vec<Common>,
    trials: Vec<Own>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    damaged: Vec<String>,
    curves: Vec<Curves>,
    #[serde(default, skip_serializing_if = "is_zero")]
    curves_omitted: usize,
    images: Vec<Option<TestImages>>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    omitted: BTreeSet<Omission>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde calls it
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// What many trials have in common, besides settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Common {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    environment: Option<Map<String, Value>>,
    /// Of the result; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    result: Option<Map<String, Value>>,
    /// The names of the metrics of each score.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    metrics: BTreeMap<String, Vec<String>>,
}

/// What a trial has alone.
#[derive(Serialize, Deserialize)]
struct Own {
    id: String,
    /// The place of its settings in their list.
    settings: usize,
    /// And of what else it shares.
    common: usize,
    step: u64,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    seed: Value,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    environment: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    result: Map<String, Value>,
    /// A column per key.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    epochs: Map<String, Value>,
}

impl Snapshot {
    /// Without some of its numbers; those that tables and verdicts are made of stay.
    pub(in crate::report) fn without(mut self, omission: Omission) -> Self {
        let kept = self.kept_metrics();
        for trial in &mut self.trials {
            match (omission, &mut trial.trial.result) {
                (Omission::Epochs, _) => trial.epochs.clear(),
                (Omission::Metrics, Some(result)) => {
                    let result = Arc::make_mut(result);
                    let scores = [&mut result.test, &mut result.validation];
                    for score in scores.into_iter().flatten() {
                        *score = only(score, &kept);
                    }
                }
                (Omission::Metrics, None) => {}
            }
        }
        self.omitted.insert(omission);
        self
    }

    /// All but the pictures, as JSON.
    pub fn json(&self) -> String {
        let (mut settings, mut common) = (Vec::new(), Vec::new());
        let trials = self.trials.iter().map(|trial| {
            let (of_row, of_many, own) = split(trial);
            Own {
                settings: place_of(of_row, &mut settings),
                common: place_of(of_many, &mut common),
                ..own
            }
        });
        let trials = trials.collect();
        let compact = Compact {
            format: FORMAT,
            plan: self.plan.clone(),
            shared: take_shared(&mut settings),
            settings,
            common,
            trials,
            damaged: self.damaged.clone(),
            curves: self.curves.clone(),
            curves_omitted: self.curves_omitted,
            images: self.images.clone(),
            omitted: self.omitted.clone(),
        };
        serde_json::to_string(&compact).expect("strings and numbers always have a JSON form")
    }

    /// Reads what [`Snapshot::json`] wrote, which has no pictures.
    pub fn from_json(text: &str) -> Result<Self> {
        let value = json::exact(text)?;
        let format = value["format"].as_u64();
        ensure!(
            READABLE.iter().any(|it| format == Some((*it).into())),
            "format: expected {FORMAT}, found {}: it is a page of another version",
            value["format"]
        );
        let compact: Compact = serde_json::from_value(value)?;
        let trials = compact.trials.into_iter().map(|own| {
            let settings = compact.settings.get(own.settings).cloned();
            let settings = settings.map(|mut own| {
                own.extend(compact.shared.clone());
                own
            });
            let common = compact.common.get(own.common);
            let (settings, common) = settings
                .zip(common)
                .context("trials: expected the places of settings and of what is common")?;
            joined(&settings, common, own)
        });
        Ok(Self {
            plan: compact.plan,
            trials: trials.collect::<Result<_>>()?,
            damaged: compact.damaged,
            curves: compact.curves,
            curves_omitted: compact.curves_omitted,
            images: compact.images,
            pictures: BTreeMap::new(),
            omitted: compact.omitted,
        })
    }

    /// Those of which no page is without.
    fn kept_metrics(&self) -> BTreeSet<String> {
        let study = self.study();
        let study = study.as_ref().map(|(study, _)| &study.sweep);
        let claims = study.iter().flat_map(|sweep| &sweep.claims);
        let tuned = study.and_then(|sweep| sweep.tune.as_ref());
        let named = claims
            .map(|claim| claim.metric)
            .chain(tuned.map(|tune| tune.metric));
        let named = named.map(|metric| metric.name).chain(Score::WITH_KEYS);
        named.map(str::to_owned).collect()
    }
}

/// A score of these metrics alone.
fn only(score: &Score, kept: &BTreeSet<String>) -> Score {
    let metrics = score.metrics().iter();
    let metrics = metrics.filter(|(name, _)| kept.contains(*name));
    let metrics = metrics.map(|(name, value)| (name.as_str(), value.unwrap_or(f64::NAN)));
    metrics.collect()
}

/// The settings of a trial without its seed, what else it shares with others, and the rest of it.
fn split(trial: &RecordedTrial) -> (Map<String, Value>, Common, Own) {
    let RecordedTrial {
        trial,
        epochs,
        environment,
    } = trial;
    let mut settings = trial.settings.clone();
    let seed = settings.remove("seed").unwrap_or_default();
    let mut result = trial.result.as_deref().map(object);
    let mut own = Map::new();
    let mut metrics = BTreeMap::new();
    if let (Some(object), Some(result)) = (&mut result, &trial.result) {
        for (key, score) in SCORES.into_iter().zip([&result.test, &result.validation]) {
            object.remove(key);
            if let Some(score) = score {
                let (names, values): (Vec<&String>, Vec<&Option<f64>>) =
                    score.metrics().iter().unzip();
                metrics.insert(key.to_owned(), names.into_iter().cloned().collect());
                own.insert(key.to_owned(), json!(values));
            }
        }
        for key in ["id", "step", "settings"] {
            object.remove(key);
        }
        let mut rest = std::mem::take(object);
        for key in SHARED {
            object.extend(rest.remove_entry(key));
        }
        own.extend(rest.into_iter().filter(|(_, value)| !value.is_null()));
    }
    let mut environment = environment.as_ref().and_then(Value::as_object).cloned();
    let mut own_environment = Map::new();
    for key in ["time_started", "resumed"] {
        own_environment.extend(environment.as_mut().and_then(|it| it.remove_entry(key)));
    }
    let common = Common {
        environment,
        result,
        metrics,
    };
    let own = Own {
        id: trial.id.clone(),
        settings: 0,
        common: 0,
        step: trial.step,
        seed,
        environment: own_environment,
        result: own,
        epochs: columns(epochs),
    };
    (settings, common, own)
}

fn joined(settings: &Map<String, Value>, common: &Common, own: Own) -> Result<RecordedTrial> {
    let mut settings = settings.clone();
    if !own.seed.is_null() {
        settings.insert("seed".to_owned(), own.seed);
    }
    let result = match &common.result {
        None => None,
        Some(result) => {
            let mut object = result.clone();
            object.insert("id".to_owned(), json!(own.id));
            object.insert("step".to_owned(), json!(own.step));
            object.insert("settings".to_owned(), json!(settings));
            object.extend(own.result);
            for key in SCORES {
                let names = common.metrics.get(key);
                let values = object.remove(key).unwrap_or_default();
                object.insert(
                    key.to_owned(),
                    score(names.map_or(&[], Vec::as_slice), &values),
                );
            }
            let result: TrialResult = serde_json::from_value(Value::Object(object))?;
            Some(Arc::new(result))
        }
    };
    let environment = common.environment.clone().map(|mut environment| {
        environment.extend(own.environment);
        Value::Object(environment)
    });
    Ok(RecordedTrial {
        trial: StoredTrial {
            id: own.id,
            settings,
            step: own.step,
            result,
        },
        epochs: rows(own.epochs)?,
        environment,
    })
}

/// As a result holds it; null where there are no values.
fn score(names: &[String], values: &Value) -> Value {
    let Some(values) = values.as_array() else {
        return Value::Null;
    };
    let values = values
        .iter()
        .map(|value| value.as_f64().unwrap_or(f64::NAN));
    let score: Score = names.iter().map(String::as_str).zip(values).collect();
    json!(score)
}

/// Records as columns, metrics beside the other keys and what is null everywhere left out.
fn columns(epochs: &[EpochRecord]) -> Map<String, Value> {
    let mut columns: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (row, epoch) in epochs.iter().enumerate() {
        let mut object = object(epoch);
        let metrics = object.remove(METRICS).unwrap_or_default();
        let metrics = metrics.as_object().cloned().unwrap_or_default();
        for (name, key) in Score::WITH_KEYS.into_iter().zip(EPOCH_KEYS) {
            if metrics.contains_key(name) {
                object.remove(key);
            }
        }
        let metrics = metrics
            .into_iter()
            .map(|(name, value)| (format!("{METRICS}.{name}"), value));
        for (key, value) in object.into_iter().chain(metrics) {
            let column = columns.entry(key).or_default();
            column.resize(row, Value::Null);
            column.push(value);
        }
    }
    let rows = epochs.len();
    let columns = columns.into_iter().map(|(key, mut column)| {
        column.resize(rows, Value::Null);
        (key, Value::Array(column))
    });
    columns.collect()
}

/// The records of [`columns`].
fn rows(columns: Map<String, Value>) -> Result<Vec<EpochRecord>> {
    let count = columns
        .get("epoch")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    let mut records = vec![Map::new(); count];
    let mut metrics = vec![Map::new(); count];
    for (key, column) in columns {
        let Value::Array(column) = column else {
            continue;
        };
        for (row, value) in column.into_iter().enumerate().take(count) {
            match key
                .strip_prefix(METRICS)
                .and_then(|name| name.strip_prefix('.'))
            {
                Some(name) => metrics[row].insert(name.to_owned(), value),
                None => records[row].insert(key.clone(), value),
            };
        }
    }
    let records = records.into_iter().zip(metrics);
    let records = records.map(|(mut record, metrics)| {
        for (name, key) in Score::WITH_KEYS.into_iter().zip(EPOCH_KEYS) {
            if let Some(value) = metrics.get(name) {
                record.insert(key.to_owned(), value.clone());
            }
        }
        record.insert(METRICS.to_owned(), Value::Object(metrics));
        Ok(serde_json::from_value(Value::Object(record))?)
    });
    records.collect()
}

/// What the records of epochs call [`Score::WITH_KEYS`].
const EPOCH_KEYS: [&str; 3] = ["eval_accuracy", "eval_loss", "cross_entropy"];

fn object(record: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(record) {
        Ok(Value::Object(object)) => object,
        _ => unreachable!("a record is an object"),
    }
}
