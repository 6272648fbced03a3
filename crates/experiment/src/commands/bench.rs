//! `experiment bench`: how fast this machine trains.

use anyhow::Result;
use clap::Args;

use super::print;
use crate::bench::{BenchRow, bench_training};
use crate::sweep::BackendChoice;

/// Measure training images per second of the bare model on one fixed batch
#[derive(Debug, Args)]
pub struct BenchArguments {
    /// What computes
    #[arg(long, default_value = "auto")]
    backend: BackendChoice,
    /// Channels of the first stage
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    width: u16,
    /// Images in a step
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    batch: u32,
    /// Threads of the CPU backends; all cores by default
    #[arg(long, value_parser = super::thread_count())]
    threads: Option<u16>,
    /// Measured steps, after a warm-up
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    steps: u32,
    /// Print an array of rows for programs
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &BenchArguments) -> Result<()> {
    super::use_threads(arguments.threads.map(usize::from))?;
    let device = super::open_device(arguments.backend)?;
    let row = bench_training(
        &device,
        usize::from(arguments.width),
        arguments.batch as usize,
        arguments.steps as usize,
    )?;
    if arguments.json {
        print(&(serde_json::to_string_pretty(&[row])? + "\n"))
    } else {
        print(&table(&row))
    }
}

fn table(row: &BenchRow) -> String {
    let [slowest, fastest] = row.images_per_second_range;
    format!(
        "training step of resnet18, width {}, batch {}, on {} ({}), {} threads\n\
         images per second: {:.1} (median of {} steps; {slowest:.1} to {fastest:.1})\n",
        row.width,
        row.batch,
        row.backend,
        row.device,
        row.threads,
        row.images_per_second,
        row.steps,
    )
}
