//! `experiment run --dry-run`: what would be trained.

use anyhow::Result;

use crate::plan::Trial;
use crate::session::{Retry, Session, missing, stored_if_there};
use crate::store::{Store, Stored};
use crate::terminal::table::{self, Align, Column};
use crate::train::steps_covered;

/// A line per trial with its state in the store, and how many are to be trained.
pub fn text(session: &Session) -> Result<String> {
    let Session { trials, retry, .. } = session;
    let store = Store::open_if_there(&session.store)?;
    let stored = stored_if_there(store.as_ref(), trials)?;
    let states = trials
        .iter()
        .zip(&stored)
        .map(|(trial, stored)| match stored {
            Stored::Nothing => unfinished_state(store.as_ref(), &trial.id),
            Stored::Ended(result) => result.state.to_string(),
            Stored::Damaged(_) => "damaged".to_owned(),
        });
    let rows: Vec<(&Trial, String)> = trials.iter().zip(states).collect();
    let column = |cell: fn(&(&Trial, String)) -> String| Column::new("", Align::Left, &rows, cell);
    let mut text = table::bare(vec![
        column(|(trial, _)| trial.id.clone()),
        column(|(_, state)| state.clone()),
        column(|(trial, _)| trial.label()),
    ]);
    text += &format!(
        "{} of {} trials to train, results in {}\n",
        missing(trials, &stored, *retry).len(),
        trials.len(),
        session.store.display()
    );
    let damaged = stored.iter().filter(|it| matches!(it, Stored::Damaged(_)));
    let damaged = damaged.count();
    if damaged > 0 && *retry != Some(Retry::Damaged) {
        text += &format!("{damaged} damaged: --retry damaged retrains them\n");
    }
    Ok(text)
}

/// The progress of a trial without a result.
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
