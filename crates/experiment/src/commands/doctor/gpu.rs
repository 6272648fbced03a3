//! Which ways of computing on this machine's GPU are right.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use gpu_device::{AdapterIdentity, Combination};
use serde::Serialize;

use super::Cpu;
use crate::commands::whole_number;
use crate::device::Unavailable;
use crate::doctor::{Check, Outcome, Side, Tried, Verdict, try_in_child};
use crate::json;
use crate::session::best_adapter;
use crate::terminal::table::{Align, Column, NONE, plain};
use crate::terminal::{inform, print};

#[derive(Debug, Args)]
pub struct GpuArguments {
    /// Try again what has been tried before
    #[arg(long)]
    again: bool,
    /// How long each way may take; the first use of a GPU tunes its kernels for minutes
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
    combinations: Vec<Row<'a>>,
    /// The combination that trains.
    chosen: Option<Combination>,
}

#[derive(Serialize)]
struct Row<'a> {
    verdict: &'static str,
    ground: String,
    deterministic: bool,
    /// Why it does not train in mixed precision; null where it does.
    mixed_unavailable: Option<&'static str>,
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
    let combinations = Combination::of(&adapter);
    let mut verdict = Verdict::known(&adapter.identity)?;
    for combination in &combinations {
        if arguments.again || verdict.of(*combination).is_none() {
            inform(format_args!("trying {combination}"));
            verdict.add(try_in_child(*combination, limit)?)?;
        }
    }
    let tried: Vec<&Tried> = (combinations.iter())
        .filter_map(|combination| verdict.of(*combination))
        .collect();
    let chosen = verdict.chosen(&combinations).map(|tried| tried.combination);
    if json {
        let combinations = tried.into_iter().map(row).collect();
        let report = Report {
            cpu,
            adapter: &adapter.identity,
            combinations,
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
        let message = format!(
            "{}: no way of computing on it is right",
            adapter.identity.name
        );
        Unavailable::Backend(message).into()
    })
}

fn row(tried: &Tried) -> Row<'_> {
    Row {
        verdict: tried.verdict(),
        ground: tried.ground(),
        deterministic: tried.is_deterministic(),
        mixed_unavailable: tried.mixed_unavailable(),
        tried,
    }
}

fn table(adapter: &AdapterIdentity, tried: &[&Tried], chosen: Option<Combination>) -> String {
    let software = if adapter.software { ", software" } else { "" };
    let left = |header, cell: fn(&&Tried) -> String| Column::new(header, Align::Left, tried, cell);
    let columns = plain(vec![
        left("kernels", |tried| tried.combination.to_string()),
        left("verdict", |tried| tried.verdict().to_owned()),
        left("mixed", |tried| {
            yes_or_no(tried, tried.mixed_unavailable().is_none())
        }),
        left("same bits", |tried| {
            yes_or_no(tried, tried.is_deterministic())
        }),
        Column::new("seconds", Align::Right, tried, |tried| {
            format!("{:.0}", tried.seconds)
        }),
        left("worst of all comparisons", |tried| tried.ground()),
    ]);
    let text = format!(
        "{} ({}{software}), driver {}\n\n{columns}",
        adapter.name, adapter.api, adapter.driver
    );
    text + &match chosen {
        Some(chosen) => format!("\ntrains with {chosen}\n"),
        None => "\nnone is right: train on the CPU, or update the driver\n".to_owned(),
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
    let Outcome::Compared(comparison) = &tried.outcome else {
        return String::new();
    };
    let sides = [Some(&comparison.f32), comparison.mixed.as_ref()];
    let checks = sides.into_iter().flatten().flat_map(Side::checks);
    let mut checks: Vec<&Check> = checks.filter(|check| all || !check.passes()).collect();
    checks.sort_by(|a, b| b.share().total_cmp(&a.share()));
    let lines = checks.iter().map(|check| {
        let mark = if check.passes() { "" } else { "  WRONG" };
        format!("  {}: {}{mark}\n", check.what, check.error_text())
    });
    let lines: String = lines.collect();
    if lines.is_empty() {
        return lines;
    }
    format!("\n{}\n{lines}", tried.combination)
}
