//! `experiment work STORE`: trains trials of a sweep that is in a store, for a job scheduler.

use std::path::PathBuf;

use anyhow::{Result, anyhow};
use clap::Args;

use super::declared::declared;
use super::training::TrainingArguments;
use crate::exit::BadInput;
use crate::session::{Part, State, Unfinished};
use crate::store::{Store, Stored};
use crate::sweep::{self, Sweep};
use crate::terminal::inform;

/// Train trials of a sweep that is in a store, sharing them with every other process that does; the command for job schedulers
#[derive(Debug, Args)]
pub struct WorkArguments {
    /// Folder of the store, such as runs/quickstart
    store: PathBuf,
    /// Train this sweep file, instead of the sweep that was declared last in the store
    #[arg(long, value_name = "FILE")]
    sweep: Option<PathBuf>,
    /// Train only trial N of the sweep, from 0 in the order of its plan; wait for it if another process trains it
    #[arg(long, value_name = "N", conflicts_with = "next", value_parser = super::whole_number::<usize>(0..=1_000_000))]
    index: Option<usize>,
    /// Train only one trial, the next that no other process trains
    #[arg(long)]
    next: bool,
    #[command(flatten)]
    training: TrainingArguments,
}

pub fn run(arguments: &WorkArguments) -> Result<()> {
    let folder = &arguments.store;
    let store = Store::open_existing(folder)?;
    let (sweep, text) = match &arguments.sweep {
        Some(file) => sweep::read(file)?,
        None => declared(&store, folder)?,
    };
    let part = match (arguments.index, arguments.next) {
        (Some(index), _) => Part::Trial(trial_of(index, &sweep)?),
        (None, true) => Part::Next,
        (None, false) => Part::Free,
    };
    let session = arguments
        .training
        .session(sweep, text, folder.clone(), part.clone());
    let carried = session.carry_out(|_| Ok(()))?;
    let ended = carried.stored.iter().filter(|it| it.ended().is_some());
    let (ended, trials) = (ended.count(), carried.stored.len());
    inform(format_args!("{ended} of {trials} trials have ended"));
    let runs = carried.study.runs();
    let stored = runs.iter().zip(&carried.stored);
    // What another process has to answer for is left to it, but nobody trains a damaged trial.
    let own = stored.filter(|(run, stored)| match &part {
        Part::Trial(id) => *id == run.trial.id,
        _ => carried.trained.contains(&run.trial.id) || matches!(stored, Stored::Damaged(_)),
    });
    let own: Vec<_> = own.map(|(_, stored)| stored.clone()).collect();
    Ok(Unfinished::check(&own, folder)?)
}

/// The id of a trial by its number, which does not depend on results.
fn trial_of(index: usize, sweep: &Sweep) -> Result<String> {
    let study = State::of(None).study(sweep)?;
    if !study.has_fixed_trials() {
        return Err(BadInput(anyhow!(
            "--index: expected a sweep without [tune] and with a list of seeds, whose trials are fixed; use --next"
        ))
        .into());
    }
    let runs = study.runs();
    let run = runs.get(index).ok_or_else(|| {
        BadInput(anyhow!(
            "--index: expected a trial of the sweep, from 0 to {}, found {index}",
            runs.len().saturating_sub(1)
        ))
    })?;
    Ok(run.trial.id.clone())
}
