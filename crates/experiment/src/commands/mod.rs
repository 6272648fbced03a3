//! The verbs of the command line, one file each.

mod bench;
mod data;
mod eval;
mod losses;
mod progress;
mod report;
mod run;
mod trial;

use std::num::NonZeroUsize;
use std::path::Path;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use crate::data::{Data, DatasetSource};

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

/// Reads a dataset and passes on what is noteworthy about it.
fn load_data(source: &DatasetSource, data_dir: Option<&Path>) -> Result<Data> {
    let data = crate::data::load(source, data_dir)?;
    for note in &data.notes {
        eprintln!("note: {note}");
    }
    Ok(data)
}

/// Lets the CPU backends use `threads` threads, all cores where `None`. To be called once, before
/// any tensor exists.
fn use_threads(threads: Option<NonZeroUsize>) -> Result<()> {
    let Some(threads) = threads else {
        return Ok(());
    };
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.get())
        .build_global()
        .with_context(|| format!("threads: {threads} threads could not be started"))
}
