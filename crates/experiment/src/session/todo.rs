//! Which trials of a sweep are to be trained.

use anyhow::Result;

use crate::plan::Trial;
use crate::records::TrialState;
use crate::store::{Store, Stored};

/// Trials to retrain although they have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Retry {
    Failed,
    Damaged,
}

/// The stored state of each trial.
pub fn stored(store: &Store, trials: &[Trial]) -> Result<Vec<Stored>> {
    Ok(store.stored_all(trials.iter().map(|trial| trial.id.as_str()))?)
}

/// As [`stored`]; nothing for every trial if there is no store yet.
pub fn stored_if_there(store: Option<&Store>, trials: &[Trial]) -> Result<Vec<Stored>> {
    match store {
        Some(store) => stored(store, trials),
        None => Ok(vec![Stored::Nothing; trials.len()]),
    }
}

/// The trials that have no result, or that are to be retrained.
pub fn missing<'a>(trials: &'a [Trial], stored: &[Stored], retry: Option<Retry>) -> Vec<&'a Trial> {
    let missing = trials
        .iter()
        .zip(stored)
        .filter(|(_, stored)| match stored {
            Stored::Nothing => true,
            Stored::Ended(result) => {
                result.state == TrialState::Failed && retry == Some(Retry::Failed)
            }
            Stored::Damaged(_) => retry == Some(Retry::Damaged),
        });
    missing.map(|(trial, _)| trial).collect()
}
