//! The verbs of the command line, one file each.

mod bench;
mod data;
mod device;
mod doctor;
mod eval;
mod failure;
mod images;
mod jobs;
mod losses;
mod meter;
mod pace;
mod progress;
mod report;
mod run;
mod signals;
mod sweep_progress;
mod trial;

use std::path::Path;

use anyhow::{Context, Result};
use clap::builder::RangedI64ValueParser;
use clap::{Parser, Subcommand};

use crate::data::{Data, DatasetSource, load};
use crate::terminal::{Verbosity, inform, set_verbosity};
pub use crate::terminal::{print, tell};

#[cfg(feature = "wgpu")]
use self::device::best_adapter;
use self::device::{open_device, usable_precision};
pub use self::run::Unfinished;

/// Settles which classification loss is better: loss sweeps defined in TOML, trained on a GPU or CPU
#[derive(Debug, Parser)]
#[command(version, disable_help_subcommand = true)]
pub struct CommandLine {
    #[command(subcommand)]
    command: Command,
    /// Only results, warnings and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Everything: on a terminal too a line per epoch, checkpoints, kernels
    #[arg(short, long, global = true)]
    verbose: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::RunArguments),
    Report(report::ReportArguments),
    Losses(losses::LossesArguments),
    Data(data::DataArguments),
    Eval(eval::EvalArguments),
    Bench(bench::BenchArguments),
    Doctor(doctor::DoctorArguments),
}

/// Does what the command line asks for.
pub fn execute(command_line: &CommandLine) -> Result<()> {
    set_verbosity(match (command_line.quiet, command_line.verbose) {
        (true, _) => Verbosity::Quiet,
        (_, true) => Verbosity::Verbose,
        _ => Verbosity::Normal,
    });
    match &command_line.command {
        Command::Run(arguments) => run::run(arguments),
        Command::Report(arguments) => report::run(arguments),
        Command::Losses(arguments) => losses::run(arguments),
        Command::Data(arguments) => data::run(arguments),
        Command::Eval(arguments) => eval::run(arguments),
        Command::Bench(arguments) => bench::run(arguments),
        Command::Doctor(arguments) => doctor::run(arguments),
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

/// Reads a dataset and passes on what is noteworthy about it.
fn load_data(source: &DatasetSource, data_dir: Option<&Path>) -> Result<Data> {
    let data = load(source, data_dir)?;
    for note in &data.notes {
        inform(format_args!("note: {note}"));
    }
    Ok(data)
}

/// Lets the CPU backends use `threads` threads, all cores where `None`. To be called once, before
/// any tensor exists, on the thread that computes.
///
/// That thread is one of them: handing each small operation to another thread and waiting for it would
/// take longer than many of them.
fn use_threads(threads: Option<usize>) -> Result<()> {
    // 0 leaves it to rayon, which takes all cores.
    let threads = threads.unwrap_or(0);
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .use_current_thread()
        .build_global()
        .with_context(|| format!("threads: {threads} threads could not be started"))
}
