//! `experiment run`: trains the trials of a sweep file that have no result yet.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use clap::Args;

use super::dry_run;
use super::training::TrainingArguments;
use crate::exit::BadInput;
use crate::report;
use crate::session::{Carried, Part, Session, Unfinished};
use crate::sweep;
use crate::terminal::{print, tell};

/// Sweeps with more trials to train are confirmed first.
const TRIALS_WITHOUT_ASKING: usize = 500;

/// Train the trials of a sweep file that have no result yet, and print the table
#[derive(Debug, Args)]
pub struct RunArguments {
    /// Sweep file, such as experiments/quickstart.toml
    file: PathBuf,
    /// Folder of the results [default: runs/NAME]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Only show each trial's state and how many would be trained
    #[arg(long)]
    dry_run: bool,
    /// Train more than 500 trials without asking
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    training: TrainingArguments,
}

pub fn run(arguments: &RunArguments) -> Result<()> {
    let session = arguments.session()?;
    if arguments.dry_run {
        return print(&dry_run::text(&session)?);
    }
    let Carried {
        study,
        stored,
        declared_after,
        ..
    } = session.carry_out(|trials| {
        if arguments.yes {
            Ok(())
        } else {
            confirm(trials)
        }
    })?;
    print(&report::of_sweep(&study, declared_after))?;
    match super::page::keep(&session.store, session.data_dir.as_deref()) {
        Ok(page) => print(&format!(
            "\nPage to open in a browser: {}\n",
            page.display()
        ))?,
        // The results are complete without it.
        Err(error) => tell(format_args!("warning: the page was not written: {error:#}")),
    }
    Ok(Unfinished::check(&stored, &session.store)?)
}

/// Asks before a sweep that takes long, most often by mistake.
fn confirm(trials: usize) -> Result<()> {
    if trials <= TRIALS_WITHOUT_ASKING {
        return Ok(());
    }
    let (stdin, mut stderr) = (io::stdin(), io::stderr());
    if !(stdin.is_terminal() && stderr.is_terminal()) {
        return Err(BadInput(anyhow!(
            "expected --yes to train more than {TRIALS_WITHOUT_ASKING} trials, found {trials} to train; `experiment plan` shows what they cost"
        ))
        .into());
    }
    write!(stderr, "Train up to {trials} trials? [y/N] ")?;
    let mut answer = String::new();
    stdin.read_line(&mut answer)?;
    if ["y", "yes"].contains(&answer.trim().to_lowercase().as_str()) {
        Ok(())
    } else {
        Err(BadInput(anyhow!("nothing was trained")).into())
    }
}

impl RunArguments {
    /// What the sweep file and the command line ask for.
    fn session(&self) -> Result<Session> {
        let (sweep, text) = sweep::read(&self.file)?;
        let default_store = || Path::new("runs").join(&sweep.name);
        let store = self.store.clone().unwrap_or_else(default_store);
        Ok(self.training.session(sweep, text, store, Part::Whole))
    }
}
