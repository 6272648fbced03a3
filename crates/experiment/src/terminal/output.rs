//! Results on standard output, all else on standard error, as much as the user wants to hear.

use std::fmt::Display;
use std::io::Write;
use std::sync::atomic::{AtomicU8, Ordering};

use anyhow::Result;

use super::bars;

/// How much the user wants to hear.
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
/// nobody is there to be told, and it is no reason to stop.
pub fn tell(message: impl Display) {
    bars::above(|| {
        let _ = writeln!(std::io::stderr(), "{message}");
    });
}

/// Tells what is good to know, unless the user wants it quiet.
pub fn inform(message: impl Display) {
    if verbosity() >= Verbosity::Normal {
        tell(message);
    }
}

/// Tells what only a user wants to hear who asked for all of it.
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
