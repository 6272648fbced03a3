//! The subcommands of the command line, one file each.

mod bench;
mod child;
mod data;
mod declared;
mod diff;
mod doctor;
mod dry_run;
mod eval;
mod export;
mod hq;
mod losses;
mod manual;
mod metrics;
mod models;
mod page;
mod plan;
mod report;
mod run;
mod schema;
mod show;
mod slurm;
mod status;
mod submission;
mod training;
mod verify;
mod work;

use std::ops::RangeInclusive;
use std::str::FromStr;

use anyhow::{Result, anyhow};
use cifar_models::{MODEL_NAMES, ModelEntry, WIDTH};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Parser, Subcommand};

use crate::child::say_failed;
use crate::datasets::{DATASET_NAMES, Dataset};
use crate::exit::{BadInput, Exit};
use crate::measure::{METRICS, Metric};
use crate::sweep::Diagnostics;
use crate::terminal::{Verbosity, set_verbosity, tell};

/// Find out which classification loss is better: loss sweeps defined in TOML, trained on a GPU or CPU
#[derive(Debug, Parser)]
#[command(version = manual::VERSION, after_help = manual::exit_codes())]
pub struct CommandLine {
    #[command(subcommand)]
    command: Command,
    /// Print only results, warnings and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Print more: checkpoints, kernels, and a line per epoch on a terminal too
    #[arg(short, long, global = true)]
    verbose: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(after_help = manual::RUN)]
    Run(run::RunArguments),
    #[command(after_help = manual::PLAN)]
    Plan(plan::PlanArguments),
    #[command(after_help = manual::WORK)]
    Work(work::WorkArguments),
    #[command(after_help = manual::SLURM)]
    Slurm(slurm::SlurmArguments),
    #[command(after_help = manual::HQ)]
    Hq(hq::HqArguments),
    #[command(after_help = manual::STATUS)]
    Status(status::StatusArguments),
    #[command(after_help = manual::REPORT)]
    Report(report::ReportArguments),
    #[command(after_help = manual::SHOW)]
    Show(show::ShowArguments),
    #[command(after_help = manual::DIFF)]
    Diff(diff::DiffArguments),
    #[command(after_help = manual::EXPORT)]
    Export(export::ExportArguments),
    #[command(after_help = manual::SCHEMA)]
    Schema(schema::SchemaArguments),
    #[command(after_help = manual::VERIFY)]
    Verify(verify::VerifyArguments),
    #[command(after_help = manual::LOSSES)]
    Losses(losses::LossesArguments),
    #[command(after_help = manual::MODELS)]
    Models(models::ModelsArguments),
    #[command(after_help = manual::METRICS)]
    Metrics(metrics::MetricsArguments),
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
    /// Run a task for another process, which describes it on standard input
    #[command(hide = true)]
    Child,
}

/// Does what the command line asks for.
pub fn execute(command_line: &CommandLine) -> Result<Exit> {
    refuse_tilde()?;
    set_verbosity(match (command_line.quiet, command_line.verbose) {
        (true, _) => Verbosity::Quiet,
        (_, true) => Verbosity::Verbose,
        _ => Verbosity::Normal,
    });
    match &command_line.command {
        Command::Run(arguments) => run::run(arguments)?,
        Command::Plan(arguments) => plan::run(arguments)?,
        Command::Work(arguments) => work::run(arguments)?,
        Command::Slurm(arguments) => slurm::run(arguments)?,
        Command::Hq(arguments) => hq::run(arguments)?,
        Command::Status(arguments) => status::run(arguments)?,
        Command::Report(arguments) => return report::run(arguments),
        Command::Show(arguments) => show::run(arguments)?,
        Command::Diff(arguments) => diff::run(arguments)?,
        Command::Export(arguments) => export::run(arguments)?,
        Command::Schema(arguments) => schema::run(arguments)?,
        Command::Verify(arguments) => return verify::run(arguments),
        Command::Losses(arguments) => losses::run(arguments)?,
        Command::Models(arguments) => models::run(arguments)?,
        Command::Metrics(arguments) => metrics::run(arguments)?,
        Command::Data(arguments) => data::run(arguments)?,
        Command::Eval(arguments) => eval::run(arguments)?,
        Command::Bench(arguments) => bench::run(arguments)?,
        Command::Doctor(arguments) => doctor::run(arguments)?,
        Command::Completions(arguments) => manual::print_completions(arguments)?,
        Command::Man(arguments) => manual::write_pages(arguments)?,
        Command::Child => return child::run(),
    }
    Ok(Exit::Done)
}

/// Reports why the command line could not be executed.
pub fn tell_error(command_line: &CommandLine, error: &anyhow::Error) {
    match (&command_line.command, error.downcast_ref::<Diagnostics>()) {
        (Command::Child, _) => say_failed(format!("{error:#}")),
        (_, Some(diagnostics)) => diagnostics.print(),
        (_, None) => tell(format_args!("error: {error:#}")),
    }
}

/// Accepts integers in `range`, in the words of a sweep file's check.
fn whole_number<T: FromStr>(
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.and_then(|_| text.parse().ok()).ok_or_else(|| {
            format!(
                "expected an integer from {} to {}",
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

/// Accepts a dataset of the table by its name.
fn dataset() -> impl TypedValueParser<Value = &'static Dataset> {
    PossibleValuesParser::new(DATASET_NAMES)
        .map(|name| Dataset::find(&name).expect("one of the possible values"))
}

/// Accepts a metric of the table by its name or abbreviation.
fn metric() -> impl TypedValueParser<Value = &'static Metric> {
    let names = METRICS.iter().map(|metric| {
        let name = PossibleValue::new(metric.name);
        name.aliases(metric.abbreviation)
    });
    PossibleValuesParser::new(names)
        .map(|name| Metric::find(&name).expect("one of the possible values"))
}

/// Rejects `--width` if the model has none.
fn require_width(model: &ModelEntry) -> Result<()> {
    if model.parameter(WIDTH.name).is_none() {
        return Err(BadInput(anyhow!(
            "--width: expected only with a model that supports it, found --model {}",
            model.name
        ))
        .into());
    }
    Ok(())
}

/// Refuses a path that begins with a `~` that the shell left, as bash does after `=`: a folder of that name is hard to
/// remove without harm.
fn refuse_tilde() -> Result<()> {
    for argument in std::env::args_os().skip(1) {
        let argument = argument.to_string_lossy();
        let value = match argument.split_once('=') {
            Some((option, value)) if option.starts_with("--") => value,
            _ => &argument,
        };
        if value == "~" || value.starts_with("~/") {
            return Err(BadInput(anyhow!(
                "{argument}: expected a path, found a ~ that the shell did not replace: remove the quotes, leave a space before it, or write $HOME; ./~ is a folder of that name"
            ))
            .into());
        }
    }
    Ok(())
}
