//! The trials of a store → a folder of runs for TensorBoard.

use std::collections::HashSet;
use std::path::Path;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::event_file::EventFile;
use super::settings::{self, counts};
use super::show::bare_text;
use super::{TrialRow, trials_of_store};
use crate::records::{EpochRecord, Split, TrialState};
use crate::store::{Damage, Results, Store, StoreError, atomic};

/// Characters of a run's name, below what file systems allow.
const MAXIMUM_NAME: usize = 150;

/// Writes a folder with an event file for each trial that has begun; returns how many, and the trials of which records
/// cannot be read. The same store gives the same bytes.
///
/// # Errors
/// When the store cannot be read or `folder` cannot be written.
pub fn export_tensorboard(
    store: &Store,
    results: &Results,
    folder: &Path,
) -> Result<(usize, Vec<Damage>), StoreError> {
    let trials = trials_of_store(store, results)?;
    let mut exported = 0;
    let mut damaged = Vec::new();
    for (trial, name) in trials.iter().zip(run_names(&trials)) {
        let (start, content) = match events(store, trial) {
            Err(StoreError::Damaged(damage)) => {
                damaged.push(damage);
                continue;
            }
            events => events?,
        };
        let run = folder.join(name);
        atomic::create_folder(&run)?;
        // TensorBoard reads the files whose names have this part.
        let file = run.join(format!("events.out.tfevents.{start}.experiment"));
        atomic::write(&file, &content)?;
        exported += 1;
    }
    Ok((exported, damaged))
}

/// The loss, the settings that vary and the seed of each trial, and the start of its id where others have the same.
fn run_names(trials: &[TrialRow]) -> Vec<String> {
    let all = || trials.iter().map(|trial| &trial.settings);
    let known = || all().filter(|settings| !settings.is_empty());
    let varies = |key: &&str| {
        let mut values = known().map(|settings| settings.get(*key));
        let first = values.next();
        values.any(|value| Some(value) != first)
    };
    let varying: Vec<&str> = settings::keys(known()).into_iter().filter(varies).collect();
    let names = trials.iter().map(|trial| {
        let of = |key: &str| Some(format!("{key}={}", bare_text(trial.settings.get(key)?)));
        let settings = varying.iter().filter(|key| counts(key, &trial.settings));
        let parts = [trial.loss.clone()].into_iter();
        let parts = parts
            .chain(settings.filter_map(|key| of(key)))
            .chain(of("seed"));
        file_name(&parts.collect::<Vec<_>>().join(","))
    });
    let names: Vec<String> = names.collect();
    let mut seen = HashSet::new();
    let repeated: HashSet<&String> = names.iter().filter(|name| !seen.insert(*name)).collect();
    let unique = trials.iter().zip(&names).map(|(trial, name)| {
        if repeated.contains(name) || name.is_empty() {
            format!("{name}-{}", trial.id)
                .trim_start_matches('-')
                .to_owned()
        } else {
            name.clone()
        }
    });
    unique.collect()
}

/// The text in characters that every file system and shell takes as they are.
fn file_name(text: &str) -> String {
    let mut name = String::new();
    for character in text.chars() {
        match character {
            _ if name.len() == MAXIMUM_NAME => break,
            c if c.is_ascii_alphanumeric() || "_.=,+".contains(c) => name.push(c),
            _ if name.ends_with('-') => {}
            _ => name.push('-'),
        }
    }
    name.replace("-,", ",").trim_matches(['-', '.']).to_owned()
}

/// When the trial started, and the content of its event file.
fn events(store: &Store, trial: &TrialRow) -> Result<(i64, Vec<u8>), StoreError> {
    let environment = store.trial(&trial.id)?.environment;
    let epochs = store.epochs(&trial.id)?;
    let steps = store.steps(&trial.id)?;
    let start = started(&environment);
    let clock = Clock::of(start as f64, &epochs);
    let mut file = EventFile::new(start as f64);
    let settings = trial.settings.iter().filter(|(key, _)| *key != "loss");
    let settings = settings.map(|(key, value)| (key.as_str(), value));
    let loss = Value::String(trial.loss.clone());
    let settings = [("loss", &loss)].into_iter().chain(settings);
    file.settings(start as f64, &trial.id, settings);
    for (index, step) in steps.iter().enumerate() {
        add_step(&mut file, step, clock.of_step(&steps, index));
    }
    for epoch in &epochs {
        add_epoch(&mut file, epoch, clock.end_of(epoch.epoch));
    }
    let result = trial.result.as_ref();
    if let Some(result) = result {
        let last = epochs.last().map_or(0, |epoch| epoch.epoch);
        let end = clock.end_of(last);
        // Otherwise the test set was evaluated after each epoch.
        let is_new = epochs
            .last()
            .is_none_or(|epoch| epoch.evaluated_on != Split::Test);
        if let Some(test) = result.test.as_ref().filter(|_| is_new) {
            let scalars = named(Split::Test, test.metrics().iter());
            write(&mut file, end, last as u64, &scalars);
        }
        file.end(end, result.state == TrialState::Done);
    }
    Ok((start, file.into_bytes()))
}

fn add_step(file: &mut EventFile, step: &Value, time: f64) {
    // Those of an earlier version had shorter names.
    let number = |name: &str, old: &str| step.get(name).or(step.get(old))?.as_f64();
    let scalars = [
        ("step/train_loss".to_owned(), number("train_loss", "loss")),
        (
            "step/train_accuracy".to_owned(),
            number("train_accuracy", "accuracy"),
        ),
    ];
    write(
        file,
        time,
        step["step"].as_u64().unwrap_or_default(),
        &scalars,
    );
}

fn add_epoch(file: &mut EventFile, epoch: &EpochRecord, time: f64) {
    let own = [
        ("epoch/train_loss", epoch.train_loss),
        ("epoch/train_accuracy", epoch.train_accuracy),
        ("epoch/learning_rate", epoch.learning_rate),
        ("epoch/images_per_second", epoch.images_per_second),
    ];
    let own = own.map(|(tag, value)| (tag.to_owned(), Some(value)));
    let mut scalars = Vec::from(own);
    scalars.extend(named(epoch.evaluated_on, epoch.score().metrics().iter()));
    write(file, time, epoch.epoch as u64, &scalars);
}

/// The metrics under the images that they were measured on, such as `test/accuracy`.
fn named<'a>(
    split: Split,
    metrics: impl Iterator<Item = (&'a String, &'a Option<f64>)>,
) -> Vec<(String, Option<f64>)> {
    let name =
        |(metric, value): (&String, &Option<f64>)| (format!("{}/{metric}", split.name()), *value);
    metrics.map(name).collect()
}

/// Numbers that are undefined or not finite, which records hold as null, have no point.
fn write(file: &mut EventFile, time: f64, step: u64, scalars: &[(String, Option<f64>)]) {
    let known = scalars.iter().filter_map(|(tag, value)| {
        let value = value.filter(|value| value.is_finite())?;
        Some((tag.as_str(), value))
    });
    file.scalars(time, step, &known.collect::<Vec<_>>());
}

/// Seconds since 1970; 0 if the trial does not say.
fn started(environment: &Map<String, Value>) -> i64 {
    let started = environment.get("time_started").and_then(Value::as_str);
    let started = started.and_then(|text| text.parse::<Timestamp>().ok());
    started.map_or(0, Timestamp::as_second)
}

/// When a step or an epoch ended, as far as the records tell: they have the time of training of each epoch, whose
/// steps are taken to be equally long.
struct Clock {
    /// Of each epoch from 1, whose index is 0; of the one after the last, too.
    starts: Vec<f64>,
    /// Seconds of the last epoch.
    last: f64,
}

impl Clock {
    fn of(start: f64, epochs: &[EpochRecord]) -> Self {
        let mut starts = vec![start];
        let times = epochs.iter().map(|epoch| epoch.time_s);
        starts.extend(times.scan(start, |time, seconds| {
            *time += seconds;
            Some(*time)
        }));
        Self {
            starts,
            last: epochs.last().map_or(0.0, |epoch| epoch.time_s),
        }
    }

    fn start_of(&self, epoch: usize) -> f64 {
        let known = epoch.clamp(1, self.starts.len());
        self.starts[known - 1] + (epoch.max(1) - known) as f64 * self.last
    }

    fn end_of(&self, epoch: usize) -> f64 {
        self.start_of(epoch + 1)
    }

    fn of_step(&self, steps: &[Value], index: usize) -> f64 {
        let epoch_at = |index: usize| steps[index]["epoch"].as_u64().unwrap_or(1) as usize;
        let epoch = epoch_at(index);
        let first =
            steps.partition_point(|step| (step["epoch"].as_u64().unwrap_or(1) as usize) < epoch);
        let after =
            steps.partition_point(|step| (step["epoch"].as_u64().unwrap_or(1) as usize) <= epoch);
        let share = (index + 1 - first) as f64 / (after - first) as f64;
        let (start, end) = (self.start_of(epoch), self.end_of(epoch));
        start + share * (end - start)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use std::sync::Arc;

    use super::*;
    use crate::records::examples::{done, epoch};
    use crate::store::StoredTrial;

    fn row(id: &str, loss: &Value, learning_rate: f64, seed: u64) -> TrialRow {
        let settings = json!({ "loss": loss, "learning_rate": learning_rate, "seed": seed });
        TrialRow::from(StoredTrial::from(Arc::new(done(id, settings, 0.5))))
    }

    #[test]
    fn runs_are_named_by_loss_varying_settings_and_seed_and_by_id_where_that_is_not_enough() {
        let bonus = json!({ "name": "encouraging", "log_end": 1.0 });
        let sum = json!({ "name": "sum", "weights": [-0.5, 1.0],
            "terms": [{ "name": "focal" }, { "name": "poly1" }] });
        let rows = [
            row("a", &bonus, 0.1, 1),
            row("b", &sum, 0.05, 2),
            row("c", &sum, 0.05, 2),
        ];
        let expected = [
            "encouraging-log_end=1,learning_rate=0.1,seed=1",
            "0.5-focal-+-poly1,learning_rate=0.05,seed=2-b",
            "0.5-focal-+-poly1,learning_rate=0.05,seed=2-c",
        ];
        assert_eq!(run_names(&rows), expected);
        assert_eq!(run_names(&rows[..1]), ["encouraging-log_end=1,seed=1"]);
        let unknown = TrialRow {
            id: "d".to_owned(),
            loss: String::new(),
            settings: Map::new(),
            step: 0,
            result: None,
        };
        assert_eq!(run_names(&[unknown]), ["d"]);
    }

    #[test]
    fn a_name_has_no_character_that_a_file_system_or_shell_reads_otherwise() {
        assert_eq!(file_name("../a b:c*\"d\"/é.."), "a-b-c-d");
        assert_eq!(file_name(&"x".repeat(500)).len(), MAXIMUM_NAME);
    }

    #[test]
    fn steps_share_the_time_of_their_epoch() {
        let epochs = [epoch(1), epoch(2)];
        let clock = Clock::of(100.0, &epochs);
        let steps = [1, 1, 2, 2, 3].map(|epoch| json!({ "epoch": epoch }));
        let times = [0, 1, 2, 3, 4].map(|index| clock.of_step(&steps, index));
        assert_eq!(times, [102.0, 104.0, 106.0, 108.0, 112.0]);
        assert_eq!(clock.end_of(2), 108.0);
        assert_eq!(Clock::of(100.0, &[]).of_step(&steps, 0), 100.0);
    }
}
