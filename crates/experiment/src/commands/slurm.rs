//! `experiment slurm FILE -- SBATCH_FLAGS`

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, Result};
use clap::Args;

use super::training::TrainingArguments;
use crate::cluster::{Slurm, Submitted};
use crate::session::{State, declare};
use crate::store::{Store, atomic};
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
    let (sweep, text) = sweep::read(&arguments.file)?;
    let default_store = || Path::new("runs").join(&sweep.name);
    let store = std::path::absolute(arguments.store.clone().unwrap_or_else(default_store))
        .context("store: cannot find the current folder")?;
    let found = Store::open_if_there(&store)?;
    let mut state = State::of(found.as_ref());
    let study = state.study(&sweep)?;
    let to_train = state.missing(&study, arguments.training.retry).len();
    if to_train == 0 {
        return print("all trials have ended\n");
    }
    let most = match Slurm::most_tasks() {
        Err(_) if arguments.print => usize::MAX,
        most => most?,
    };
    let slurm = Slurm {
        name: sweep.name.clone(),
        store: store.clone(),
        tasks: to_train
            .min(most)
            .min(arguments.workers.map_or(usize::MAX, NonZeroUsize::get)),
        work: arguments.training.of_worker(),
        flags: arguments.flags.clone(),
        continues: arguments.continues,
    };
    if arguments.print {
        return print(&scripts_text(&slurm));
    }
    declare(&Store::create_or_open(&store)?, &study, &text)?;
    write(&slurm, &text)?;
    let Submitted { workers, after } = slurm.submit()?;
    inform(format_args!(
        "{to_train} trials to train by {} workers: job {workers}; its logs are in {}",
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

/// Writes what the jobs need into the store: the program that planned them, the sweep file, and the scripts.
fn write(slurm: &Slurm, sweep: &str) -> Result<()> {
    let folder = Slurm::folder(&slurm.store);
    atomic::create_folder(&folder)?;
    let program = Slurm::program(&slurm.store);
    let own = env::current_exe().context("the program cannot find its own file")?;
    if own != program {
        let bytes = fs::read(&own).with_context(|| format!("{}: cannot read", own.display()))?;
        atomic::write_shared(&program, &bytes)?;
        let permissions = fs::metadata(&own)
            .with_context(|| format!("{}: cannot read", own.display()))?
            .permissions();
        fs::set_permissions(&program, permissions)
            .with_context(|| format!("{}: cannot make it executable", program.display()))?;
    }
    atomic::write_shared(&Slurm::sweep_file(&slurm.store), sweep.as_bytes())?;
    for (path, text) in slurm.scripts() {
        atomic::write_shared(&path, text.as_bytes())?;
    }
    Ok(())
}
