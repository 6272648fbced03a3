//! Lists a store: every trial that has started, and which ones the last sweep contains.

use std::collections::BTreeSet;
use std::fs::{self, DirEntry};
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Damage, Results, Store, StoreError, Stored, metadata_if_there, read_if_there};
use crate::records::{EpochRecord, Split, TrialResult};

/// A trial that has started.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredTrial {
    pub id: String,
    /// As in its result, or in `settings.toml` where it has none; empty where a kill came before both.
    pub settings: Map<String, Value>,
    /// Steps done, as far as they are on disk.
    pub step: u64,
    /// `None` if the trial has not ended: it is being trained, or was interrupted.
    pub result: Option<Arc<TrialResult>>,
}

impl From<Arc<TrialResult>> for StoredTrial {
    fn from(result: Arc<TrialResult>) -> Self {
        Self {
            id: result.id.clone(),
            settings: result.settings.clone(),
            step: result.step,
            result: Some(result),
        }
    }
}

impl Store {
    /// Every trial that has begun, in the order of their ids, damaged ones left out; `results` are those of this store.
    pub fn trials(&self, results: &Results) -> Result<Vec<StoredTrial>, StoreError> {
        let ended = results.ended.iter().cloned().map(StoredTrial::from);
        let mut trials: Vec<StoredTrial> = ended.collect();
        for id in &results.unfinished {
            let folder = self.folder_of(id);
            trials.push(StoredTrial {
                id: id.clone(),
                settings: settings_in(&folder)?,
                step: last_step(&folder)?,
                result: None,
            });
        }
        trials.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(trials)
    }

    /// The ids of all trials that have begun and are asked for, sorted.
    pub(super) fn ids(&self, is_asked: impl Fn(&str) -> bool) -> Result<Vec<String>, StoreError> {
        let trials = self.folder.join("trials");
        let mut ids: BTreeSet<String> = self.attempts.all()?.into_keys().collect();
        ids.retain(|id| is_asked(id));
        for entry in fs::read_dir(&trials).map_err(StoreError::io(&trials, "read"))? {
            let entry = entry.map_err(StoreError::io(&trials, "read"))?;
            let id = entry.file_name().to_string_lossy().into_owned();
            if is_asked(&id) && is_folder(&entry)? {
                ids.insert(id);
            }
        }
        Ok(ids.into_iter().collect())
    }

    /// The epochs of a trial so far. An incomplete last line is excluded.
    pub fn epochs(&self, id: &str) -> Result<Vec<EpochRecord>, StoreError> {
        let file = self.folder_of(id).join("epochs.jsonl");
        let bytes = read_if_there(&file)?.unwrap_or_default();
        let lines = whole_lines(&bytes).enumerate();
        lines
            .map(|(index, line)| {
                serde_json::from_slice(line).map_err(|error| {
                    let cause = format!("line {}: {error}", index + 1);
                    StoreError::Damaged(Damage::new(&file, cause))
                })
            })
            .collect()
    }

    /// The content of a trial's `environment.json`; `None` if it is no JSON, or there is none.
    pub fn environment(&self, id: &str) -> Result<Option<Value>, StoreError> {
        let file = self.folder_of(id).join("environment.json");
        let bytes = read_if_there(&file)?.unwrap_or_default();
        Ok(serde_json::from_slice(&bytes).ok())
    }

    /// The result, completed with data that earlier versions stored only in other files.
    pub(super) fn completed(&self, mut result: TrialResult) -> Result<Stored, StoreError> {
        let held_out = result.settings.get("validation") != Some(&0.into());
        if result.validation.is_none() && result.test.is_some() && held_out {
            let mut epochs = match self.epochs(&result.id) {
                Err(StoreError::Damaged(damage)) => return Ok(Stored::Damaged(damage)),
                epochs => epochs?,
            };
            let last = epochs
                .pop()
                .filter(|epoch| epoch.evaluated_on == Split::Validation);
            result.validation = last.map(|epoch| epoch.score());
        }
        let asked = result.settings.get("precision").and_then(Value::as_str);
        if result.precision_used.is_none() && asked != Some("mixed") {
            result.precision_used = Some("f32".to_string());
        } else if result.precision_used.is_none() {
            let environment = self.environment(&result.id)?.unwrap_or_default();
            result.precision_used = environment["precision"].as_str().map(str::to_string);
        }
        Ok(Stored::Ended(Arc::new(result)))
    }
}

/// Whether an entry is a folder, or links to one; the system is asked again only about a link.
fn is_folder(entry: &DirEntry) -> Result<bool, StoreError> {
    let path = entry.path();
    let kind = entry.file_type().map_err(StoreError::io(&path, "read"))?;
    if kind.is_symlink() {
        return Ok(metadata_if_there(&path)?.is_some_and(|metadata| metadata.is_dir()));
    }
    Ok(kind.is_dir())
}

/// `settings.toml`, the sweep file of one trial, in the form of a result's settings.
fn settings_in(folder: &Path) -> Result<Map<String, Value>, StoreError> {
    let bytes = read_if_there(&folder.join("settings.toml"))?.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let mut sweep: Value = toml::from_str(&text).unwrap_or_default();
    let Value::Object(mut settings) = sweep["train"].take() else {
        return Ok(Map::new());
    };
    for (key, list) in [("loss", "losses"), ("seed", "seeds")] {
        let first = sweep.get_mut(list).and_then(|list| list.get_mut(0));
        settings.insert(key.to_string(), first.map(Value::take).unwrap_or_default());
    }
    Ok(settings)
}

/// The last step whose record is on disk; 0 if there is none.
fn last_step(folder: &Path) -> Result<u64, StoreError> {
    let bytes = read_if_there(&folder.join("steps.jsonl"))?.unwrap_or_default();
    let last = whole_lines(&bytes).last().unwrap_or_default();
    let record: Value = serde_json::from_slice(last).unwrap_or_default();
    Ok(record["step"].as_u64().unwrap_or_default())
}

/// The complete lines, since another process may be writing the last one.
pub(super) fn whole_lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    lines.filter(|line| line.ends_with(b"\n"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;
    use tempfile::TempDir;

    use super::*;
    use crate::records::examples::{done, environment};
    use crate::records::{Score, TrialState};
    use crate::store::TrialDir;
    use crate::store::tests::{lease, leave_unfinished};

    /// A line as version 0.1 wrote it.
    const OLD_EPOCH: &str = r#"{"epoch":2,"train_loss":1.5,"train_accuracy":0.5,"evaluated_on":"validation","loss":1.25,"accuracy":0.625,"learning_rate":0.1,"images_per_second":320.0,"time_s":4.0}"#;

    fn new_store() -> (TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create_or_open(folder.path()).unwrap();
        (folder, store)
    }

    #[test]
    fn a_trial_without_a_result_has_the_settings_and_steps_of_its_files() {
        let (folder, store) = new_store();
        let settings = "name = \"a\"\nlosses = [{ name = \"focal\", gamma = 3.0 }]\nseeds = [7]\n\n[train]\nwidth = 2\n";
        leave_unfinished(&store, "a", settings);
        fs::create_dir(folder.path().join("trials/b")).unwrap();
        let attempt = store.folder_of("a");
        let steps = attempt.join("steps.jsonl");
        fs::write(steps, "{\"step\":1}\n{\"step\":2}\n{\"step\":3").unwrap();
        let trials = store.trials(&store.results().unwrap()).unwrap();
        let expected = json!({ "loss": { "name": "focal", "gamma": 3.0 }, "seed": 7, "width": 2 });
        assert_eq!(json!(trials[0].settings), expected);
        assert_eq!((trials[0].step, &trials[0].result), (2, &None));
        assert_eq!((trials[1].id.as_str(), trials[1].step), ("b", 0));
        assert_eq!(trials[1].settings, Map::new());

        let damaged = settings
            .replace("losses", "lossez")
            .replace("seeds", "seedz");
        fs::write(attempt.join("settings.toml"), damaged).unwrap();
        let settings = store.trials(&store.results().unwrap()).unwrap()[0]
            .settings
            .clone();
        assert_eq!(
            json!(settings),
            json!({ "loss": null, "seed": null, "width": 2 })
        );
    }

    #[test]
    fn the_lines_of_earlier_versions_are_read_and_one_being_written_is_left_out() {
        let (_folder, store) = new_store();
        leave_unfinished(&store, "a", "");
        let file = store.folder_of("a").join("epochs.jsonl");
        fs::write(&file, format!("{OLD_EPOCH}\n{{\"epoch\":3")).unwrap();
        let epochs = store.epochs("a").unwrap();
        assert_eq!(epochs.len(), 1);
        assert_eq!(
            (epochs[0].eval_loss, epochs[0].eval_accuracy),
            (1.25, 0.625)
        );
        assert_eq!(
            (epochs[0].cross_entropy, epochs[0].steps_skipped),
            (None, None)
        );
        fs::write(&file, format!("{OLD_EPOCH}\nnonsense\n")).unwrap();
        let message = store.epochs("a").unwrap_err().to_string();
        assert!(message.contains("epochs.jsonl: "), "{message}");
        assert!(message.contains("line 2: "), "{message}");
    }

    #[test]
    fn an_old_result_gets_its_validation_score_and_precision_from_the_other_files() {
        let (folder, store) = new_store();
        let result = TrialResult {
            precision_used: None,
            ..done(
                "a",
                json!({ "seed": 1, "validation": 50, "precision": "mixed" }),
                0.5,
            )
        };
        let lease = lease(&store, "a");
        let trial = TrialDir::begin(&lease, "", &environment()).unwrap();
        let epochs = folder.path().join("trials/a/epochs.jsonl");
        trial.finish(&result).unwrap();
        fs::write(&epochs, format!("{OLD_EPOCH}\n")).unwrap();
        let completed = |result: &TrialResult| {
            let completed = store.completed(result.clone()).unwrap();
            completed.ended().cloned().expect("its files are whole")
        };
        let read = completed(&result);
        let expected = Score::of_keys(0.625, 1.25, None, BTreeMap::new());
        assert_eq!(read.validation, Some(expected));
        assert_eq!(read.precision_used.as_deref(), Some("f32"));
        assert_eq!(read.state, TrialState::Done);

        fs::write(&epochs, OLD_EPOCH.replace("validation", "test") + "\n").unwrap();
        assert_eq!(completed(&result).validation, None);

        fs::write(&epochs, "nonsense\n").unwrap();
        let damaged = store.completed(result).unwrap();
        assert!(matches!(damaged, Stored::Damaged(damage) if damage.file == epochs));

        // Nothing but f32 was ever computed where mixed precision was not asked for.
        let result = TrialResult {
            precision_used: None,
            ..done("b", json!({ "seed": 2 }), 0.5)
        };
        assert_eq!(completed(&result).precision_used.as_deref(), Some("f32"));
    }
}
