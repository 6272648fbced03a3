//! Hands a sweep to the scheduler of a cluster, whose tasks train it with `experiment work`.
//!
//! A scheduler is one file here, with an implementation of [`Scheduler`], and one in `commands` with its arguments.

mod hyperqueue;
mod shell;
mod slurm;

use std::path::PathBuf;

use anyhow::Result;

pub use self::hyperqueue::{HyperQueue, Tasks};
use self::shell::quoted_path;
pub use self::slurm::Slurm;

/// What the scripts of every scheduler say of a sweep.
#[derive(Debug)]
pub struct Job {
    /// Of the sweep.
    pub name: String,
    /// An absolute path, the same on every node.
    pub store: PathBuf,
    /// The folder of the store with the scripts, the program and the logs.
    pub folder: PathBuf,
    /// The program that the tasks run: a copy of the one that planned them.
    pub program: PathBuf,
    /// A copy of the sweep file as it was planned.
    pub sweep_file: PathBuf,
    /// Tells its scripts from those of another submission, which may be waiting still.
    pub key: String,
    /// Arguments of `experiment work` after the store.
    pub work: Vec<String>,
    /// Flags of the command that submits.
    pub flags: Vec<String>,
}

/// A sweep for a scheduler: the scripts, and how they are submitted.
pub trait Scheduler {
    fn job(&self) -> &Job;

    /// How many tasks train at most at a time.
    fn tasks(&self) -> usize;

    /// Each script with its path.
    fn scripts(&self) -> Vec<(PathBuf, String)>;

    /// The commands that [`Scheduler::submit`] runs, for people.
    fn commands(&self) -> String;

    /// Submits the scripts, which have been written; returns the jobs in words, such as `job 7`.
    ///
    /// # Errors
    /// When the scheduler refuses them, with its message.
    fn submit(&self) -> Result<String>;

    /// What would be submitted, for people.
    fn text(&self) -> String {
        let scripts = self.scripts().into_iter();
        let scripts = scripts.map(|(path, text)| format!("# {}\n{text}\n", path.display()));
        scripts.collect::<String>() + &self.commands()
    }
}

impl Job {
    /// The command of a task without its arguments, in words of the shell. It names the sweep as it was planned: another
    /// can be declared in the store while tasks wait.
    fn worker(&self) -> String {
        let [program, store, sweep] =
            [&self.program, &self.store, &self.sweep_file].map(|path| quoted_path(path));
        format!("{program} work {store} --sweep {sweep}")
    }
}

#[cfg(test)]
impl Job {
    /// The job of a store, with its files in the folder of a scheduler.
    fn example(store: &str, scheduler: &str) -> Self {
        let store = PathBuf::from(store);
        let folder = store.join(scheduler);
        Self {
            name: "small".to_owned(),
            program: folder.join("experiment-0f"),
            sweep_file: folder.join("sweep-0e.toml"),
            key: "0d".to_owned(),
            work: Vec::new(),
            flags: Vec::new(),
            store,
            folder,
        }
    }
}
