//! `experiment run`: trains what a sweep file asks for and the store does not have yet.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::progress::Progress;
use super::trial::train_and_record;
use crate::data::{self, Data, DatasetSource};
use crate::device::{self, OpenDevice};
use crate::plan::{self, Trial};
use crate::report;
use crate::store::{Store, TrialState};
use crate::sweep::{self, BackendChoice, Sweep, TrainSettings};
use crate::train::TrialImages;

/// Train the trials of a sweep file that have no result yet, and print the table
#[derive(Debug, Args)]
pub struct RunArguments {
    /// Sweep file, such as experiments/quickstart.toml
    file: PathBuf,
    /// auto, wgpu, flex or ndarray; overrides the file
    #[arg(long)]
    backend: Option<BackendChoice>,
    /// Threads of the CPU backends; overrides the file
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    /// Folder of the results [default: runs/NAME]
    #[arg(long)]
    store: Option<PathBuf>,
    /// Folder of the dataset's files, or its parent
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Show what would be trained, and stop
    #[arg(long)]
    dry_run: bool,
    /// Train trials again that ended in this state
    #[arg(long)]
    retry: Option<Retry>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Retry {
    Failed,
}

/// Why a sweep is not finished although nothing is wrong with the program.
#[derive(Debug, thiserror::Error)]
pub enum Unfinished {
    #[error(
        "{failed} of {trials} trials failed; see the cause in each result.json under {store}, and run again with --retry failed"
    )]
    Failed {
        failed: usize,
        trials: usize,
        store: String,
    },
    #[error("interrupted; the same command trains the {left} trials that are left")]
    Interrupted { left: usize },
}

pub fn run(arguments: &RunArguments) -> Result<()> {
    let sweep = sweep::read(&arguments.file)?;
    let trials = plan::trials(&sweep);
    let path = arguments
        .store
        .clone()
        .unwrap_or_else(|| Path::new("runs").join(&sweep.name));
    if arguments.dry_run {
        return print_plan(&trials, &path, arguments.retry);
    }
    let store = Store::create_or_open(&path)?;
    let missing = without_result(&store, &trials, arguments.retry)?;
    if !missing.is_empty() {
        let stop = stop_on_signals()?;
        super::use_threads(threads(arguments, &sweep))?;
        let images = Images::load(&missing, arguments.data_dir.as_deref())?;
        let device = device::open(arguments.backend.unwrap_or(sweep.execution.backend))?;
        eprintln!(
            "{}: {} of {} trials to train on {} ({}), results in {}",
            sweep.name,
            missing.len(),
            trials.len(),
            device.backend,
            device.name,
            path.display(),
        );
        let trained = train_all(&missing, &images, &device, &store, &stop)?;
        if trained < missing.len() {
            let left = missing.len() - trained;
            return Err(Unfinished::Interrupted { left }.into());
        }
    }
    conclude(&store, &trials, &path)
}

fn threads(arguments: &RunArguments, sweep: &Sweep) -> Option<NonZeroUsize> {
    let of_file = sweep.execution.threads.and_then(NonZeroUsize::new);
    arguments.threads.or(of_file)
}

/// The trials that the store has no result of, or one that is to be trained again.
fn without_result<'a>(
    store: &Store,
    trials: &'a [Trial],
    retry: Option<Retry>,
) -> Result<Vec<&'a Trial>> {
    let mut missing = Vec::new();
    for trial in trials {
        let again = match store.result(&trial.id)? {
            None => true,
            Some(result) => result.state == TrialState::Failed && retry == Some(Retry::Failed),
        };
        if again {
            missing.push(trial);
        }
    }
    Ok(missing)
}

fn print_plan(trials: &[Trial], path: &Path, retry: Option<Retry>) -> Result<()> {
    let store = path
        .exists()
        .then(|| Store::open_existing(path))
        .transpose()?;
    let mut new = 0;
    for trial in trials {
        let result = store
            .as_ref()
            .map(|store| store.result(&trial.id))
            .transpose()?;
        let state = match result.flatten().map(|result| result.state) {
            None => "new",
            Some(TrialState::Failed) if retry == Some(Retry::Failed) => "again",
            Some(TrialState::Done) => "done",
            Some(TrialState::Diverged) => "diverged",
            Some(TrialState::Failed) => "failed",
        };
        new += usize::from(matches!(state, "new" | "again"));
        println!(
            "{}  {state:<8}  {}  seed {}",
            trial.id, trial.loss, trial.seed
        );
    }
    println!(
        "{new} of {} trials to train, results in {}",
        trials.len(),
        path.display()
    );
    Ok(())
}

/// The images of every trial, each dataset read once.
struct Images(Vec<(TrainSettings, TrialImages)>);

impl Images {
    /// Reads and checks everything that `trials` need before the first one starts.
    fn load(trials: &[&Trial], data_dir: Option<&Path>) -> Result<Self> {
        let mut datasets: Vec<(DatasetSource, Data)> = Vec::new();
        let mut images: Vec<(TrainSettings, TrialImages)> = Vec::new();
        for trial in trials {
            if images.iter().any(|(settings, _)| *settings == trial.train) {
                continue;
            }
            let source = DatasetSource::of(&trial.train);
            let known = datasets.iter().find(|(known, _)| *known == source);
            let data = match known {
                Some((_, data)) => data.clone(),
                None => super::load_data(&source, data_dir)?,
            };
            images.push((trial.train.clone(), trial_images(&data, &trial.train)?));
            datasets.push((source, data));
        }
        Ok(Self(images))
    }

    fn of(&self, trial: &Trial) -> &TrialImages {
        let (_, images) = self
            .0
            .iter()
            .find(|(settings, _)| *settings == trial.train)
            .expect("the images of every trial were loaded");
        images
    }
}

fn trial_images(data: &Data, settings: &TrainSettings) -> Result<TrialImages> {
    let (train, validation) = data::split(&data.train, settings.validation, settings.subset)?;
    Ok(TrialImages {
        train,
        validation,
        test: data.test.clone(),
        classes: data.classes,
        normalization: data.normalization,
        hash: data.hash.clone(),
    })
}

/// Trains one trial after the other; gives how many ended before an interruption.
fn train_all(
    trials: &[&Trial],
    images: &Images,
    device: &OpenDevice,
    store: &Store,
    stop: &AtomicBool,
) -> Result<usize> {
    let mut progress = Progress::new(trials.len());
    for (trained, trial) in trials.iter().enumerate() {
        progress.begin_trial(trial, images.of(trial).train.len());
        let images = images.of(trial);
        let Some(result) = train_and_record(trial, images, device, store, &mut progress, stop)?
        else {
            progress.finish();
            return Ok(trained);
        };
        progress.end_trial(&result);
    }
    progress.finish();
    Ok(trials.len())
}

/// The table on standard output, and an error where trials failed.
fn conclude(store: &Store, trials: &[Trial], path: &Path) -> Result<()> {
    let ids: Vec<&str> = trials.iter().map(|trial| trial.id.as_str()).collect();
    print!("{}", report::table_of(store, &ids)?);
    let mut failed = 0;
    for id in ids {
        failed += usize::from(
            store
                .result(id)?
                .is_some_and(|result| result.state == TrialState::Failed),
        );
    }
    if failed > 0 {
        let unfinished = Unfinished::Failed {
            failed,
            trials: trials.len(),
            store: path.display().to_string(),
        };
        return Err(unfinished.into());
    }
    Ok(())
}

/// The first Ctrl-C (or termination signal) stops after the step at hand, the second at once.
fn stop_on_signals() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal finds the flag still down and only raises it.
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop))
            .and_then(|_| flag::register(signal, Arc::clone(&stop)))
            .context("signals: the handler of Ctrl-C could not be installed")?;
    }
    Ok(stop)
}
