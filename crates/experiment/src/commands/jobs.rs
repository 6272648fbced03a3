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

use super::run::{RunArguments, Unfinished};
use super::tell;
use crate::plan::Trial;

/// How often running trials are looked at.
const POLL: Duration = Duration::from_millis(50);
/// What `run` ends with where it was interrupted and can go on.
const INTERRUPTED: i32 = 75;
/// What it ends with where the trial failed, which its result tells.
const FAILED: i32 = 3;

/// A trial in its process.
struct Job<'a> {
    trial: &'a Trial,
    process: Child,
    messages: JoinHandle<()>,
}

/// Trains `trials`, `jobs` at a time; an error where they were interrupted or a process died.
///
/// The processes get `run`'s own arguments. Each stops with a checkpoint when its standard input ends,
/// which it also does if this process dies.
pub fn train_in_processes(
    trials: &[&Trial],
    jobs: NonZeroUsize,
    arguments: &RunArguments,
    stop: &AtomicBool,
) -> Result<()> {
    let mut waiting = trials.iter().enumerate();
    let mut running: Vec<Job> = Vec::new();
    let mut left = trials.len();
    let mut died = Vec::new();
    loop {
        let stopping = stop.load(Ordering::Relaxed);
        while !stopping && running.len() < jobs.get() {
            let Some((index, trial)) = waiting.next() else {
                break;
            };
            let place = format!("[{}/{}]", index + 1, trials.len());
            running.push(Job::start(trial, place, jobs, arguments)?);
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
            job.messages.join().ok();
            match status.code() {
                Some(0 | FAILED) => left -= 1,
                Some(INTERRUPTED) => {}
                _ => died.push((job.trial, status)),
            }
        }
        running = still_running;
        thread::sleep(POLL);
    }
    conclude(&died, left, trials.len())
}

/// An error where something is left to do.
fn conclude(died: &[(&Trial, ExitStatus)], left: usize, trials: usize) -> Result<()> {
    for (trial, status) in died {
        tell(format_args!(
            "error: {} ({}): its process ended with {status}, before a result",
            trial.label(),
            trial.id
        ));
    }
    match (died.len(), left) {
        (_, 0) => Ok(()),
        (0, left) => Err(Unfinished::Stopped { left, trials }.into()),
        (died, _) => Err(Unfinished::Died { died, left, trials }.into()),
    }
}

impl<'a> Job<'a> {
    /// `place` takes the place of the child's own count of trials, which is one.
    fn start(
        trial: &'a Trial,
        place: String,
        jobs: NonZeroUsize,
        arguments: &RunArguments,
    ) -> Result<Self> {
        let program = std::env::current_exe().context("jobs: this program's own file")?;
        let mut process = Command::new(program)
            .args(arguments.for_one(&trial.id, jobs))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("jobs: a process of its own for a trial")?;
        let messages = process.stderr.take().context("jobs: its messages")?;
        Ok(Self {
            trial,
            process,
            messages: thread::spawn(move || pass_on(messages, &place)),
        })
    }
}

fn pass_on(messages: impl Read, place: &str) {
    for line in BufReader::new(messages).lines().map_while(Result::ok) {
        // Each process would repeat what is the same for all.
        if let Some(message) = line.strip_prefix("[1/1]") {
            tell(format_args!("{place}{message}"));
        } else if line.starts_with("error: ") && !line.contains("XDG_RUNTIME_DIR") {
            tell(format_args!("{place} {line}"));
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
