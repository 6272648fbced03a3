//! `experiment run --dry-run`: what would be trained.

use anyhow::Result;

use crate::plan::Trial;
use crate::session::{Session, State};
use crate::store::{Retry, Store, Stored};
use crate::study::Stage;
use crate::terminal::table::{self, Align, Column};
use crate::train::steps_covered;

/// A line per trial with its state in the store, and how many are to be trained.
pub fn text(session: &Session) -> Result<String> {
    let store = Store::open_if_there(&session.store)?;
    let mut state = State::of(store.as_ref());
    let study = state.study(&session.sweep)?;
    let trials: Vec<&Trial> = study.runs().iter().map(|run| &run.trial).collect();
    let states = trials.iter().map(|trial| match state.stored(&trial.id) {
        Stored::Nothing => unfinished_state(store.as_ref(), &trial.id),
        Stored::Ended(result) => result.state.to_string(),
        Stored::Damaged(_) => "damaged".to_owned(),
    });
    let rows: Vec<(&Trial, String)> = trials.iter().copied().zip(states).collect();
    let column = |cell: fn(&(&Trial, String)) -> String| Column::new("", Align::Left, &rows, cell);
    let mut text = table::bare(vec![
        column(|(trial, _)| trial.id.clone()),
        column(|(_, state)| state.clone()),
        column(|(trial, _)| trial.label()),
    ]);
    text += &format!(
        "{} of {} trials to train, results in {}\n",
        state.missing(&study, session.retry).len(),
        trials.len(),
        session.store.display()
    );
    if study.stage() == Stage::Tuning {
        text += "These choose the settings of each loss; the trials of the comparison follow from them.\n";
    } else if study.is_until_decided() {
        text += "Seeds are added until every claim is decided.\n";
    }
    let damaged = trials.iter().map(|trial| state.stored(&trial.id));
    let damaged = damaged
        .filter(|it| matches!(it, Stored::Damaged(_)))
        .count();
    if damaged > 0 && session.retry != Some(Retry::Damaged) {
        text += &format!("{damaged} damaged: --retry damaged retrains them\n");
    }
    Ok(text)
}

/// The progress of a trial without a result.
fn unfinished_state(store: Option<&Store>, id: &str) -> String {
    let Some(store) = store.filter(|store| store.has_begun(id)) else {
        return "new".to_owned();
    };
    if let Ok(Some(holder)) = store.holder(id) {
        return format!("running: {holder}");
    }
    let steps: Vec<Result<u64>> = store
        .checkpoint_files(id)
        .map(|file| steps_covered(&file))
        .collect();
    match steps.iter().flatten().next() {
        Some(step) => format!("interrupted at step {step}"),
        // It ended before its first checkpoint, and starts from its first step.
        None if steps.is_empty() => "new".to_owned(),
        None => "interrupted, its checkpoint is damaged".to_owned(),
    }
}
