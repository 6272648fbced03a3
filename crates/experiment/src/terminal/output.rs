//! Results on standard output, everything else on standard error, subject to the chosen verbosity.

use std::fmt::Display;
use std::io::Write;
use std::sync::atomic::{AtomicU8, Ordering};

use anyhow::Result;

use super::bars;

/// The verbosity chosen by the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Results, warnings and errors.
    Quiet = 0,
    Normal = 1,
    /// Everything.
    Verbose = 2,
}

static VERBOSITY: AtomicU8 = AtomicU8::new(Verbosity::Normal as u8);

/// Sets it for the whole process.
pub fn set_verbosity(verbosity: Verbosity) {
    VERBOSITY.store(verbosity as u8, Ordering::Relaxed);
}

pub fn verbosity() -> Verbosity {
    match VERBOSITY.load(Ordering::Relaxed) {
        0 => Verbosity::Quiet,
        1 => Verbosity::Normal,
        _ => Verbosity::Verbose,
    }
}

/// Writes a warning or an error to standard error, above the bars if there are any. Where it is closed,
/// there is nobody to report to, and it is no reason to stop.
pub fn tell(message: impl Display) {
    bars::above(|| {
        let _ = writeln!(std::io::stderr(), "{message}");
    });
}

/// Prints information, except with `--quiet`.
pub fn inform(message: impl Display) {
    if verbosity() >= Verbosity::Normal {
        tell(message);
    }
}

/// Prints details, only with `--verbose`.
pub fn detail(message: impl Display) {
    if verbosity() == Verbosity::Verbose {
        tell(message);
    }
}

/// Writes results to standard output.
pub fn print(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout();
    stdout.write_all(text.as_bytes())?;
    Ok(stdout.flush()?)
}
