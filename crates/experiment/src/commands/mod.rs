//! The verbs of the command line, one file each.

mod bench;
mod data;
mod eval;
mod images;
mod losses;
mod progress;
mod report;
mod run;
mod trial;

use std::fmt::Display;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use clap::builder::RangedI64ValueParser;
use clap::{Parser, Subcommand};

use crate::data::{Data, DatasetSource, load};
use crate::device::{self, OpenDevice};
use crate::sweep::{BackendChoice, PrecisionName};

pub use self::run::Unfinished;

/// Settles which classification loss is better: loss sweeps defined in TOML, trained on a GPU or CPU
#[derive(Debug, Parser)]
#[command(version, disable_help_subcommand = true)]
pub struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::RunArguments),
    Report(report::ReportArguments),
    Losses(losses::LossesArguments),
    Data(data::DataArguments),
    Eval(eval::EvalArguments),
    Bench(bench::BenchArguments),
}

/// Does what the command line asks for.
pub fn execute(command_line: &CommandLine) -> Result<()> {
    match &command_line.command {
        Command::Run(arguments) => run::run(arguments),
        Command::Report(arguments) => report::run(arguments),
        Command::Losses(arguments) => losses::run(arguments),
        Command::Data(arguments) => data::run(arguments),
        Command::Eval(arguments) => eval::run(arguments),
        Command::Bench(arguments) => bench::run(arguments),
    }
}

/// Accepts as many threads as a sweep file does.
fn thread_count() -> RangedI64ValueParser<u16> {
    RangedI64ValueParser::new().range(1..=1024)
}

/// What the user gave is not what a command expects: place, expectation, found.
#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
pub struct BadInput(anyhow::Error);

/// Writes a message to standard error. Where that is closed, nobody is there to be told, and it is
/// no reason to stop.
pub fn tell(message: impl Display) {
    let _ = writeln!(std::io::stderr(), "{message}");
}

/// Writes results to standard output.
fn print(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout();
    stdout.write_all(text.as_bytes())?;
    Ok(stdout.flush()?)
}

/// Opens a device and passes on what is noteworthy about it.
fn open_device(choice: BackendChoice) -> Result<OpenDevice> {
    let device = device::open(choice)?;
    if choice == BackendChoice::Auto {
        tell(format_args!(
            "backend: {} ({})",
            device.backend, device.name
        ));
    }
    if let Some(warning) = &device.warning {
        tell(format_args!("warning: {warning}"));
    }
    Ok(device)
}

/// The precision in which `device` computes what asks for `wanted`; says why where it is another.
fn usable_precision(device: &OpenDevice, wanted: PrecisionName) -> PrecisionName {
    let precision = device.precision(wanted);
    if let (true, Some(reason)) = (precision != wanted, &device.mixed_unavailable) {
        tell(format_args!(
            "warning: precision: {reason}; {precision} takes the place of {wanted}"
        ));
    }
    precision
}

/// Reads a dataset and passes on what is noteworthy about it.
fn load_data(source: &DatasetSource, data_dir: Option<&Path>) -> Result<Data> {
    let data = load(source, data_dir)?;
    for note in &data.notes {
        tell(format_args!("note: {note}"));
    }
    Ok(data)
}

/// Lets the CPU backends use `threads` threads, all cores where `None`. To be called once, before
/// any tensor exists.
fn use_threads(threads: Option<usize>) -> Result<()> {
    let Some(threads) = threads else {
        return Ok(());
    };
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .with_context(|| format!("threads: {threads} threads could not be started"))
}
