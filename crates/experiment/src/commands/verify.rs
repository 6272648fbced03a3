//! `experiment verify STORE TRIAL`

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::slice;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use clap::Args;
use serde_json::Value;

use crate::exit::{BadInput, Exit};
use crate::plan::Trial;
use crate::records::TrialState;
use crate::report::Verification;
use crate::session::{Part, Session, Unfinished};
use crate::settings::BackendChoice;
use crate::store::{STALE_AFTER, Store, Stored};
use crate::study::Run;
use crate::sweep;
use crate::terminal::print;

/// Train a trial again and say whether the result is the same: bitwise, within tolerance, or not
#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// Folder of the store, such as runs/quickstart; it is only read
    store: PathBuf,
    /// The trial's id, or the start of one
    trial: String,
    /// Backend to use [default: the trial's]
    #[arg(long)]
    backend: Option<BackendChoice>,
    /// Number of threads of the CPU backends; all cores by default
    #[arg(long, value_name = "N", value_parser = super::thread_count())]
    threads: Option<u16>,
    /// Folder of the dataset's files, or its parent; by default `EXPERIMENT_DATA` or the user's data folder
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

pub fn run(arguments: &VerifyArguments) -> Result<Exit> {
    let folder = &arguments.store;
    let store = Store::open_existing(folder)?;
    let id = store.find(&arguments.trial)?;
    let stored = store.stored(&id)?;
    Unfinished::check(slice::from_ref(&stored), folder)?;
    check_ended(&stored, &id)?;
    let text = store.settings_toml(&id)?;
    let trial = Trial::from_settings_toml(&text).filter(|it| it.id == id);
    let trial = trial.ok_or_else(|| {
        let expected = "settings.toml: expected the settings of this trial, found others";
        BadInput(anyhow!("{}: {expected}", store.folder_of(&id).display()))
    })?;
    let before = Run {
        trial,
        result: stored.ended().cloned(),
    };
    let temporary = tempfile::tempdir().context("cannot create a temporary folder")?;
    let session = arguments.session(&store, &id, text, temporary.path())?;
    let rerun = session.train_again(&before)?;
    let verification = Verification::of((&store, folder), (&rerun, &session.store), &id)?;
    print(&verification.text())?;
    Ok(if verification.is_as_declared() {
        Exit::Done
    } else {
        Exit::Different
    })
}

/// A trial that has not ended, or that failed, has nothing to compare with.
fn check_ended(stored: &Stored, id: &str) -> Result<()> {
    let result = stored.ended();
    if result.is_some_and(|result| result.state != TrialState::Failed) {
        return Ok(());
    }
    Err(BadInput(anyhow!(
        "trial {id}: expected one that is done or diverged, found one that has no result yet"
    ))
    .into())
}

impl VerifyArguments {
    /// The sweep of this one trial, in a folder of its own.
    fn session(&self, store: &Store, id: &str, text: String, folder: &Path) -> Result<Session> {
        let environment = store.trial(id)?.environment;
        let recorded = environment.get("backend").and_then(Value::as_str);
        let recorded = recorded.and_then(BackendChoice::from_name);
        Ok(Session {
            part: Part::Whole,
            sweep: sweep::parse(&text, Path::new("settings.toml"))?,
            text,
            store: folder.join("rerun"),
            data_dir: self.data_dir.clone(),
            backend: self.backend.or(recorded).unwrap_or_default(),
            threads: self.threads.map(usize::from),
            threads_of_a_job: None,
            jobs: NonZeroUsize::MIN,
            retry: None,
            // Its checkpoints are removed with the temporary folder.
            checkpoint_interval: Duration::MAX,
            stale_after: STALE_AFTER,
        })
    }
}
