//! `experiment metrics`: the table of metrics.

use anyhow::Result;
use clap::Args;

use crate::measure::{METRICS, Metric};
use crate::terminal::print;
use crate::terminal::table::{Align, Column, NONE, ruled};

/// List the metrics computed at every evaluation: unit, better direction, required network output
#[derive(Debug, Args)]
pub struct MetricsArguments {}

pub fn run(_: &MetricsArguments) -> Result<()> {
    let column =
        |header, cell: fn(&Metric) -> String| Column::new(header, Align::Left, METRICS, cell);
    print(&ruled(vec![
        column("metric", |metric| metric.name.to_owned()),
        column("or", |metric| {
            metric.abbreviation.unwrap_or(NONE).to_owned()
        }),
        column("unit", |metric| metric.unit.to_string()),
        column("better", |metric| {
            let better = metric.better.map(|direction| direction.to_string());
            better.unwrap_or(NONE.to_owned())
        }),
        column("needs", |metric| metric.measure.to_string()),
        column("description", |metric| metric.description.to_owned()),
    ]))
}
