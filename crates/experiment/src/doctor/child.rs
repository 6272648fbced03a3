//! A comparison in a separate process, since a driver may crash or hang the process that uses it.

use std::io::Read;
use std::process::{self, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use gpu_device::{Adapter, KernelOptions};
use serde::{Deserialize, Serialize};
use training_kernels::Instructions;

use super::{PrecisionComparison, compare, scales};
use crate::child::{Child, Said, Task};
use crate::device::open_cpu;
use crate::records::Determinism;
use crate::settings::{BackendChoice, PrecisionName};

/// How often a running child is polled.
const POLL: Duration = Duration::from_millis(20);

/// Options that were tested in a precision, and the outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    pub options: KernelOptions,
    pub precision: PrecisionName,
    pub seconds: f64,
    #[serde(flatten)]
    pub outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It completed, whether correct or not.
    Compared(PrecisionComparison),
    /// The adapter does not compute in this precision.
    Unsupported,
    /// The process ended without a result.
    Crashed {
        cause: String,
    },
    TimedOut {
        limit_s: u64,
    },
}

impl Tried {
    /// Whether it may be used for training.
    pub fn is_right(&self) -> bool {
        matches!(&self.outcome, Outcome::Compared(side) if side.is_right())
    }

    /// Whether it gave bitwise identical results for the same training.
    pub fn determinism(&self) -> Determinism {
        match &self.outcome {
            Outcome::Compared(side) if side.is_deterministic() => Determinism::Bitwise,
            _ => Determinism::Tolerance,
        }
    }

    /// `right`, `wrong`, `unsupported`, `crashed` or `timed out`.
    pub fn verdict(&self) -> &'static str {
        match &self.outcome {
            Outcome::Compared(side) if side.is_right() => "right",
            Outcome::Compared(_) => "wrong",
            Outcome::Unsupported => "unsupported",
            Outcome::Crashed { .. } => "crashed",
            Outcome::TimedOut { .. } => "timed out",
        }
    }

    /// The verdict with its reason: the worst check, or how the process ended.
    pub fn reason(&self) -> String {
        match &self.outcome {
            Outcome::Compared(side) => side.worst().map_or_else(
                || "nothing was compared".to_owned(),
                |check| format!("{}: {}", check.what, check.error_text()),
            ),
            Outcome::Unsupported => format!("the adapter does not support {}", self.precision),
            Outcome::Crashed { cause } => cause.clone(),
            Outcome::TimedOut { limit_s } => format!("timed out after {limit_s} s"),
        }
    }
}

/// The task of comparing the best adapter of this machine with the CPU.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct CompareDevices {
    pub options: KernelOptions,
    pub precision: PrecisionName,
}

impl Task for CompareDevices {
    const NAME: &'static str = "doctor";
    type Event = Option<PrecisionComparison>;
}

/// Compares in a separate process.
///
/// # Errors
/// When the process cannot be started.
pub fn try_in_child(task: CompareDevices, limit: Duration) -> Result<Tried> {
    let start = Instant::now();
    let mut child = Child::start(&task, |command| {
        // The CPU's side does not depend on what the user compares.
        command
            .env_remove(Instructions::VARIABLE)
            .stderr(Stdio::piped());
    })
    .context("doctor")?;
    let listener = child.listen_to_the_end();
    let stderr = read_aside(child.process.stderr.take());
    let status = wait(&mut child.process, limit)?;
    let said = listener.join().unwrap_or_default();
    let stderr = stderr.join().unwrap_or_default();
    let outcome = match status {
        None => Outcome::TimedOut {
            limit_s: limit.as_secs(),
        },
        Some(status) => outcome(status, said, &stderr),
    };
    Ok(Tried {
        options: task.options,
        precision: task.precision,
        seconds: start.elapsed().as_secs_f64(),
        outcome,
    })
}

/// The part of the child: compares `adapter` with the CPU, or dies of its driver.
///
/// # Errors
/// When a device fails.
pub fn compare_with_cpu(
    adapter: &Adapter,
    task: CompareDevices,
) -> Result<Option<PrecisionComparison>> {
    let cpu = open_cpu(BackendChoice::Auto).context("the CPU to compare with")?;
    let device = task.options.open(adapter)?;
    let scales = scales(adapter.identity.software);
    compare(task.precision, &scales, &cpu.device, &device)
}

/// Reads to the end on a separate thread, so that a full pipe cannot stop the child.
fn read_aside(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What came before an error is worth having.
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The child's end, or `None` if it took longer than `limit` and was killed.
fn wait(child: &mut process::Child, limit: Duration) -> Result<Option<ExitStatus>> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child
            .try_wait()
            .context("doctor: waiting for the comparison")?
        {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            child.kill().context("doctor: ending the comparison")?;
            child.wait().context("doctor: ending the comparison")?;
            return Ok(None);
        }
        thread::sleep(POLL);
    }
}

fn outcome(
    status: ExitStatus,
    said: Vec<Said<Option<PrecisionComparison>>>,
    stderr: &str,
) -> Outcome {
    let mut error = None;
    for said in said {
        match said {
            Said::Event(side) if status.success() => {
                return side.map_or(Outcome::Unsupported, Outcome::Compared);
            }
            Said::Event(_) => {}
            Said::Failed(told) => error = Some(told),
        }
    }
    Outcome::Crashed {
        cause: cause(status, error.as_deref(), stderr),
    }
}

/// The exit status and the child's own words: its error, else the first panic, else its last line.
fn cause(status: ExitStatus, error: Option<&str>, stderr: &str) -> String {
    let lines: Vec<&str> = (stderr.lines().map(str::trim))
        // Mesa's libraries print this on a headless Linux, and it means nothing.
        .filter(|line| !line.is_empty() && !line.contains("XDG_RUNTIME_DIR"))
        .collect();
    let panic = lines.iter().position(|line| line.contains("panicked at"));
    let panic = panic.and_then(|place| lines.get(place + 1).copied());
    match error.or(panic).or(lines.last().copied()) {
        Some(told) => format!("{status}: {told}"),
        None => status.to_string(),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use super::*;

    #[test]
    fn the_cause_of_a_crash_is_the_status_and_what_the_process_said() {
        let panic = "thread 'main' panicked at src/a.rs:1:2:\nthe driver gave up\nnote: run with RUST_BACKTRACE=1\n";
        for (error, stderr, told) in [
            (None, "", "signal: 11 (SIGSEGV)"),
            (
                None,
                "error: XDG_RUNTIME_DIR is invalid\n",
                "signal: 11 (SIGSEGV)",
            ),
            (
                None,
                "LLVM ERROR: no\n",
                "signal: 11 (SIGSEGV): LLVM ERROR: no",
            ),
            (None, panic, "signal: 11 (SIGSEGV): the driver gave up"),
            (
                Some("device: lost"),
                "noise\n",
                "signal: 11 (SIGSEGV): device: lost",
            ),
        ] {
            assert_eq!(cause(ExitStatus::from_raw(11), error, stderr), told);
        }
    }

    #[test]
    fn a_process_without_a_result_has_crashed_even_where_it_exits_well() {
        let ended = outcome(ExitStatus::from_raw(0), Vec::new(), "");
        assert!(matches!(ended, Outcome::Crashed { .. }));
    }

    #[test]
    fn a_process_over_its_limit_is_ended() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        assert_eq!(wait(&mut child, Duration::ZERO).unwrap(), None);
        assert!(child.try_wait().unwrap().is_some(), "it was reaped");
    }
}
