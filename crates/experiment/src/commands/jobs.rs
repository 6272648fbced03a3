//! Several trials at a time, each in a process of its own: a small network does not fill a GPU, and a
//! driver that gives up takes one trial with it.

use std::io::{BufRead, BufReader, Read};
use std::num::NonZeroUsize;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};

use super::run::RunArguments;
use super::signals;
use super::sweep_progress::{Message, SweepProgress};
use super::unfinished::Unfinished;
use crate::plan::Trial;
use crate::terminal::{Work, detail, tell};

/// How often running trials are looked at.
const POLL: Duration = Duration::from_millis(50);
/// What `run` ends with where it was interrupted and can go on.
const INTERRUPTED: i32 = 75;
/// What it ends with where the trial failed, which its result tells.
const FAILED: i32 = 3;
/// What it ends with where it could not go on, such as on a full disk, and has told why.
const ERRORS: [i32; 4] = [1, 2, 4, 5];

/// A trial in its process.
struct Job<'a> {
    /// Its place in the sweep.
    index: usize,
    trial: &'a Trial,
    process: Child,
    /// Read what it tells.
    readers: [JoinHandle<()>; 2],
}

/// Trains `trials` with the work that each is, `jobs` at a time; an error where they were interrupted, or a
/// process died or ended with an error, which would meet the others too and so interrupts them.
///
/// The processes get `run`'s own arguments. Each stops with a checkpoint when its standard input ends,
/// which it also does if this process dies. They stay in this process's group, so that a terminal suspends
/// and resumes all of them together.
pub fn train_in_processes(
    trials: &[&Trial],
    work: Vec<Work>,
    jobs: NonZeroUsize,
    arguments: &RunArguments,
    stop: &AtomicBool,
) -> Result<()> {
    let progress = Arc::new(SweepProgress::new(trials, work, jobs.get()));
    let mut waiting = trials.iter().enumerate();
    let mut running: Vec<Job> = Vec::new();
    let mut left = trials.len();
    let mut died = Vec::new();
    let mut error = None;
    loop {
        let stopping = stop.load(Ordering::Relaxed) || error.is_some();
        while !stopping && running.len() < jobs.get() {
            let Some((index, trial)) = waiting.next() else {
                break;
            };
            let process = spawn(trial, jobs, arguments)?;
            running.push(Job::new(index, trial, process, &progress)?);
        }
        if running.is_empty() {
            break;
        }
        if stopping {
            for job in &mut running {
                job.process.stdin.take();
            }
        }
        let mut still_running = Vec::new();
        for mut job in running {
            let Some(status) = job.process.try_wait().context("jobs")? else {
                still_running.push(job);
                continue;
            };
            // The last messages come before what follows from them.
            for reader in job.readers {
                reader.join().ok();
            }
            if let Some(0 | FAILED) = status.code() {
                left -= 1;
                progress.end(job.index);
                continue;
            }
            progress.interrupt(job.index);
            match status.code() {
                Some(INTERRUPTED) => {}
                Some(code) if ERRORS.contains(&code) => error = error.or(Some(code)),
                _ if signals::ended_by_request(status) => {}
                _ => died.push((job.trial, status)),
            }
        }
        running = still_running;
        thread::sleep(POLL);
    }
    conclude(&died, error, left, trials.len())
}

/// An error where something is left to do.
fn conclude(
    died: &[(&Trial, ExitStatus)],
    error: Option<i32>,
    left: usize,
    trials: usize,
) -> Result<()> {
    for (trial, status) in died {
        tell(format_args!(
            "error: {} ({}): its process ended with {status}, before a result",
            trial.label(),
            trial.id
        ));
    }
    match (error, died.len(), left) {
        (_, _, 0) => Ok(()),
        (Some(code), ..) => Err(Unfinished::Error { code, left, trials }.into()),
        (None, 0, _) => Err(Unfinished::Stopped { left, trials }.into()),
        (None, died, _) => Err(Unfinished::Died { died, left, trials }.into()),
    }
}

/// Starts the process of a trial.
fn spawn(trial: &Trial, jobs: NonZeroUsize, arguments: &RunArguments) -> Result<Child> {
    let program = std::env::current_exe().context("jobs: this program's own file")?;
    let process = Command::new(program)
        .args(arguments.for_one(&trial.id, jobs))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("jobs: a process of its own for a trial")?;
    detail(format_args!(
        "{} ({}): trained by process {}",
        trial.label(),
        trial.id,
        process.id()
    ));
    Ok(process)
}

impl<'a> Job<'a> {
    fn new(
        index: usize,
        trial: &'a Trial,
        mut process: Child,
        progress: &Arc<SweepProgress>,
    ) -> Result<Self> {
        let messages = process.stdout.take().context("jobs: its messages")?;
        let errors = process.stderr.take().context("jobs: its errors")?;
        progress.begin(index);
        let readers = [Arc::clone(progress), Arc::clone(progress)];
        let [for_messages, for_errors] = readers;
        Ok(Self {
            index,
            trial,
            process,
            readers: [
                thread::spawn(move || hear_messages(messages, index, &for_messages)),
                thread::spawn(move || hear_errors(errors, index, &for_errors)),
            ],
        })
    }
}

fn hear_messages(messages: impl Read, trial: usize, progress: &SweepProgress) {
    for line in BufReader::new(messages).lines().map_while(Result::ok) {
        if let Ok(message) = serde_json::from_str::<Message>(&line) {
            progress.hear(trial, &message);
        }
    }
}

fn hear_errors(errors: impl Read, trial: usize, progress: &SweepProgress) {
    // Whatever its bytes: nobody else reads the pipe, and a full one would stop the process.
    for line in BufReader::new(errors).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        // What is left and how to resume is told once, of all.
        if let Some(interrupted) = line.strip_prefix("error: interrupted ") {
            let step = interrupted.split(',').next().unwrap_or_default();
            tell(format_args!("{} interrupted {step}", progress.place(trial)));
        // Each process would repeat the notes and warnings, which are the same for all.
        } else if line.starts_with("error: ") && !line.contains("XDG_RUNTIME_DIR") {
            tell(format_args!("{} {line}", progress.place(trial)));
        }
    }
}

/// Raises `stop` when standard input ends: the process that started this one wants it to stop, or is dead.
pub fn stop_with_parent(stop: Arc<AtomicBool>) {
    thread::spawn(move || {
        let mut nothing = Vec::new();
        // An error is an end too.
        let _ = std::io::stdin().read_to_end(&mut nothing);
        stop.store(true, Ordering::Relaxed);
    });
}
