//! Everything about one trial, for people and for programs.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};
use training_kernels::Instructions;

use super::label::label;
use super::settings::{canonical, complete, counts};
use crate::json;
use crate::measure::{METRICS, Metric};
use crate::records::{EpochRecord, Score, Split, TrialState};
use crate::settings::TRAIN_KEYS;
use crate::store::{Store, StoreError, TrialFiles};
use crate::terminal::table::{Align, Column, NONE, bare, ruled};
use crate::terminal::text::duration;

/// A trial of a store. In JSON, its keys are documented in `docs/records.md`.
#[derive(Clone, Debug, Serialize)]
pub struct TrialReport {
    pub id: String,
    /// That of its result, or `unfinished`, or `damaged`.
    pub state: String,
    damage: Option<String>,
    cause: Option<String>,
    pub loss: String,
    pub seed: Value,
    /// Complete; empty if nothing is known.
    pub settings: Map<String, Value>,
    /// Those that are not at their default.
    changed_settings: Map<String, Value>,
    pub step: u64,
    pub validation: Option<Score>,
    pub test: Option<Score>,
    pub last_epoch: Option<EpochRecord>,
    images_per_second: Option<f64>,
    time_s_total: Option<f64>,
    device_memory_bytes: Option<u64>,
    pub environment: Map<String, Value>,
    commands: Commands,
}

#[derive(Clone, Debug, Serialize)]
struct Commands {
    /// Trains the trial again, into a store of its own.
    run: String,
    verify: String,
}

impl TrialReport {
    /// The trial `id` of the store in `folder`.
    pub fn read(store: &Store, folder: &Path, id: &str) -> Result<Self, StoreError> {
        let files = store.trial(id)?;
        let mut damage = files.damage.as_ref().map(ToString::to_string);
        let last_epoch = match store.epochs(id) {
            Ok(mut epochs) => epochs.pop(),
            Err(error) => {
                damage.get_or_insert(error.to_string());
                None
            }
        };
        let TrialFiles {
            trial, environment, ..
        } = files;
        let settings = match trial.settings {
            unknown if unknown.is_empty() => unknown,
            settings => complete(settings),
        };
        let mut changed_settings = canonical(&settings);
        changed_settings.remove("loss");
        let result = trial.result.filter(|_| damage.is_none());
        let state = match &result {
            Some(result) => result.state.to_string(),
            None if damage.is_some() => "damaged".to_owned(),
            None => "unfinished".to_owned(),
        };
        Ok(Self {
            commands: Commands::of(folder, id, &environment),
            id: id.to_owned(),
            state,
            damage,
            loss: settings.get("loss").map_or(NONE.to_owned(), label),
            seed: settings.get("seed").cloned().unwrap_or_default(),
            changed_settings: if settings.is_empty() {
                settings.clone()
            } else {
                changed_settings
            },
            settings,
            step: trial.step,
            cause: result.as_ref().and_then(|result| result.cause.clone()),
            images_per_second: result.as_ref().and_then(|result| result.images_per_second),
            time_s_total: result.as_ref().map(|result| result.time_s_total),
            device_memory_bytes: result.as_ref().and_then(|it| it.device_memory_bytes),
            validation: result.as_ref().and_then(|result| result.validation.clone()),
            test: result.and_then(|result| result.test.clone()),
            last_epoch,
            environment,
        })
    }

    /// Of the final weights, or after the last epoch where there are none.
    pub fn score_on(&self, split: Split) -> Option<Score> {
        let score = match split {
            Split::Validation => &self.validation,
            Split::Test => &self.test,
        };
        let last = self
            .last_epoch
            .as_ref()
            .filter(|it| it.evaluated_on == split);
        score.clone().or_else(|| Some(last?.score()))
    }

    pub fn json(&self) -> String {
        json::pretty(self)
    }

    pub fn text(&self) -> String {
        let seed = match &self.seed {
            Value::Null => String::new(),
            seed => format!(", seed {seed}"),
        };
        let mut text = format!("{}: {}{seed}\n", self.id, self.loss);
        let changed: Vec<_> = self.rows_of_settings(true).collect();
        let title = "Settings that differ from their defaults (default)";
        text += &section(title, &changed);
        text += &section("State", &self.rows_of_state());
        text += &self.scores();
        text += &section("Environment", &self.rows_of_environment());
        text += &section("Sessions that resumed it", &self.rows_of_sessions());
        let others: Vec<_> = self.rows_of_settings(false).collect();
        text += &section("Settings at their defaults", &others);
        let Commands { run, verify } = &self.commands;
        text + &format!("\nTrain it again\n  {run}\n\nCompare it with a rerun\n  {verify}\n")
    }

    /// Those that differ from their defaults or those that do not, as far as they have an effect.
    fn rows_of_settings(&self, changed: bool) -> impl Iterator<Item = (String, String)> {
        let known = TRAIN_KEYS.iter().map(|key| key.name);
        let is_known = |name: &&str| TRAIN_KEYS.iter().any(|key| key.name == *name);
        let later = self.settings.keys().map(String::as_str);
        let later = later.filter(move |name| !is_known(name) && !["loss", "seed"].contains(name));
        let keys = known.chain(later).filter(move |name| {
            let is_changed = self.changed_settings.contains_key(*name);
            is_changed == changed && counts(name, &self.settings)
        });
        keys.filter_map(move |name| {
            let value = bare_text(self.settings.get(name)?);
            let default = changed.then(|| self.default(name));
            let default = default.map_or(String::new(), |default| format!("  ({default})"));
            Some((name.to_owned(), value + &default))
        })
    }

    /// What the setting would be if it were not written, beside the others.
    fn default(&self, name: &str) -> String {
        let mut others = self.changed_settings.clone();
        others.remove(name);
        complete(others)
            .get(name)
            .map_or(NONE.to_owned(), bare_text)
    }

    fn rows_of_state(&self) -> Vec<(String, String)> {
        let time = self.time_s_total.map(Duration::from_secs_f64).map(duration);
        let speed = self
            .images_per_second
            .map(|speed| format!("{speed:.0} images/s"));
        let memory = self.device_memory_bytes;
        let rows = [
            ("state", Some(self.state.clone())),
            ("damage", self.damage.clone()),
            ("cause", self.cause.clone()),
            ("steps", Some(self.step.to_string())),
            ("time", time),
            ("training", speed),
            (
                "device memory",
                memory.map(|bytes| format!("{} MB", bytes / 1_000_000)),
            ),
        ];
        let known = rows
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        known.collect()
    }

    /// Every metric of the final weights, or of the last epoch where there are none.
    fn scores(&self) -> String {
        let last = self.last_epoch.as_ref();
        let last = last.filter(|_| self.state != TrialState::Done.to_string());
        let of_epoch = last.map(|epoch| {
            let header = format!("{} after epoch {}", epoch.evaluated_on.name(), epoch.epoch);
            (header, epoch.score())
        });
        let final_scores = [("validation", &self.validation), ("test", &self.test)];
        let final_scores = final_scores
            .into_iter()
            .filter_map(|(split, score)| Some((split.to_owned(), score.clone()?)));
        let scores: Vec<(String, Score)> = final_scores.chain(of_epoch).collect();
        if scores.is_empty() {
            return String::new();
        }
        let rows: Vec<&Metric> = METRICS
            .iter()
            .filter(|metric| {
                scores
                    .iter()
                    .any(|(_, score)| score.get(metric.name).is_some())
            })
            .collect();
        let mut columns = vec![
            Column::new("metric", Align::Left, &rows, |it| it.name.to_owned()),
            Column::new("unit", Align::Left, &rows, |it| it.unit_shown().to_owned()),
        ];
        columns.extend(scores.iter().map(|(header, score)| {
            Column::new(header, Align::Right, &rows, |metric| {
                let value = score.get(metric.name);
                value.map_or(NONE.to_owned(), |value| metric.show(value))
            })
        }));
        format!("\nScores\n{}", indented(&ruled(columns)))
    }

    fn rows_of_environment(&self) -> Vec<(String, String)> {
        let mut first = self.environment.clone();
        first.remove("resumed");
        let rows = flattened(&first).into_iter();
        let known = rows.filter(|(_, value)| !value.is_null());
        known.map(|(key, value)| (key, bare_text(&value))).collect()
    }

    /// A row for each session that resumed the trial.
    fn rows_of_sessions(&self) -> Vec<(String, String)> {
        let sessions = self.environment.get("resumed").and_then(Value::as_array);
        let rows = sessions.into_iter().flatten().map(|session| {
            let others = session.as_object().into_iter().flatten();
            let others = others.filter(|(key, value)| *key != "step" && !value.is_null());
            let others = others.map(|(key, value)| format!("{key} {}", bare_text(value)));
            let others = others.collect::<Vec<_>>().join(", ");
            (format!("after step {}", session["step"]), others)
        });
        rows.collect()
    }
}

impl Commands {
    fn of(store: &Path, id: &str, environment: &Map<String, Value>) -> Self {
        let text = |key: &str| environment.get(key).and_then(Value::as_str);
        let backend = text("backend").map_or(String::new(), |name| format!(" --backend {name}"));
        let widest = Instructions::widest().to_string();
        let instructions = text("instructions").filter(|set| *set != widest);
        let variable = instructions.map_or(String::new(), |set| {
            format!("{}={set} ", Instructions::VARIABLE)
        });
        let file = store.join("trials").join(id).join("settings.toml");
        let [store, file] = [store, &file].map(|path| quoted(&path.display().to_string()));
        Self {
            run: format!("{variable}experiment run {file}{backend} --store runs/{id}-again"),
            verify: format!("{variable}experiment verify {store} {id}"),
        }
    }
}

/// The values of objects inside of objects, by their keys joined with points, as `docs/records.md` names them.
pub fn flattened(object: &Map<String, Value>) -> Vec<(String, Value)> {
    let pairs = object.iter().flat_map(|(key, value)| match value {
        Value::Object(inner) => {
            let inner = flattened(inner).into_iter();
            inner
                .map(|(name, value)| (format!("{key}.{name}"), value))
                .collect()
        }
        value => vec![(key.clone(), value.clone())],
    });
    pairs.collect()
}

/// A value without quotes.
pub fn bare_text(value: &Value) -> String {
    match value {
        Value::Null => NONE.to_owned(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// Names and values under a title; nothing if there are none.
pub fn section(title: &str, rows: &[(String, String)]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let table = bare(vec![
        Column::new("", Align::Left, rows, |(name, _)| name.clone()),
        Column::new("", Align::Left, rows, |(_, value)| value.clone()),
    ]);
    format!("\n{title}\n{}", indented(&table))
}

pub fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// As a shell reads it.
fn quoted(path: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+,:@%".contains(c);
    if !path.is_empty() && path.chars().all(is_plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_is_quoted_where_a_shell_would_split_or_expand_it() {
        for (path, text) in [
            ("runs/a-1", "runs/a-1"),
            ("my runs/a", "'my runs/a'"),
            ("$x", "'$x'"),
            ("it's", "'it'\\''s'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(path), text);
        }
    }

    #[test]
    fn values_inside_of_objects_are_named_by_the_keys_that_lead_to_them() {
        let object = json!({ "a": { "b": { "c": 1 }, "d": "x" }, "e": null });
        let flat = flattened(object.as_object().unwrap());
        let expected = [("a.b.c", json!(1)), ("a.d", json!("x")), ("e", Value::Null)];
        assert_eq!(flat, expected.map(|(key, value)| (key.to_owned(), value)));
    }
}
