//! `experiment run`: trains the trials of a sweep file that have no result yet.

use std::io::{self, IsTerminal, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, anyhow};
use clap::Args;

use super::dry_run;
use crate::exit::BadInput;
use crate::report;
use crate::session::{Carried, Retry, Session, Unfinished};
use crate::settings::BackendChoice;
use crate::sweep;
use crate::terminal::{print, tell};

/// Maximum seconds of training that a trial loses to a kill or a power failure.
const CHECKPOINT_INTERVAL: u64 = 60;

/// Sweeps with more trials to train are confirmed first.
const TRIALS_WITHOUT_ASKING: usize = 500;

/// Train the trials of a sweep file that have no result yet, and print the table
#[derive(Debug, Args)]
pub struct RunArguments {
    /// Sweep file, such as experiments/quickstart.toml
    file: PathBuf,
    /// Backend to use; overrides the file
    #[arg(long)]
    backend: Option<BackendChoice>,
    /// Number of threads of the CPU backends; overrides the file
    #[arg(long, value_name = "N", value_parser = super::thread_count())]
    threads: Option<u16>,
    /// Folder of the results [default: runs/NAME]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Folder of the dataset's files, or its parent; by default `EXPERIMENT_DATA` or the user's data folder
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Only show each trial's state and how many would be trained
    #[arg(long)]
    dry_run: bool,
    /// Retrain trials that failed, or that were damaged after they ended; the old files are kept under set-aside/
    #[arg(long, value_name = "STATE")]
    retry: Option<Retry>,
    /// Number of trials to train in parallel, each in a separate process; for networks that leave the device idle
    #[arg(long, value_name = "N", default_value = "1", value_parser = super::whole_number::<NonZeroUsize>(1..=1024))]
    jobs: NonZeroUsize,
    /// Train more than 500 trials without asking
    #[arg(long)]
    yes: bool,
    /// Seconds from one checkpoint of a trial to the next; tests cannot wait a minute
    #[arg(long, hide = true, value_name = "SECONDS", default_value_t = CHECKPOINT_INTERVAL)]
    checkpoint_interval: u64,
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
        let text = sweep::text(&self.file)?;
        let sweep = sweep::parse(&text, &self.file)?;
        let threads = self.threads.map(usize::from);
        let default_store = || Path::new("runs").join(&sweep.name);
        Ok(Session {
            store: self.store.clone().unwrap_or_else(default_store),
            data_dir: self.data_dir.clone(),
            backend: self.backend.unwrap_or(sweep.execution.backend),
            threads: threads.or(sweep.execution.threads),
            threads_of_a_job: threads,
            jobs: self.jobs,
            retry: self.retry,
            checkpoint_interval: Duration::from_secs(self.checkpoint_interval),
            sweep,
            text,
        })
    }
}
