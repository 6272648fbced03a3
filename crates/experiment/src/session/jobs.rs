//! Several trials in parallel, each in a separate process: a small network leaves a GPU idle, and a
//! crashing driver fails only one trial.

use std::fs::File;
use std::io::{Read, Seek};
use std::num::NonZeroUsize;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};

use super::Session;
use super::job::{TrainTrial, TrialEvent};
use super::signals;
use super::unfinished::Unfinished;
use crate::child::{Child, Said};
use crate::exit::Exit;
use crate::memory::kills_for_memory;
use crate::plan::Trial;
use crate::store::Store;
use crate::terminal::{SweepProgress, detail, tell};

/// How often running trials are polled.
const POLL: Duration = Duration::from_millis(50);

/// A trial in its process.
struct Job<'a> {
    /// Its place in the sweep.
    index: usize,
    trial: &'a Trial,
    child: Child<TrainTrial>,
    /// Receives its events.
    listener: JoinHandle<()>,
    /// It only records why the trial failed.
    is_record: bool,
    /// What it wrote to standard error, if there is room for that.
    errors: Option<File>,
    /// Processes that the system had killed for want of memory when it was started.
    killed_before: u64,
}

/// Trains `trials`, `jobs` at a time; an error where they were interrupted, or a process died or ended with an
/// error, which would meet the others too and so interrupts them.
///
/// Each process stops with a checkpoint when it is asked to, and ends at once if this process dies.
/// They stay in this process's group, so that a terminal suspends and resumes all of them together.
pub fn train_in_processes(
    (session, store): (&Session, &Store),
    trials: &[Trial],
    jobs: NonZeroUsize,
    progress: SweepProgress,
    stop: &AtomicBool,
) -> Result<()> {
    let progress = Arc::new(progress);
    let mut waiting = trials.iter().enumerate();
    let mut running: Vec<Job> = Vec::new();
    let mut ends = Ends::of(trials.len());
    loop {
        let stopping = stop.load(Ordering::Relaxed) || ends.error.is_some();
        while !stopping && running.len() < jobs.get() {
            let Some((index, trial)) = waiting.next() else {
                break;
            };
            running.push(Job::start(
                &task(session, store, trial, jobs)?,
                index,
                trial,
                &progress,
            )?);
        }
        if running.is_empty() {
            break;
        }
        if stopping {
            for job in &mut running {
                job.child.ask_to_stop();
            }
        }
        let mut still_running = Vec::new();
        for mut job in running {
            let Some(status) = job.child.try_wait()? else {
                still_running.push(job);
                continue;
            };
            match job.lack_of_memory(status, store) {
                // Another process records it: this one may lack the memory to open the device.
                Some(cause) if !stopping => {
                    let task = TrainTrial {
                        failure: Some(cause),
                        // Its holder is dead, whether or not this system tells.
                        stale_heartbeat: store.heartbeat(&job.trial.id)?,
                        ..task(session, store, job.trial, jobs)?
                    };
                    still_running.push(Job::start(&task, job.index, job.trial, &progress)?);
                }
                _ => ends.add(job, status, &progress),
            }
        }
        running = still_running;
        thread::sleep(POLL);
    }
    ends.conclude()
}

impl<'a> Job<'a> {
    fn start(
        task: &TrainTrial,
        index: usize,
        trial: &'a Trial,
        progress: &Arc<SweepProgress>,
    ) -> Result<Self> {
        // Not for the user: each would repeat the notes and warnings, which are the same for all.
        let errors = tempfile::tempfile().ok();
        let stderr = errors.as_ref().and_then(|errors| errors.try_clone().ok());
        let killed_before = kills_for_memory();
        let mut child = Child::start(task, |command| {
            command.stderr(stderr.map_or_else(Stdio::null, Stdio::from));
        })
        .context("jobs")?;
        detail(format_args!(
            "{} ({}): trained by process {}",
            trial.label(),
            trial.id,
            child.process.id()
        ));
        progress.begin(index);
        let (id, progress) = (trial.id.clone(), Arc::clone(progress));
        let listener = child.listen(move |said| hear(index, &id, &said, &progress));
        Ok(Self {
            index,
            trial,
            child,
            listener,
            is_record: task.failure.is_some(),
            errors,
            killed_before,
        })
    }

    /// What the process was denied, if it died for want of memory.
    fn lack_of_memory(&mut self, status: ExitStatus, store: &Store) -> Option<String> {
        if status.code().is_some() || self.is_record {
            return None;
        }
        let mut errors = Vec::new();
        if let Some(file) = &mut self.errors {
            file.rewind().ok()?;
            file.read_to_end(&mut errors).ok()?;
        }
        let errors = String::from_utf8_lossy(&errors);
        // As Rust's allocator says it before it ends the process.
        let denied = errors
            .lines()
            .find(|line| line.starts_with("memory allocation of "));
        if let Some(denied) = denied {
            return Some(denied.to_owned());
        }
        // A trial that came as far as a checkpoint has enough, unless others took it: it is resumed.
        let is_killed = signals::is_killed(status) && kills_for_memory() > self.killed_before;
        let has_begun = store.checkpoint_files(&self.trial.id).next().is_some();
        (is_killed && !has_begun)
            .then(|| "out of memory: the system killed the process that trained it".to_owned())
    }
}

fn task(session: &Session, store: &Store, trial: &Trial, jobs: NonZeroUsize) -> Result<TrainTrial> {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = if jobs.get() > 1 {
        Some(session.threads_of_a_job.unwrap_or((cores / jobs).max(1)))
    } else {
        session.threads
    };
    Ok(TrainTrial {
        settings_toml: trial.settings_toml(),
        backend: session.backend,
        threads,
        store: session.store.clone().into(),
        data_dir: session.data_dir.clone().map(Into::into),
        checkpoint_interval: session.checkpoint_interval,
        stale_after: session.stale_after,
        retry: session.retry,
        stale_heartbeat: store.stale_heartbeat(&trial.id)?,
        failure: None,
    })
}

fn hear(trial: usize, id: &str, said: &Said<TrialEvent>, progress: &SweepProgress) {
    let place = progress.place(trial);
    match said {
        Said::Event(TrialEvent::Progress(message)) => progress.hear(trial, message),
        // The rest and how to resume are reported once for all trials.
        Said::Event(TrialEvent::Interrupted { step }) => tell(format_args!(
            "{place} interrupted at step {step} of trial {id}"
        )),
        Said::Failed(error) => tell(format_args!("{place} error: {error}")),
    }
}

/// How the processes ended so far.
struct Ends<'a> {
    trials: usize,
    /// Trials without a result.
    left: usize,
    died: Vec<(&'a Trial, ExitStatus)>,
    /// The first that could not continue, such as on a full disk, and has reported why.
    error: Option<Exit>,
}

impl<'a> Ends<'a> {
    fn of(trials: usize) -> Self {
        Self {
            trials,
            left: trials,
            died: Vec::new(),
            error: None,
        }
    }

    fn add(&mut self, job: Job<'a>, status: ExitStatus, progress: &SweepProgress) {
        // The last that it said comes before what follows from it.
        job.listener.join().ok();
        match status.code().and_then(Exit::from_code) {
            // A failed trial has a result that states why.
            Some(Exit::Done | Exit::TrialsFailed) => {
                self.left -= 1;
                return progress.end(job.index);
            }
            Some(Exit::Interrupted) => {}
            Some(error) => {
                self.error.get_or_insert(error);
            }
            None if signals::ended_by_request(status) => {}
            None => self.died.push((job.trial, status)),
        }
        progress.interrupt(job.index);
    }

    /// An error where something is left to do.
    fn conclude(self) -> Result<()> {
        let Self { left, trials, .. } = self;
        for (trial, status) in &self.died {
            tell(format_args!(
                "error: {} ({}): its process ended with {status} before it had a result",
                trial.label(),
                trial.id
            ));
        }
        match (self.error, self.died.len(), left) {
            (_, _, 0) => Ok(()),
            (Some(exit), ..) => Err(Unfinished::Error { exit, left, trials }.into()),
            (None, 0, _) => Err(Unfinished::Stopped { left, trials }.into()),
            (None, died, _) => Err(Unfinished::Died { died, left, trials }.into()),
        }
    }
}
