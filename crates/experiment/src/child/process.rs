//! The requesting process's side.

use std::io::{BufRead, BufReader, Write};
use std::marker::PhantomData;
use std::process::{self, ChildStdin, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};

use super::{Request, Said, Task};

/// A process that carries out a task.
#[derive(Debug)]
pub struct Child<T> {
    pub process: process::Child,
    /// A line asks the process to stop, and its end to end at once.
    input: Option<ChildStdin>,
    is_asked_to_stop: bool,
    task: PhantomData<T>,
}

impl<T: Task> Child<T> {
    /// Starts a process for `task`, in an environment and with a standard error that `configure` may change.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn start(task: &T, configure: impl FnOnce(&mut Command)) -> Result<Self> {
        let request = serde_json::to_string(&Request::of(task)?)?;
        let program = std::env::current_exe().context("child: this program's own file")?;
        let mut command = Command::new(program);
        command.arg("child");
        configure(&mut command);
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("child: a process of its own")?;
        let mut input = process.stdin.take();
        if let Some(input) = &mut input {
            // One that has ended already tells why by its status.
            let _ = writeln!(input, "{request}");
        }
        Ok(Self {
            process,
            input,
            is_asked_to_stop: false,
            task: PhantomData,
        })
    }

    /// Calls `hear` with every message of the process, on a separate thread, which ends with it.
    pub fn listen(
        &mut self,
        mut hear: impl FnMut(Said<T::Event>) + Send + 'static,
    ) -> JoinHandle<()> {
        let output = self.process.stdout.take();
        thread::spawn(move || {
            // Whatever its bytes: nobody else reads the pipe, and a full one would stop the process.
            let output = output.into_iter().map(BufReader::new);
            let lines = output.flat_map(|output| output.split(b'\n'));
            for line in lines.map_while(Result::ok) {
                // A library may write a line of its own.
                if let Ok(said) = serde_json::from_slice(&line) {
                    hear(said);
                }
            }
        })
    }

    /// As [`Child::listen`]; the thread returns all messages.
    pub fn listen_to_the_end(&mut self) -> JoinHandle<Vec<Said<T::Event>>> {
        let (sender, receiver) = std::sync::mpsc::channel();
        self.listen(move |said| {
            let _ = sender.send(said);
        });
        thread::spawn(move || receiver.into_iter().collect())
    }

    /// Asks the process to stop with a checkpoint; once, however often it is called.
    pub fn ask_to_stop(&mut self) {
        if let Some(input) = &mut self.input
            && !self.is_asked_to_stop
        {
            // One that has ended already tells so by its status.
            let _ = writeln!(input, "stop");
            self.is_asked_to_stop = true;
        }
    }

    /// # Errors
    /// When the system cannot report it.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        self.process.wait().context("child: waiting for its end")
    }

    /// How the process ended, if it has.
    ///
    /// # Errors
    /// When the system cannot report it.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        self.process
            .try_wait()
            .context("child: waiting for its end")
    }
}
