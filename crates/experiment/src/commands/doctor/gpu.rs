//! Tests which configurations of this machine's GPU are correct.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use gpu_device::{AdapterIdentity, KernelOptions};
use serde::Serialize;

use super::Cpu;
use crate::commands::whole_number;
use crate::device::Unavailable;
use crate::doctor::{Check, CompareDevices, Outcome, Tried, Verdict};
use crate::json;
use crate::records::Determinism;
use crate::session::best_adapter;
use crate::settings::PrecisionName;
use crate::terminal::table::{Align, Column, NONE, plain};
use crate::terminal::{inform, print};

#[derive(Debug, Args)]
pub struct GpuArguments {
    /// Ignore cached results and test again
    #[arg(long)]
    again: bool,
    /// Time limit of each configuration; on a GPU's first use, tuning its kernels takes minutes
    #[arg(long, value_name = "SECONDS", default_value_t = 900, value_parser = whole_number::<u64>(1..=86_400))]
    time_limit: u64,
    /// Show every comparison
    #[arg(long)]
    all: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    cpu: &'a Cpu,
    adapter: &'a AdapterIdentity,
    #[serde(rename = "combinations")]
    tested: Vec<Row<'a>>,
    /// The options used for training.
    chosen: Option<KernelOptions>,
}

#[derive(Serialize)]
struct Row<'a> {
    verdict: &'static str,
    reason: String,
    deterministic: bool,
    #[serde(flatten)]
    tried: &'a Tried,
}

pub fn run(cpu: &Cpu, arguments: &GpuArguments, json: bool) -> Result<()> {
    let adapter = best_adapter();
    if !json {
        print(&cpu.text())?;
    }
    let adapter = adapter?;
    let limit = Duration::from_secs(arguments.time_limit);
    let tested = KernelOptions::of(&adapter);
    let mut verdict = Verdict::known(&adapter.identity)?;
    let mut tried: Vec<Tried> = Vec::new();
    for options in &tested {
        if arguments.again {
            verdict.forget(*options);
        }
        // Options that are wrong in f32 are never used, so they need not be tested in mixed precision.
        for precision in [PrecisionName::F32, PrecisionName::Mixed] {
            let task = CompareDevices {
                options: *options,
                precision,
            };
            let announce = || inform(format_args!("testing {options} in {precision}"));
            let outcome = verdict.known_or_tried(task, limit, announce)?;
            tried.push(outcome.clone());
            if !outcome.is_right() {
                break;
            }
        }
    }
    let chosen = verdict.chosen(&tested);
    if json {
        let tested = tried.iter().map(row).collect();
        let report = Report {
            cpu,
            adapter: &adapter.identity,
            tested,
            chosen,
        };
        print(&json::pretty(&report))?;
    } else {
        print(&table(&adapter.identity, &tried, chosen))?;
        print(
            &tried
                .iter()
                .map(|tried| details(tried, arguments.all))
                .collect::<String>(),
        )?;
    }
    chosen.map(|_| ()).ok_or_else(|| {
        let message = format!("{}: no configuration passed", adapter.identity.name);
        Unavailable::Backend(message).into()
    })
}

fn row(tried: &Tried) -> Row<'_> {
    Row {
        verdict: tried.verdict(),
        reason: tried.reason(),
        deterministic: tried.determinism() == Determinism::Bitwise,
        tried,
    }
}

fn table(adapter: &AdapterIdentity, tried: &[Tried], chosen: Option<KernelOptions>) -> String {
    let software = if adapter.software { ", software" } else { "" };
    let left = |header, cell: fn(&Tried) -> String| Column::new(header, Align::Left, tried, cell);
    let columns = plain(vec![
        left("kernels", |tried| tried.options.to_string()),
        left("precision", |tried| tried.precision.to_string()),
        left("verdict", |tried| tried.verdict().to_owned()),
        left("deterministic", |tried| {
            yes_or_no(tried, tried.determinism() == Determinism::Bitwise)
        }),
        Column::new("seconds", Align::Right, tried, |tried| {
            format!("{:.0}", tried.seconds)
        }),
        left("worst comparison", Tried::reason),
    ]);
    let text = format!(
        "{} ({}{software}), driver {}\n\n{columns}",
        adapter.name, adapter.api, adapter.driver
    );
    text + &match chosen {
        Some(chosen) => format!("\ntrains with {chosen}\n"),
        None => "\nno configuration passed: train on the CPU, or update the driver\n".to_owned(),
    }
}

fn yes_or_no(tried: &Tried, yes: bool) -> String {
    match (&tried.outcome, yes) {
        (Outcome::Compared(_), true) => "yes",
        (Outcome::Compared(_), false) => "no",
        _ => NONE,
    }
    .to_owned()
}

/// The comparisons that failed, or all of them, worst first.
fn details(tried: &Tried, all: bool) -> String {
    let Outcome::Compared(side) = &tried.outcome else {
        return String::new();
    };
    let mut checks: Vec<&Check> = (side.checks())
        .filter(|check| all || !check.passes())
        .collect();
    checks.sort_by(|a, b| b.share().total_cmp(&a.share()));
    let lines = checks.iter().map(|check| {
        let mark = if check.passes() { "" } else { "  WRONG" };
        format!("  {}: {}{mark}\n", check.what, check.error_text())
    });
    let lines: String = lines.collect();
    if lines.is_empty() {
        return lines;
    }
    format!("\n{}, {}\n{lines}", tried.options, tried.precision)
}
