//! `experiment slurm FILE -- SBATCH_FLAGS`

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, Result};
use clap::Args;
use sha2::{Digest, Sha256};

use super::training::TrainingArguments;
use crate::cluster::{Slurm, Submitted};
use crate::digest::hex;
use crate::session::{State, declare};
use crate::store::{Store, Stored, atomic};
use crate::study::Study;
use crate::sweep;
use crate::terminal::{inform, print};

/// Submit a sweep to Slurm: a job array of workers that share its trials, and a report after it
#[derive(Debug, Args)]
pub struct SlurmArguments {
    /// Sweep file, such as experiments/cifar10-short.toml
    file: PathBuf,
    /// Folder of the results, on a file system that every node sees [default: runs/NAME]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Most workers at a time [default: a worker per trial, as far as Slurm allows]
    #[arg(long, value_name = "N", value_parser = super::whole_number::<NonZeroUsize>(1..=1_000_000))]
    workers: Option<NonZeroUsize>,
    /// After the workers, submit what is left, for clusters that cancel jobs instead of requeueing them
    #[arg(long = "continue")]
    continues: bool,
    /// Steps that were done when the job that runs this was submitted
    #[arg(long, hide = true, value_name = "N")]
    steps_before: Option<u64>,
    /// Only print the scripts and the commands that would submit them
    #[arg(long)]
    print: bool,
    #[command(flatten)]
    training: TrainingArguments,
    /// Flags of sbatch, such as --time=60 --gres=gpu:1
    #[arg(last = true, value_name = "SBATCH_FLAGS")]
    flags: Vec<String>,
}

pub fn run(arguments: &SlurmArguments) -> Result<()> {
    Slurm::check_flags(&arguments.flags)?;
    let (sweep, text) = sweep::read(&arguments.file)?;
    let default_store = || Path::new("runs").join(&sweep.name);
    let store = std::path::absolute(arguments.store.clone().unwrap_or_else(default_store))
        .context("store: cannot find the current folder")?;
    let found = Store::open_if_there(&store)?;
    let mut state = State::of(found.as_ref());
    let study = state.study(&sweep)?;
    let to_train = state.missing(&study, arguments.training.retry);
    let steps = steps_done(&study, found.as_ref())?;
    if to_train.is_empty() {
        return print("all trials have ended\n");
    }
    if arguments.steps_before.is_some_and(|before| steps <= before) {
        return print(
            "no trial went on since the last submission: nothing is submitted; see the logs beside the scripts\n",
        );
    }
    let most = match Slurm::most_tasks() {
        Err(_) if arguments.print => usize::MAX,
        most => most?,
    };
    let most = arguments
        .workers
        .map_or(most, |workers| most.min(workers.get()));
    let program = fs::read(own_file()?).context("the program cannot read its own file")?;
    let folder = Slurm::folder(&store);
    let slurm = Slurm {
        name: sweep.name.clone(),
        tasks: to_train.len().min(most),
        work: arguments.training.of_worker(),
        flags: arguments.flags.clone(),
        continues_after: arguments.continues.then_some(steps),
        program: folder.join(format!("experiment-{}", digest(&program))),
        sweep_file: folder.join(format!("sweep-{}.toml", digest(text.as_bytes()))),
        store: store.clone(),
    };
    if arguments.print {
        return print(&scripts_text(&slurm));
    }
    let opened = Store::create_or_open(&store)?;
    declare(&opened, &study, &text)?;
    for trial in &to_train {
        // Failed trials are set aside now, once: each worker would retry them.
        if !matches!(state.stored(&trial.id), Stored::Nothing) {
            opened.lease(&trial.id, arguments.training.retry)?;
        }
    }
    write(&slurm, &text, &program)?;
    let Submitted { workers, after } = slurm.submit()?;
    inform(format_args!(
        "{} trials to train by {} workers: job {workers}; its logs are in {}",
        to_train.len(),
        slurm.tasks,
        Slurm::folder(&store).display()
    ));
    print(&format!(
        "submitted job {workers}, and job {after} after it; `experiment status {}` shows how far it is\n",
        store.display()
    ))
}

fn scripts_text(slurm: &Slurm) -> String {
    let scripts = slurm.scripts();
    let scripts = scripts
        .iter()
        .map(|(path, text)| format!("# {}\n{text}\n", path.display()));
    scripts.collect::<String>() + &slurm.commands()
}

/// Writes what the jobs need into the store: the program that planned them, the sweep file, and the scripts. Jobs of an
/// earlier submission keep theirs.
fn write(slurm: &Slurm, sweep: &str, program: &[u8]) -> Result<()> {
    atomic::create_folder(&Slurm::folder(&slurm.store))?;
    if !slurm.program.exists() {
        atomic::write_shared(&slurm.program, program)?;
        let permissions = fs::metadata(own_file()?).map(|metadata| metadata.permissions());
        permissions
            .and_then(|permissions| fs::set_permissions(&slurm.program, permissions))
            .with_context(|| format!("{}: cannot make it executable", slurm.program.display()))?;
    }
    atomic::write_shared(&slurm.sweep_file, sweep.as_bytes())?;
    for (path, text) in slurm.scripts() {
        atomic::write_shared(&path, text.as_bytes())?;
    }
    Ok(())
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

/// Steps that the trials of a study have done, as far as they are on disk.
fn steps_done(study: &Study, store: Option<&Store>) -> Result<u64> {
    let mut steps = 0;
    for run in study.runs() {
        steps += match (&run.result, store) {
            (Some(result), _) => result.step,
            (None, Some(store)) if store.has_begun(&run.trial.id) => {
                store.trial(&run.trial.id)?.trial.step
            }
            (None, _) => 0,
        };
    }
    Ok(steps)
}
