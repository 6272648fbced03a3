//! A store → everything that tables, verdicts and the page are made of: one value, which a page carries as JSON.

mod compact;
mod curves;
mod gained;
mod images;
mod sharing;
#[cfg(test)]
pub mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::curves::{Curves, Series, short_name};
pub use self::gained::{GainedImage, GainedImages};
pub use self::images::TestImages;
use super::export::DataFrame;
use super::left_of;
use super::trials::{self, TrialRow};
use crate::records::{EpochRecord, Picture, TrialResult};
use crate::store::{Damage, Declaration, Plan, Results, Store, StoreError, StoredTrial};
use crate::study::{Study, digest};
use crate::sweep::{self, Sweep};

/// A store as it was when it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// `None` in stores of versions that kept none.
    pub plan: Option<Plan>,
    /// Every trial that has begun, in the order of their ids, damaged ones left out.
    pub trials: Vec<RecordedTrial>,
    /// Ids of the trials that have ended and are damaged.
    pub damaged: Vec<String>,
    /// Means over the seeds, for what is compared.
    pub curves: Vec<Curves>,
    /// How many more there would be.
    pub curves_omitted: usize,
    /// One per claim; `None` where the trials do not tell which images they classify correctly.
    pub images: Vec<Option<TestImages>>,
    /// Copies of the test images that those show, by their names; a page has them outside of its JSON.
    pub pictures: BTreeMap<String, Picture>,
    /// What a page left out of this to stay small.
    pub omitted: BTreeSet<Omission>,
}

/// A trial with its records.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedTrial {
    pub trial: StoredTrial,
    pub epochs: Vec<EpochRecord>,
    /// `environment.json`, if it can be read.
    pub environment: Option<Value>,
}

/// What does not fit into a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Omission {
    /// The records of each epoch of each trial.
    Epochs,
    /// The metrics of each trial but accuracy, losses and those that the sweep names.
    Metrics,
}

impl Snapshot {
    /// Of the trials of which `results` were read, and the files of epochs that cannot be read.
    pub fn of_store(store: &Store, results: &Results) -> Result<(Self, Vec<Damage>)> {
        let mut unreadable = Vec::new();
        let mut trials = Vec::new();
        for trial in store.trials(results)? {
            let epochs = match store.epochs(&trial.id) {
                Err(StoreError::Damaged(damage)) => {
                    unreadable.push(damage);
                    Vec::new()
                }
                epochs => epochs?,
            };
            let environment = store.environment(&trial.id)?;
            trials.push(RecordedTrial {
                trial,
                epochs,
                environment,
            });
        }
        let damaged = results.damaged.iter().filter_map(Damage::trial);
        let mut snapshot = Self {
            plan: store.plan(),
            trials,
            damaged: damaged.collect(),
            curves: Vec::new(),
            curves_omitted: 0,
            images: Vec::new(),
            pictures: BTreeMap::new(),
            omitted: BTreeSet::new(),
        };
        let study = snapshot.study().map(|(study, _)| study);
        (snapshot.curves, snapshot.curves_omitted) = curves::of(&snapshot.trials, study.as_ref());
        if let Some(study) = &study {
            snapshot.images = images::of_claims(store, study)?;
        }
        let names = snapshot.images.iter().flatten().flat_map(|images| {
            let gained = &images.gained;
            gained.images().map(|image| gained.name(image))
        });
        let pictures = names.filter_map(|name| Some((name.clone(), store.picture(&name)?)));
        snapshot.pictures = pictures.collect();
        Ok((snapshot, unreadable))
    }

    /// The results of the trials that have ended.
    pub fn ended(&self) -> Vec<Arc<TrialResult>> {
        let results = self.trials.iter().filter_map(|it| it.trial.result.clone());
        results.collect()
    }

    /// Every trial that has begun, in the order of the table's rows, then of the seeds.
    pub fn rows(&self) -> Vec<TrialRow> {
        trials::rows(self.trials.iter().map(|it| it.trial.clone()))
    }

    /// A row per trial and epoch, for programs.
    pub fn epochs(&self) -> DataFrame {
        let of_trial: HashMap<&str, &RecordedTrial> = (self.trials.iter())
            .map(|it| (it.trial.id.as_str(), it))
            .collect();
        let rows = self.rows();
        let epochs: Vec<(&TrialRow, EpochRecord)> = rows
            .iter()
            .flat_map(|row| {
                let records = of_trial[row.id.as_str()].epochs.iter().cloned();
                records.map(move |record| (row, record))
            })
            .collect();
        trials::curves(&epochs)
    }

    /// How many trials of the last sweep, or of those begun in an older store, have no result, and how many there are.
    pub fn missing(&self) -> (usize, usize) {
        let ended = self.trials.iter().filter(|it| it.trial.result.is_some());
        let mut ended: HashSet<&str> = ended.map(|it| it.trial.id.as_str()).collect();
        match &self.plan {
            None => (self.trials.len() - ended.len(), self.trials.len()),
            Some(plan) => {
                ended.extend(self.damaged.iter().map(String::as_str));
                let missing = plan.trials.iter().filter(|id| !ended.contains(id.as_str()));
                (missing.count(), plan.trials.len())
            }
        }
    }

    /// A line about [`missing`](Self::missing) trials; `None` if there are none.
    pub fn left(&self) -> Option<String> {
        let (missing, trials) = self.missing();
        left_of(missing, trials)
    }

    /// The sweep that was last run into the store with these results, and the trials that had ended when its claims were
    /// last changed; `None` in stores of versions that kept no sweep file, and where there is a
    /// [problem](Self::problem) with it.
    pub fn study(&self) -> Option<(Study, usize)> {
        let (sweep, declaration) = declared_sweep(self.plan.as_ref()?).ok()??;
        let results = self.trials.iter().filter_map(|it| it.trial.result.as_ref());
        let of_id: HashMap<&str, &Arc<TrialResult>> =
            results.map(|result| (result.id.as_str(), result)).collect();
        let Ok(study) = Study::new(&sweep, |id| {
            Ok::<_, Infallible>(of_id.get(id).map(|result| Arc::clone(result)))
        });
        Some((study, declaration.ended))
    }

    /// Why there are no verdicts although the store has a sweep file.
    pub fn problem(&self) -> Option<String> {
        declared_sweep(self.plan.as_ref()?).err()
    }
}

/// The sweep in force in a store, with its declaration; `None` in stores of versions that kept none.
///
/// # Errors
/// What is wrong with `plan.json`.
pub fn declared_sweep(plan: &Plan) -> Result<Option<(Sweep, &Declaration)>, String> {
    let Some(declaration) = plan.declared() else {
        return Ok(None);
    };
    let sweep = sweep::parse(&declaration.sweep, Path::new("sweep"));
    let sweep = sweep
        .map_err(|_| "plan.json: expected a sweep file that this version can read".to_owned())?;
    if digest(&sweep) == declaration.sha256 {
        Ok(Some((sweep, declaration)))
    } else {
        Err("plan.json: the claims do not have the SHA-256 beside them, so they were changed by hand".to_owned())
    }
}
