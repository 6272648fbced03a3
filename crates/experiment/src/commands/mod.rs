//! The verbs of the command line, one file each.

mod bench;
mod data;
mod device;
mod doctor;
mod dry_run;
mod eval;
mod failure;
mod images;
mod jobs;
mod losses;
mod manual;
mod meter;
mod models;
mod pace;
mod progress;
mod report;
mod run;
mod signals;
mod sweep_progress;
mod trial;
mod unfinished;

use std::ops::RangeInclusive;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result, anyhow};
use cifar_models::{MODEL_NAMES, ModelEntry, WIDTH};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Parser, Subcommand};

use crate::data::{Data, DatasetSource, load};
use crate::store::Damage;
use crate::terminal::{Verbosity, inform, set_verbosity};
pub use crate::terminal::{print, tell};

#[cfg(feature = "wgpu")]
use self::device::best_adapter;
use self::device::{open_device, usable_precision};
pub use self::unfinished::Unfinished;

/// Settles which classification loss is better: loss sweeps defined in TOML, trained on a GPU or CPU
#[derive(Debug, Parser)]
#[command(version = manual::VERSION, after_help = manual::EXIT_CODES)]
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
    #[command(after_help = manual::RUN)]
    Run(run::RunArguments),
    #[command(after_help = manual::REPORT)]
    Report(report::ReportArguments),
    #[command(after_help = manual::LOSSES)]
    Losses(losses::LossesArguments),
    #[command(after_help = manual::MODELS)]
    Models(models::ModelsArguments),
    #[command(after_help = manual::DATA)]
    Data(data::DataArguments),
    #[command(after_help = manual::EVAL)]
    Eval(eval::EvalArguments),
    #[command(after_help = manual::BENCH)]
    Bench(bench::BenchArguments),
    #[command(after_help = manual::DOCTOR)]
    Doctor(doctor::DoctorArguments),
    #[command(after_help = manual::COMPLETIONS)]
    Completions(manual::CompletionsArguments),
    #[command(after_help = manual::MAN)]
    Man(manual::ManArguments),
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
        Command::Models(arguments) => models::run(arguments),
        Command::Data(arguments) => data::run(arguments),
        Command::Eval(arguments) => eval::run(arguments),
        Command::Bench(arguments) => bench::run(arguments),
        Command::Doctor(arguments) => doctor::run(arguments),
        Command::Completions(arguments) => manual::print_completions(arguments),
        Command::Man(arguments) => manual::write_pages(arguments),
    }
}

/// Accepts whole numbers in `range`, in the words of a sweep file's check.
fn whole_number<T: FromStr>(
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.and_then(|_| text.parse().ok()).ok_or_else(|| {
            format!(
                "expected a whole number from {} to {}",
                range.start(),
                range.end()
            )
        })
    }
}

/// Accepts as many threads as a sweep file does.
fn thread_count() -> impl Fn(&str) -> Result<u16, String> + Clone {
    whole_number(1..=1024)
}

/// Accepts a model of the table by its name.
fn model() -> impl TypedValueParser<Value = &'static ModelEntry> {
    PossibleValuesParser::new(MODEL_NAMES)
        .map(|name| cifar_models::find(&name).expect("one of the possible values"))
}

/// Refuses `--width` where the model has none.
fn require_width(model: &ModelEntry) -> Result<()> {
    if model.parameter(WIDTH.name).is_none() {
        return Err(BadInput(anyhow!(
            "--width: expected only with a model that has it, found --model {}",
            model.name
        ))
        .into());
    }
    Ok(())
}

/// What the user gave is not what a command expects: place, expectation, found.
#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
pub struct BadInput(anyhow::Error);

/// Names trials that are no longer what they were when they ended; gives their number.
fn tell_damage<'a>(damaged: impl IntoIterator<Item = &'a Damage>) -> usize {
    let told = damaged
        .into_iter()
        .map(|damage| tell(format_args!("error: {damage}")));
    told.count()
}

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
