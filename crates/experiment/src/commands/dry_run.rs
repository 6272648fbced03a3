//! `experiment run --dry-run`: what would be trained.

use std::path::Path;

use anyhow::Result;

use super::run::{Retry, missing, stored};
use crate::plan::Trial;
use crate::store::{Store, Stored};
use crate::train::steps_covered;

/// A line for each trial with what the store has of it, and how many are to be trained.
pub fn text(trials: &[Trial], path: &Path, retry: Option<Retry>) -> Result<String> {
    let store = Store::open_if_there(path)?;
    let stored = match &store {
        Some(store) => stored(store, trials)?,
        None => vec![Stored::Nothing; trials.len()],
    };
    let states = trials
        .iter()
        .zip(&stored)
        .map(|(trial, stored)| match stored {
            Stored::Nothing => unfinished_state(store.as_ref(), &trial.id),
            Stored::Ended(result) => result.state.to_string(),
            Stored::Damaged(_) => "damaged".to_owned(),
        });
    let states: Vec<String> = states.collect();
    let width = states.iter().map(String::len).max().unwrap_or(0);
    let mut text = String::new();
    for (trial, state) in trials.iter().zip(&states) {
        text += &format!("{}  {state:<width$}  {}\n", trial.id, trial.label());
    }
    text += &format!(
        "{} of {} trials to train, results in {}\n",
        missing(trials, &stored, retry).len(),
        trials.len(),
        path.display()
    );
    let damaged = states.iter().filter(|state| *state == "damaged").count();
    if damaged > 0 && retry != Some(Retry::Damaged) {
        text += &format!("{damaged} damaged: --retry damaged trains them again\n");
    }
    Ok(text)
}

/// How far a trial without a result has come.
fn unfinished_state(store: Option<&Store>, id: &str) -> String {
    let Some(store) = store.filter(|store| store.has_begun(id)) else {
        return "new".to_owned();
    };
    if store.is_in_use() {
        return "running".to_owned();
    }
    match store.checkpoint_file(id).map(|file| steps_covered(&file)) {
        Some(Ok(step)) => format!("interrupted at step {step}"),
        Some(Err(_)) => "interrupted, its checkpoint is damaged".to_owned(),
        // It ended before its first checkpoint, and starts from its first step.
        None => "new".to_owned(),
    }
}
