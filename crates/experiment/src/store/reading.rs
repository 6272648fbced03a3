//! One trial, for those who look at it alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::{Map, Value};

use super::listing::whole_lines;
use super::{Damage, Results, STEPS, Store, StoreError, Stored, StoredTrial, read_if_there};

/// Ids that a message names.
const SHOWN: usize = 3;

/// What the folder of a trial holds, whatever became of the trial.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialFiles {
    pub trial: StoredTrial,
    /// What is wrong with the files, if it is known.
    pub damage: Option<Damage>,
    /// The content of `environment.json`; empty where a kill came before it, or where it is damaged.
    pub environment: Map<String, Value>,
}

impl Store {
    /// The id of the only trial whose id starts with `prefix`.
    pub fn find(&self, prefix: &str) -> Result<String, StoreError> {
        let ids = self.ids(|_| true)?;
        let mut found: Vec<&String> = ids.iter().filter(|id| id.starts_with(prefix)).collect();
        match found[..] {
            [id] => return Ok(id.clone()),
            _ if ids.iter().any(|id| id == prefix) => return Ok(prefix.to_owned()),
            [] => found = nearest(prefix, &ids),
            [..] => {}
        }
        let shown = found.iter().take(SHOWN).map(|id| id.as_str());
        let mut near = shown.collect::<Vec<_>>().join(", ");
        if found.len() > SHOWN {
            near += ", …";
        }
        Err(StoreError::NoTrial {
            folder: self.folder.clone(),
            prefix: prefix.to_owned(),
            near,
        })
    }

    /// A trial that has begun. One that is damaged has the settings and steps that can be read, but no result.
    pub fn trial(&self, id: &str) -> Result<TrialFiles, StoreError> {
        let (trial, damage) = match self.readable(id)? {
            Stored::Ended(result) => (StoredTrial::from(result), None),
            Stored::Nothing => (self.begun(id)?, None),
            Stored::Damaged(damage) => {
                let unknown = StoredTrial {
                    id: id.to_owned(),
                    settings: Map::new(),
                    step: 0,
                    result: None,
                };
                (self.begun(id).unwrap_or(unknown), Some(damage))
            }
        };
        self.verified.save();
        // Damage has been reported, and a kill leaves no part of a file.
        let environment = self.environment(id).ok().flatten();
        let environment = environment.and_then(|it| it.as_object().cloned());
        Ok(TrialFiles {
            trial,
            damage,
            environment: environment.unwrap_or_default(),
        })
    }

    /// What the files written before the end say.
    fn begun(&self, id: &str) -> Result<StoredTrial, StoreError> {
        let trials = self.trials(&Results {
            unfinished: vec![id.to_owned()],
            ..Results::default()
        })?;
        Ok(trials.into_iter().next().expect("one for each id"))
    }

    /// The steps of a trial so far, as objects. An incomplete last line is excluded.
    pub fn steps(&self, id: &str) -> Result<Vec<Value>, StoreError> {
        let file = self.folder_of(id).join(STEPS);
        let bytes = read_if_there(&file)?.unwrap_or_default();
        let steps = (1..).zip(whole_lines(&bytes)).map(|(number, line)| {
            serde_json::from_slice(line).map_err(|error| {
                StoreError::Damaged(Damage::new(&file, format!("line {number}: {error}")))
            })
        });
        steps.collect()
    }

    /// The content of `settings.toml`, a sweep file of this one trial; empty if there is none.
    pub fn settings_toml(&self, id: &str) -> Result<String, StoreError> {
        let bytes = read_if_there(&self.folder_of(id).join("settings.toml"))?;
        Ok(String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned())
    }

    /// The content of every file in the folder of a trial, by its name.
    pub fn files(&self, id: &str) -> Result<BTreeMap<String, Vec<u8>>, StoreError> {
        let folder = self.folder_of(id);
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(&folder).map_err(StoreError::io(&folder, "read"))? {
            let path = entry.map_err(StoreError::io(&folder, "read"))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_file() {
                let content = fs::read(&path).map_err(StoreError::io(&path, "read"))?;
                files.insert(name.into_owned(), content);
            }
        }
        Ok(files)
    }

    /// The folder of a trial, that of its last attempt where it has not ended.
    pub fn folder_of(&self, id: &str) -> PathBuf {
        let ended = self.trial_folder(id);
        if ended.is_dir() {
            return ended;
        }
        let latest = self.attempts.latest(id).ok().flatten();
        latest.unwrap_or(ended)
    }
}

/// The ids, those first that begin most like `prefix`.
fn nearest<'a>(prefix: &str, ids: &'a [String]) -> Vec<&'a String> {
    let distance = |id: &&String| {
        let start: String = id.chars().take(prefix.chars().count()).collect();
        strsim::damerau_levenshtein(prefix, &start)
    };
    let mut ids: Vec<&String> = ids.iter().collect();
    ids.sort_by_cached_key(distance);
    ids
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::tests::leave_unfinished;

    fn store_of(ids: &[&str]) -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create_or_open(folder.path()).unwrap();
        for id in ids {
            leave_unfinished(&store, id, "seeds = [3]\n[train]\nwidth = 2");
        }
        (folder, store)
    }

    #[test]
    fn a_trial_is_found_by_any_prefix_that_no_other_has() {
        let (_folder, store) = store_of(&["3f2a", "3f2b", "90ab", "90"]);
        assert_eq!(store.find("3f2a").unwrap(), "3f2a");
        assert_eq!(store.find("90").unwrap(), "90");
        assert_eq!(store.find("90a").unwrap(), "90ab");
    }

    #[test]
    fn a_trial_that_is_not_found_is_answered_with_those_that_it_could_be() {
        let (folder, store) = store_of(&["3f2a", "3f2b", "90ab", "cccc"]);
        let message = |prefix: &str| store.find(prefix).unwrap_err().to_string();
        let start = format!("{}: trial: expected", folder.path().display());
        for (prefix, end) in [
            ("3f2", "found \"3f2\"; near ids: 3f2a, 3f2b"),
            ("c0c", "found \"c0c\"; near ids: cccc, 90ab, 3f2a, …"),
        ] {
            let message = message(prefix);
            assert!(message.starts_with(&start), "{message}");
            assert!(message.ends_with(end), "{message}");
        }
        let (_folder, empty) = store_of(&[]);
        let message = empty.find("3").unwrap_err().to_string();
        assert!(
            message.ends_with("found \"3\"; it has none yet"),
            "{message}"
        );
    }

    #[test]
    fn a_trial_has_what_can_be_read_of_it() {
        let (folder, store) = store_of(&["a", "b"]);
        let files = store.trial("a").unwrap();
        assert_eq!(files.trial.settings["width"], 2);
        assert_eq!(files.environment["backend"], "flex");
        assert_eq!((files.damage, files.trial.result), (None, None));

        let result = folder.path().join("trials/b/result.json");
        fs::rename(store.folder_of("b"), folder.path().join("trials/b")).unwrap();
        fs::write(&result, "{").unwrap();
        let files = store.trial("b").unwrap();
        assert_eq!(files.damage.unwrap().file, result);
        assert_eq!(files.trial.settings["seed"], 3);
        assert_eq!(files.trial.result, None);
    }

    #[test]
    fn steps_are_read_as_far_as_they_are_whole() {
        let (_folder, store) = store_of(&["a"]);
        let file = store.folder_of("a").join("steps.jsonl");
        fs::write(&file, "{\"step\":1}\n{\"step\":2}\n{\"ste").unwrap();
        assert_eq!(
            store.steps("a").unwrap(),
            [json!({"step": 1}), json!({"step": 2})]
        );
        fs::write(&file, "nonsense\n").unwrap();
        let error = store.steps("a").unwrap_err().to_string();
        assert!(error.contains("steps.jsonl: line 1"), "{error}");
    }
}
