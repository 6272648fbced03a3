//! Work in a separate process, since drivers crash, and threads, instructions and peak memory are per process.
//!
//! The process is `experiment child`. It reads a [`Request`] from standard input, one line of JSON. A second line asks a
//! trial to stop with a checkpoint. Where the input ends, the requesting process is dead, and this one ends at once:
//! it would hold memory and a lease that the next run needs. It writes [`Said`]s to standard output, a line of JSON each.
//! How it ended is an [`Exit`].

mod process;

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, anyhow};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::process::Child;
use crate::exit::{BadInput, Exit};

/// A task that a process can run.
pub trait Task: Serialize + DeserializeOwned {
    const NAME: &'static str;
    /// The events that it reports while it runs.
    type Event: Serialize + DeserializeOwned + Send + 'static;
}

/// A task by its name.
#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    pub task: String,
    settings: Value,
}

impl Request {
    fn of<T: Task>(task: &T) -> Result<Self> {
        Ok(Self {
            task: T::NAME.to_owned(),
            settings: serde_json::to_value(task)?,
        })
    }

    /// The request to this process.
    ///
    /// # Errors
    /// When standard input does not begin with a request.
    pub fn read() -> Result<Self> {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
        let request = serde_json::from_str(&line);
        Ok(request.map_err(|error| BadInput(anyhow!("child: expected a request: {error}")))?)
    }

    /// The task, which must be of this name.
    ///
    /// # Errors
    /// When it does not have the settings of such a task.
    pub fn settings<T: Task>(&self) -> Result<T> {
        let task = T::deserialize(&self.settings);
        Ok(task.map_err(|error| BadInput(anyhow!("child: {}: {error}", self.task)))?)
    }
}

/// The messages of a process to the one that started it.
#[derive(Debug, Serialize, Deserialize)]
pub enum Said<E> {
    Event(E),
    /// The last message: the error that it ends with.
    Failed(String),
}

/// Sends an event to the process that requested this task.
pub fn say<T: Task>(event: T::Event) {
    write(&Said::Event(event));
}

/// Tells the requesting process why this one ends without completing its task.
pub fn say_failed(error: String) {
    write(&Said::<()>::Failed(error));
}

/// A closed pipe is no reason to stop.
fn write(said: &impl Serialize) {
    if let Ok(text) = serde_json::to_string(said) {
        let mut output = std::io::stdout();
        let _ = writeln!(output, "{text}").and_then(|()| output.flush());
    }
}

/// Raises `stop` when the process that started this one asks for it, and ends this process when that one is dead.
pub fn stop_with_parent(stop: Arc<AtomicBool>) {
    end_with_parent_and(move || stop.store(true, Ordering::Relaxed));
}

/// Ends this process when the one that started it is dead, or wants nothing more of it.
pub fn end_with_parent() {
    end_with_parent_and(|| ());
}

/// Ends this process when standard input ends, and does something if a line comes before.
fn end_with_parent_and(stop: impl FnOnce() + Send + 'static) {
    std::thread::spawn(move || {
        let mut line = String::new();
        // An error is an end too.
        if std::io::stdin().read_line(&mut line).unwrap_or(0) > 0 {
            stop();
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
        }
        std::process::exit(Exit::Interrupted as i32);
    });
}
