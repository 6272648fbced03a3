//! `plan.json`: what the sweep that was last run into a store consists of, and what it declared.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Damage, Store, StoreError, atomic, read_if_there};
use crate::digest::hex;
use crate::json;

const PLAN: &str = "plan.json";
/// The key of its checksum.
const SEAL: &str = "sha256";

/// The content of `plan.json`: the trials of the sweep that was last run into the store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Name of the sweep.
    pub name: String,
    /// Ids in the order of the sweep, as far as they are known: which trials follow a tuning stage depends on it.
    pub trials: Vec<String>,
    /// What the sweep declared, and each change of it, the last in force; empty in stores of versions that kept none.
    #[serde(default)]
    pub declarations: Vec<Declaration>,
}

/// A sweep file as it was when its claims, seeds or search spaces were declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declaration {
    /// Of the sweep: several can share a store.
    pub name: String,
    /// Of the claims, the seeds and the search spaces.
    pub sha256: String,
    /// Trials of the sweep that had ended by then; above 0 where it was declared with knowledge of results.
    pub ended: usize,
    /// The text of the sweep file.
    pub sweep: String,
}

impl Plan {
    /// As in `plan.json`: with the SHA-256 of the rest, which earlier versions did not write. A change of one letter could
    /// accuse a sweep of having been declared after its results.
    pub fn sealed(&self) -> Value {
        let mut sealed = json!(self);
        sealed[SEAL] = sha256(&sealed).into();
        sealed
    }

    fn of_file(bytes: &[u8]) -> Result<Self, String> {
        let not_a_plan = |error| format!("expected a plan as JSON: {error}");
        let mut plan: Value = serde_json::from_slice(bytes).map_err(not_a_plan)?;
        let seal = plan.as_object_mut().and_then(|plan| plan.remove(SEAL));
        // Of what the file says, keys of later versions included.
        let found = sha256(&plan);
        match seal {
            Some(expected) if expected != found => Err(format!(
                "expected SHA-256 {expected} as recorded in it, found \"{found}\": the file was changed after it was written"
            )),
            _ => Self::deserialize(plan).map_err(not_a_plan),
        }
    }

    /// The last declaration of the sweep, which is in force.
    pub fn declared(&self) -> Option<&Declaration> {
        self.declared_by(&self.name)
    }

    /// The last declaration of a sweep that was run into the store.
    pub fn declared_by(&self, sweep: &str) -> Option<&Declaration> {
        let mut declarations = self.declarations.iter();
        declarations.rfind(|declaration| declaration.name == sweep)
    }

    /// Adds a declaration unless it says what the last one of its sweep says, whose text it then replaces.
    pub fn declare(&mut self, declaration: Declaration) {
        let mut declarations = self.declarations.iter_mut();
        match declarations.rfind(|earlier| earlier.name == declaration.name) {
            Some(last) if last.sha256 == declaration.sha256 => last.sweep = declaration.sweep,
            _ => self.declarations.push(declaration),
        }
    }
}

fn sha256(plan: &Value) -> String {
    hex(&Sha256::digest(json::pretty(plan)))
}

impl Store {
    /// Writes the plan of a sweep, replacing the previous one.
    pub fn save_plan(&self, plan: &Plan) -> Result<(), StoreError> {
        if self.plan().as_ref() == Some(plan) {
            return Ok(());
        }
        let text = json::pretty(&plan.sealed());
        atomic::write_shared(&self.folder.join(PLAN), text.as_bytes())
    }

    /// The last plan; `None` in stores of versions that kept none.
    pub fn plan(&self) -> Option<Plan> {
        // The results do not depend on it, so one that cannot be read is as good as none.
        self.whole_plan().ok().flatten()
    }

    /// What is wrong with the plan, if it is there and not as it was written.
    pub fn plan_damage(&self) -> Option<Damage> {
        self.whole_plan().err()
    }

    /// The last plan, or what is wrong with it; `None` in stores of versions that kept none.
    pub fn whole_plan(&self) -> Result<Option<Plan>, Damage> {
        let plan = self.read_plan();
        plan.map_err(|cause| Damage::new(&self.folder.join(PLAN), cause))
    }

    fn read_plan(&self) -> Result<Option<Plan>, String> {
        let bytes = read_if_there(&self.folder.join(PLAN));
        let bytes = bytes.map_err(|error| match error {
            StoreError::Io { action, source, .. } => format!("cannot {action}: {source}"),
            other => other.to_string(),
        })?;
        bytes.map(|bytes| Plan::of_file(&bytes)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::store::tests::new_store;

    #[test]
    fn a_plan_is_kept_in_place_of_the_one_before() {
        let (folder, store) = new_store();
        assert_eq!(store.plan(), None);
        for trials in [&["a", "b"][..], &["a"]] {
            let trials = trials.iter().map(|id| (*id).to_string()).collect();
            let name = "small".to_string();
            let plan = Plan {
                name,
                trials,
                declarations: Vec::new(),
            };
            store.save_plan(&plan).unwrap();
            store.save_plan(&plan).unwrap();
            assert_eq!(store.plan(), Some(plan));
        }
        fs::write(folder.path().join("runs/sweep").join(PLAN), "{").unwrap();
        assert_eq!(store.plan(), None);
    }

    #[test]
    fn a_plan_that_was_changed_by_a_letter_is_damaged_and_one_of_an_earlier_version_is_read() {
        let (folder, store) = new_store();
        let plan = Plan {
            name: "small".to_owned(),
            trials: vec!["a".to_owned()],
            declarations: vec![Declaration {
                name: "small".to_owned(),
                sha256: "0f".to_owned(),
                ended: 0,
                sweep: String::new(),
            }],
        };
        store.save_plan(&plan).unwrap();
        let file = folder.path().join("runs/sweep").join(PLAN);
        let written = fs::read_to_string(&file).unwrap();
        for (from, to) in [
            (r#""ended": 0"#, r#""ended": 1"#),
            ("declarations", "declarationz"),
            (r#""a""#, r#""b""#),
            (r#""name": "small""#, r#""name": "smell""#),
        ] {
            assert!(written.contains(from), "{written}");
            fs::write(&file, written.replace(from, to)).unwrap();
            let damage = store.plan_damage().map(|damage| damage.to_string());
            let is_named = damage
                .as_ref()
                .is_some_and(|damage| damage.contains("SHA-256"));
            assert!(is_named, "{to}: {damage:?}");
            assert_eq!(store.plan(), None);
        }
        fs::write(&file, json::pretty(&plan)).unwrap();
        assert_eq!(store.plan(), Some(plan));
    }
}
