//! `experiment schema`

use anyhow::Result;
use clap::Args;

use crate::json;
use crate::measure::{ACCURACY, METRICS, Metric};
use crate::sweep::{MetricNames, schema};
use crate::terminal::print;

/// Print the JSON schema of sweep files, with which editors complete and check them
#[derive(Debug, Args)]
pub struct SchemaArguments {}

pub fn run(_: &SchemaArguments) -> Result<()> {
    let names = |is_named: fn(&Metric) -> bool| {
        let metrics = METRICS.iter().filter(|metric| is_named(metric));
        metrics.map(|metric| metric.name).collect()
    };
    print(&json::pretty(&schema(&MetricNames {
        all: names(|_| true),
        directed: names(|metric| metric.better.is_some()),
        default: ACCURACY.name,
    })))
}
