//! `experiment run`: trains what a sweep file asks for and the store does not have yet.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, ValueEnum};

use super::dry_run;
use super::failure::without_panic;
use super::images::ImageLibrary;
use super::jobs::{stop_with_parent, train_in_processes};
use super::meter::TrialSize;
use super::pace::Pace;
use super::progress::Progress;
use super::signals;
use super::sweep_progress::SweepProgress;
use super::trial::{Outcome, train_and_record};
use super::unfinished::Unfinished;
use crate::device::OpenDevice;
use crate::plan::{self, Trial};
use crate::records::TrialState;
use crate::report;
use crate::settings::{BackendChoice, PrecisionName};
use crate::store::{Plan, Store, Stored};
use crate::sweep::{self, Sweep};
use crate::terminal::{Work as TrialWork, detail, inform, print};

/// A kill or a power cut costs a trial this many seconds of training at most.
const CHECKPOINT_INTERVAL: u64 = 60;

/// Train the trials of a sweep file that have no result yet, and print the table
#[derive(Debug, Args)]
pub struct RunArguments {
    /// Sweep file, such as experiments/quickstart.toml
    file: PathBuf,
    /// What computes; overrides the file
    #[arg(long)]
    backend: Option<BackendChoice>,
    /// Threads of the CPU backends; overrides the file
    #[arg(long, value_name = "N", value_parser = super::thread_count())]
    threads: Option<u16>,
    /// Folder of the results [default: runs/NAME]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Folder of the dataset's files, or its parent; without it `EXPERIMENT_DATA` or the user's data folder
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Show each trial's state and how many would be trained, and stop
    #[arg(long)]
    dry_run: bool,
    /// Train again what failed, or what was damaged after it ended; what was there is kept under set-aside/
    #[arg(long, value_name = "STATE")]
    retry: Option<Retry>,
    /// Trials at a time, each in a process of its own; for networks too small to fill the device
    #[arg(long, value_name = "N", default_value = "1", value_parser = super::whole_number::<NonZeroUsize>(1..=1024))]
    jobs: NonZeroUsize,
    /// Train this one trial for the process that holds the store
    #[arg(long, hide = true, value_name = "ID")]
    trial: Option<String>,
    /// Seconds from one checkpoint of a trial to the next; tests cannot wait a minute
    #[arg(long, hide = true, value_name = "SECONDS", default_value_t = CHECKPOINT_INTERVAL)]
    checkpoint_interval: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Retry {
    Failed,
    Damaged,
}

impl RunArguments {
    /// The arguments of a process that trains the trial `id` beside others.
    pub fn for_one(&self, id: &str, jobs: NonZeroUsize) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec!["run".into(), self.file.clone().into()];
        let mut option = |name: &str, value: Option<OsString>| {
            arguments.extend(
                value
                    .map(|value| [name.into(), value])
                    .into_iter()
                    .flatten(),
            );
        };
        option("--trial", Some(id.into()));
        option(
            "--backend",
            self.backend.map(|backend| backend.name().into()),
        );
        // Several jobs share the cores.
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let share = (jobs.get() > 1).then(|| (cores / jobs).max(1));
        let threads = self.threads.map(usize::from).or(share);
        option(
            "--threads",
            threads.map(|threads| threads.to_string().into()),
        );
        option("--store", self.store.clone().map(Into::into));
        option("--data-dir", self.data_dir.clone().map(Into::into));
        let interval = self.checkpoint_interval.to_string();
        option("--checkpoint-interval", Some(interval.into()));
        arguments
    }

    fn pace(&self, stop: Arc<AtomicBool>) -> Pace {
        Pace::new(stop, Duration::from_secs(self.checkpoint_interval))
    }
}

pub fn run(arguments: &RunArguments) -> Result<()> {
    let sweep = sweep::read(&arguments.file)?;
    let trials = plan::trials(&sweep);
    let path = arguments
        .store
        .clone()
        .unwrap_or_else(|| Path::new("runs").join(&sweep.name));
    if arguments.dry_run {
        return print(&dry_run::text(&trials, &path, arguments.retry)?);
    }
    if let Some(id) = &arguments.trial {
        return run_one(id, &trials, &sweep, &path, arguments);
    }
    let before = match Store::open_if_there(&path)? {
        Some(store) => stored(&store, &trials)?,
        None => vec![Stored::Nothing; trials.len()],
    };
    let to_train = missing(&trials, &before, arguments.retry);
    if to_train.is_empty() {
        // A finished store may be read-only, or another process may be writing others of its trials.
        if let Ok(store) = Store::create_or_open(&path) {
            keep_plan(&store, &sweep, &trials, &before).ok();
        }
        return conclude(&before, &path);
    }
    // Before anything is made: a store without data would be a folder without a trial.
    let images = ImageLibrary::load(&to_train, arguments.data_dir.as_deref())?;
    images.check_same_data(&trials, &before)?;
    let store = Store::create_or_open(&path)?;
    // Another process may have trained some of them meanwhile.
    let before = stored(&store, &trials)?;
    keep_plan(&store, &sweep, &trials, &before)?;
    let missing = missing(&trials, &before, arguments.retry);
    let pace = arguments.pace(signals::stop_or_leave()?);
    let work = Work {
        trials: missing,
        planned: trials.len(),
        images,
        store: &store,
        pace,
    };
    work.train(&sweep, arguments, &path)?;
    conclude(&stored(&store, &trials)?, &path)
}

/// Keeps what the sweep asks for beside what the store has of it, and removes what a kill left of ended trials.
fn keep_plan(store: &Store, sweep: &Sweep, trials: &[Trial], stored: &[Stored]) -> Result<()> {
    store.save_plan(&Plan {
        name: sweep.name.clone(),
        trials: trials.iter().map(|trial| trial.id.clone()).collect(),
    })?;
    // A kill can come between a result and the removal of its checkpoint.
    for result in stored.iter().filter_map(Stored::ended) {
        store.remove_checkpoint(&result.id)?;
    }
    Ok(())
}

/// Trains the trial `id` for the process that holds the store.
fn run_one(
    id: &str,
    trials: &[Trial],
    sweep: &Sweep,
    path: &Path,
    arguments: &RunArguments,
) -> Result<()> {
    let pace = arguments.pace(signals::stop_only()?);
    stop_with_parent(Arc::clone(&pace.stop));
    let store = Store::join(path)?;
    let trials: Vec<&Trial> = trials.iter().filter(|trial| trial.id == id).collect();
    let images = ImageLibrary::load(&trials, arguments.data_dir.as_deref())?;
    let work = Work {
        planned: trials.len(),
        trials,
        images,
        store: &store,
        pace,
    };
    work.train(sweep, arguments, path)?;
    let stored = store.stored(id)?;
    match stored.ended().map(|result| result.state) {
        Some(TrialState::Failed) => Err(Unfinished::Failed {
            failed: 1,
            trials: 1,
            store: path.display().to_string(),
        }
        .into()),
        _ => Ok(()),
    }
}

/// What the store has of each trial.
pub fn stored(store: &Store, trials: &[Trial]) -> Result<Vec<Stored>> {
    Ok(store.stored_all(trials.iter().map(|trial| trial.id.as_str()))?)
}

/// The trials that have no result, or one that is to be made again.
pub fn missing<'a>(trials: &'a [Trial], stored: &[Stored], retry: Option<Retry>) -> Vec<&'a Trial> {
    let missing = trials
        .iter()
        .zip(stored)
        .filter(|(_, stored)| match stored {
            Stored::Nothing => true,
            Stored::Ended(result) => {
                result.state == TrialState::Failed && retry == Some(Retry::Failed)
            }
            Stored::Damaged(_) => retry == Some(Retry::Damaged),
        });
    missing.map(|(trial, _)| trial).collect()
}

/// What is to be trained, from what, and where it goes.
struct Work<'a> {
    trials: Vec<&'a Trial>,
    /// With those that have a result.
    planned: usize,
    images: ImageLibrary,
    store: &'a Store,
    pace: Pace,
}

impl Work<'_> {
    /// Opens the device, tells what will be done, and does it; an error where it was interrupted.
    fn train(mut self, sweep: &Sweep, arguments: &RunArguments, path: &Path) -> Result<()> {
        let threads = arguments.threads.map(usize::from);
        super::use_threads(threads.or(sweep.execution.threads))?;
        let device = super::open_device(arguments.backend.unwrap_or(sweep.execution.backend))?;
        inform(format_args!(
            "{}: {} of {} trials to train on {}, results in {}",
            sweep.name,
            self.trials.len(),
            self.planned,
            device.description(),
            path.display(),
        ));
        detail(format_args!(
            "{}, {} threads",
            device.details(),
            rayon::current_num_threads()
        ));
        let mut precisions = self.trials.iter().map(|trial| trial.train.precision);
        if let Some(mixed) = precisions.find(|precision| *precision != PrecisionName::F32) {
            super::usable_precision(&device, mixed);
        }
        if arguments.jobs.get() > 1 {
            drop(device);
            return self.train_in_processes(&self.trials, arguments.jobs, arguments);
        }
        self.train_here(&device, arguments)
    }

    fn train_in_processes(
        &self,
        trials: &[&Trial],
        jobs: NonZeroUsize,
        arguments: &RunArguments,
    ) -> Result<()> {
        let work = self.work_of(trials)?;
        train_in_processes(trials, work, jobs, arguments, &self.pace.stop)
    }

    fn work_of(&self, trials: &[&Trial]) -> Result<Vec<TrialWork>> {
        let work = trials.iter().map(|trial| {
            let images = self.images.of(trial)?;
            Ok(TrialSize::new(trial, &images).work())
        });
        work.collect()
    }

    fn progress(&self, arguments: &RunArguments) -> Result<Progress> {
        if arguments.trial.is_some() {
            return Ok(Progress::written_to(std::io::stdout()));
        }
        let work = self.work_of(&self.trials)?;
        Ok(Progress::shown_in(SweepProgress::new(
            &self.trials,
            work,
            1,
        )))
    }

    /// Trains one trial after the other in this process, as long as its device can be relied on.
    fn train_here(&mut self, device: &OpenDevice, arguments: &RunArguments) -> Result<()> {
        let trials = self.trials.len();
        let mut progress = self.progress(arguments)?;
        for (trained, trial) in self.trials.iter().enumerate() {
            let images = self.images.of(trial)?;
            progress.begin_trial(trial, &images);
            self.pace.begin_trial();
            let mut next = |moment| self.pace.next(moment);
            match train_and_record(trial, &images, device, self.store, &mut progress, &mut next)? {
                Outcome::Ended(result) => {
                    progress.end_trial(&result);
                    let left = &self.trials[trained + 1..];
                    let failed = result.state == TrialState::Failed;
                    if failed && device.backend == BackendChoice::Wgpu && !left.is_empty() {
                        drop(progress);
                        return self.train_without(device, left, arguments);
                    }
                }
                Outcome::Interrupted { step } => {
                    return Err(Unfinished::Interrupted {
                        trial: trial.id.clone(),
                        step,
                        left: trials - trained,
                        trials,
                    }
                    .into());
                }
            }
        }
        Ok(())
    }

    /// Trains `trials` after one failed on `device`, which may be lost with all that this process would
    /// do on it.
    fn train_without(
        &self,
        device: &OpenDevice,
        trials: &[&Trial],
        arguments: &RunArguments,
    ) -> Result<()> {
        inform("note: the device may have failed, so the other trials get processes of their own");
        // They need its memory; a device that is lost cannot give any back.
        let _ = without_panic(|| {
            device.device.memory_cleanup();
            Ok(())
        });
        self.train_in_processes(trials, NonZeroUsize::MIN, arguments)
    }
}

/// The table on standard output, and an error where trials failed or are damaged.
fn conclude(stored: &[Stored], path: &Path) -> Result<()> {
    let trials = stored.len();
    let damaged = super::tell_damage(stored.iter().filter_map(|stored| match stored {
        Stored::Damaged(damage) => Some(damage),
        Stored::Nothing | Stored::Ended(_) => None,
    }));
    let whole = stored
        .iter()
        .filter(|stored| !matches!(stored, Stored::Damaged(_)));
    let results: Vec<_> = whole.map(|stored| stored.ended().cloned()).collect();
    let failed = results
        .iter()
        .flatten()
        .filter(|result| result.state == TrialState::Failed)
        .count();
    print(&report::table_of(results))?;
    let store = path.display().to_string();
    if damaged > 0 {
        return Err(Unfinished::Damaged {
            damaged,
            trials,
            store,
        }
        .into());
    }
    if failed > 0 {
        return Err(Unfinished::Failed {
            failed,
            trials,
            store,
        }
        .into());
    }
    Ok(())
}
