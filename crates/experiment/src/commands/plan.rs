//! `experiment plan FILE`

use std::fmt::Write;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use crate::device::use_threads;
use crate::forecast::{Forecast, Power, SeedsForecast, StageForecast, forecast};
use crate::json;
use crate::session::{State, declare, open_device};
use crate::settings::{BackendChoice, PrecisionName};
use crate::store::Store;
use crate::sweep;
use crate::terminal::print;
use crate::terminal::table::{self, Align, Column};
use crate::terminal::text::duration;

/// Show what a sweep will cost and what its seeds can decide, before it runs
#[derive(Debug, Args)]
pub struct PlanArguments {
    /// Sweep file, such as experiments/blog-question.toml
    file: PathBuf,
    /// Backend to measure; overrides the file
    #[arg(long)]
    backend: Option<BackendChoice>,
    /// Folder of the results [default: runs/NAME]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Standard deviation of the metric between runs of one loss, assumed until three seeds of a claim have ended; percentage points for accuracy, 0.16 for CIFAR-10 at 95 %
    #[arg(long, value_name = "POINTS", value_parser = positive)]
    standard_deviation: Option<f64>,
    /// Write the plan into the store, which is made if there is none, so that `experiment work` can begin
    #[arg(long)]
    declare: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &PlanArguments) -> Result<()> {
    let (sweep, toml) = sweep::read(&arguments.file)?;
    let default_store = || Path::new("runs").join(&sweep.name);
    let folder = arguments.store.clone().unwrap_or_else(default_store);
    let store = Store::open_if_there(&folder)?;
    // The process ends after this: to free thousands of results would take it a sixth of its time.
    let mut state = ManuallyDrop::new(State::of(store.as_ref()));
    let study = state.study(&sweep)?;
    use_threads(sweep.execution.threads)?;
    let backend = arguments.backend.unwrap_or(sweep.execution.backend);
    let device = open_device(backend, PrecisionName::F32)?;
    let deviation = arguments.standard_deviation;
    let forecast = forecast(&study, &state, store.as_ref(), &device, deviation)?;
    if arguments.declare {
        declare(&Store::create_or_open(&folder)?, &study, &toml)?;
    }
    if arguments.json {
        return print(&json::pretty(&forecast));
    }
    print(&text(&forecast, study.is_until_decided()))
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse().ok();
    let number = number.filter(|number: &f64| *number > 0.0 && *number <= 1e6);
    number.ok_or_else(|| "expected a number above 0, at most 1000000".to_owned())
}

fn text(forecast: &Forecast, is_until_decided: bool) -> String {
    let at_most = if is_until_decided { "at most " } else { "" };
    let mut text = stages_table(&forecast.stages);
    let cost = &forecast.cost;
    let time = duration(Duration::from_secs_f64(cost.time_s_left));
    let _ = write!(text, "\ntime left: {at_most}{time} on {}", cost.device);
    let speeds = cost.images_per_second.iter();
    let speeds: Vec<String> = speeds.map(|speed| format!("{speed:.0} images/s")).collect();
    if !speeds.is_empty() {
        let _ = write!(text, " ({}, measured now)", speeds.join(", "));
    }
    text.push('\n');
    let megabytes = cost.disk_bytes_left as f64 / 1e6;
    let _ = writeln!(text, "disk: {at_most}{megabytes:.0} MB more");
    for (index, claim) in forecast.claims.iter().enumerate() {
        let _ = write!(text, "\n{}. {}", index + 1, claim_text(claim));
    }
    for warning in &forecast.warnings {
        let _ = write!(text, "\nwarning: {warning}\n");
    }
    text
}

/// A row per stage.
pub fn stages_table(stages: &[StageForecast]) -> String {
    let text =
        |header, cell: fn(&StageForecast) -> String| Column::new(header, Align::Left, stages, cell);
    let count = |header, cell: fn(&StageForecast) -> usize| {
        Column::new(header, Align::Right, stages, |stage| {
            cell(stage).to_string()
        })
    };
    table::ruled(vec![
        text("stage", |it| it.stage.to_owned()),
        count("trials", |it| it.trials),
        count("new", |it| it.new),
        count("interrupted", |it| it.interrupted),
        count("running", |it| it.running),
        count("done", |it| it.done),
        count("diverged", |it| it.diverged),
        count("failed", |it| it.failed),
        count("damaged", |it| it.damaged),
    ])
}

fn claim_text(claim: &Power) -> String {
    let Power {
        better,
        than,
        metric,
        margin,
        ..
    } = claim;
    let mut text = format!("{better} better than {than}: {metric}, margin {margin}\n");
    let Some(spread) = &claim.spread else {
        return text
            + "   what the seeds can decide is not known until three seeds have ended, or with --standard-deviation\n";
    };
    let source = if spread.is_assumed {
        "assumed"
    } else {
        "measured"
    };
    let of = if claim.paired {
        "of a pair's difference"
    } else {
        "of a run"
    };
    let deviation = spread.standard_deviation;
    let _ = writeln!(
        text,
        "   standard deviation {of}: {deviation:.3} ({source})"
    );
    text + &seeds_text(&spread.seeds, *margin)
}

fn seeds_text(seeds: &SeedsForecast, margin: f64) -> String {
    let mut text = String::new();
    match seeds {
        SeedsForecast::Fixed {
            seeds,
            detectable_difference,
            seeds_for_margin,
        } => {
            let _ = match detectable_difference {
                Some(difference) => writeln!(
                    text,
                    "   {seeds} seeds per loss find a difference of {difference:.2} in 80 % of sweeps"
                ),
                None => writeln!(text, "   one seed decides nothing: add seeds"),
            };
            if margin > 0.0 {
                let needed = seeds_for_margin
                    .map_or("more than 10,000".to_owned(), |seeds| seeds.to_string());
                let _ = writeln!(
                    text,
                    "   a difference as large as the margin needs {needed} seeds per loss"
                );
            }
        }
        SeedsForecast::UntilDecided {
            at_most,
            if_different,
            if_equal,
        } => {
            let cases = [
                ("if the difference is", if_different),
                ("if it is", if_equal),
            ];
            for (case, ending) in cases {
                let _ = writeln!(
                    text,
                    "   {case} {:.2}: decided in {:.0} % of sweeps, after {:.1} seeds on average, at most {at_most}",
                    ending.difference,
                    100.0 * ending.decided,
                    ending.seeds_mean,
                );
            }
        }
    }
    text
}
