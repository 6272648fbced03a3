//! What the commands that submit a sweep to a scheduler have in common.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use sha2::{Digest, Sha256};

use super::training::TrainingArguments;
use crate::cluster::{Job, Scheduler};
use crate::digest::hex;
use crate::plan::Trial;
use crate::session::{State, Unfinished, declare};
use crate::store::{Store, Stored, atomic};
use crate::study::Study;
use crate::sweep;
use crate::terminal::text::count;
use crate::terminal::{inform, print};

/// What to submit.
#[derive(Debug, Args)]
pub struct SubmissionArguments {
    /// Sweep file, such as experiments/cifar10-short.toml
    file: PathBuf,
    /// Folder of the results, on a file system that every node sees [default: runs/NAME]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Only print the scripts and the commands that would submit them
    #[arg(long)]
    pub print: bool,
    #[command(flatten)]
    training: TrainingArguments,
}

/// A sweep, and what its store has of it.
pub struct Submission<'a> {
    arguments: &'a SubmissionArguments,
    text: String,
    /// An absolute path.
    folder: PathBuf,
    /// `None` where there is no folder yet.
    pub store: Option<Store>,
    pub study: Study,
    pub to_train: Vec<Trial>,
    /// Those of them that have ended before.
    again: Vec<String>,
    /// What the store has of each trial.
    stored: Vec<Stored>,
}

impl SubmissionArguments {
    /// Reads the sweep file and the store.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn read(&self) -> Result<Submission<'_>> {
        let (sweep, text) = sweep::read(&self.file)?;
        let default_store = || Path::new("runs").join(&sweep.name);
        let folder = std::path::absolute(self.store.clone().unwrap_or_else(default_store))
            .context("store: cannot find the current folder")?;
        let store = Store::open_if_there(&folder)?;
        let mut state = State::of(store.as_ref());
        let study = state.study(&sweep)?;
        let to_train = state.missing(&study, self.training.retry);
        let ended = |trial: &&Trial| !matches!(state.stored(&trial.id), Stored::Nothing);
        let again = to_train.iter().filter(ended);
        let again = again.map(|trial| trial.id.clone()).collect();
        let stored = study.runs().into_iter();
        let stored = stored
            .map(|run| state.stored(&run.trial.id).clone())
            .collect();
        Ok(Submission {
            arguments: self,
            text,
            folder,
            store,
            study,
            to_train,
            again,
            stored,
        })
    }
}

impl Submission<'_> {
    /// The answer where nothing is to be trained.
    ///
    /// # Errors
    /// When trials failed or are damaged, which are trained again only on request.
    pub fn nothing_to_train(&self) -> Result<()> {
        print("all trials have ended\n")?;
        Ok(Unfinished::check(&self.stored, &self.folder)?)
    }

    /// The job with its files in the folder `scheduler` of the store.
    ///
    /// # Errors
    /// When the program cannot read itself.
    pub fn job(&self, scheduler: &str, flags: &[String]) -> Result<Job> {
        let folder = self.folder.join(scheduler);
        let (program, sweep) = (digest(&own_program()?), digest(self.text.as_bytes()));
        let work = self.arguments.training.of_worker();
        Ok(Job {
            name: self.study.sweep.name.clone(),
            flags: flags.to_vec(),
            key: digest(format!("{program} {sweep} {work:?}").as_bytes()),
            program: folder.join(format!("experiment-{program}")),
            sweep_file: folder.join(format!("sweep-{sweep}.toml")),
            work,
            store: self.folder.clone(),
            folder,
        })
    }

    /// Declares the sweep in its store, and hands it to the scheduler; or shows what that would be.
    ///
    /// # Errors
    /// When the store cannot be written, or the scheduler refuses the job.
    pub fn submit(&self, scheduler: &impl Scheduler) -> Result<()> {
        if self.arguments.print {
            return print(&scheduler.text());
        }
        let store = Store::create_or_open(&self.folder)?;
        declare(&store, &self.study, &self.text)?;
        for id in &self.again {
            // Failed trials are set aside now, once: each worker would retry them.
            store.lease(id, self.arguments.training.retry)?;
        }
        self.write(scheduler)?;
        let jobs = scheduler.submit()?;
        inform(format_args!(
            "{} to train by {}; logs are in {}",
            count(self.to_train.len(), "trial"),
            count(scheduler.tasks(), "task"),
            scheduler.job().folder.display()
        ));
        print(&format!(
            "submitted {jobs}; `experiment status {}` shows how far it is\n",
            self.folder.display()
        ))
    }

    /// Writes what the tasks need into the store: the program that planned them, the sweep file, and the scripts. Jobs of
    /// an earlier submission keep theirs.
    fn write(&self, scheduler: &impl Scheduler) -> Result<()> {
        let job = scheduler.job();
        atomic::create_folder(&job.folder)?;
        if !job.program.exists() {
            atomic::write_shared(&job.program, &own_program()?)?;
            let permissions = fs::metadata(own_file()?).map(|metadata| metadata.permissions());
            permissions
                .and_then(|permissions| fs::set_permissions(&job.program, permissions))
                .with_context(|| format!("{}: cannot make it executable", job.program.display()))?;
        }
        atomic::write_shared(&job.sweep_file, self.text.as_bytes())?;
        for (path, text) in scheduler.scripts() {
            atomic::write_shared(&path, text.as_bytes())?;
        }
        Ok(())
    }
}

fn own_program() -> Result<Vec<u8>> {
    fs::read(own_file()?).context("the program cannot read its own file")
}

fn own_file() -> Result<PathBuf> {
    env::current_exe().context("the program cannot find its own file")
}

/// The first digits of the SHA-256 of a file.
fn digest(content: &[u8]) -> String {
    let mut digits = hex(&Sha256::digest(content));
    digits.truncate(12);
    digits
}
