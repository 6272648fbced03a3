//! `experiment bench`: how fast this machine trains.

mod tables;

use std::time::Instant;

use anyhow::Result;
use cifar_models::ModelEntry;
use clap::Args;
use training_kernels::Instructions;

use crate::bench::{BenchRow, MeasureRow, Mode, Setting, bench, bench_layers, measure_apart};
use crate::device::{Unavailable, use_threads};
use crate::json;
use crate::session::{open_device, usable_precision};
use crate::settings::{BackendChoice, PrecisionName};
use crate::terminal::print;

/// Measure images per second and peak memory of the bare model on one fixed batch
///
/// The options from --backend to --instructions take lists, such as --width 16,64; every combination is a
/// row, measured in a separate process.
#[derive(Debug, Args)]
pub struct BenchArguments {
    /// Backend to use
    #[arg(long, default_value = "auto", value_delimiter = ',')]
    backend: Vec<BackendChoice>,
    /// Kind of step to measure
    #[arg(long, default_values = ["training", "inference"], value_delimiter = ',')]
    mode: Vec<Mode>,
    /// Precision of the convolutions; a device that does not support mixed (every CPU) uses f32
    #[arg(long, default_value = "f32", value_delimiter = ',')]
    precision: Vec<PrecisionName>,
    /// The network
    #[arg(long, default_value = "resnet18", value_delimiter = ',', value_parser = super::model())]
    model: Vec<&'static ModelEntry>,
    /// Channels of the first stage; the standard network's by default
    #[arg(long, value_delimiter = ',', value_parser = super::whole_number::<u16>(1..=1024))]
    width: Vec<u16>,
    /// Images per step
    #[arg(long, default_value = "128", value_delimiter = ',', value_parser = super::whole_number::<u32>(1..=65_536))]
    batch: Vec<u32>,
    /// Number of threads of the CPU backends; all cores by default
    #[arg(long, value_delimiter = ',', value_parser = super::thread_count())]
    threads: Vec<u16>,
    /// Vector instructions of the CPU kernels, such as avx2,avx512; by default EXPERIMENT_INSTRUCTIONS,
    /// otherwise the widest that this machine supports
    #[arg(long, value_delimiter = ',')]
    instructions: Vec<Instructions>,
    /// Number of steps to measure, after a warm-up
    #[arg(long, default_value_t = 5, value_parser = super::whole_number::<u32>(1..=1_000_000))]
    steps: u32,
    /// Show where a training step spends its time, layer by layer
    #[arg(long)]
    layers: bool,
    /// Print the rows as a JSON array
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &BenchArguments) -> Result<()> {
    if !arguments.width.is_empty() {
        (arguments.model.iter()).try_for_each(|model| super::require_width(model))?;
    }
    let tasks = tasks(arguments, Instant::now());
    // Before the first of many processes.
    Instructions::chosen().map_err(Unavailable::Instructions)?;
    let rows = match tasks.as_slice() {
        // Instructions are a process's, chosen when it starts.
        [row] if row.setting.instructions.is_none() => vec![measure_here(row)?],
        several => several.iter().map(measure_apart).collect::<Result<_>>()?,
    };
    if arguments.json {
        return print(&json::pretty(&rows));
    }
    print(&tables::all(&rows))
}

/// Every combination, in the order of the lists.
fn tasks(arguments: &BenchArguments, process_start: Instant) -> Vec<MeasureRow> {
    let threads = or_default(&arguments.threads);
    let widths = or_default(&arguments.width);
    let models = arguments.model.iter();
    let networks: Vec<(&'static ModelEntry, Option<u16>)> = models
        .flat_map(|model| widths.iter().map(|width| (*model, *width)))
        .collect();
    let mut tasks = Vec::new();
    for backend in &arguments.backend {
        let instructions = match backend {
            BackendChoice::Wgpu => vec![None],
            _ => or_default(&arguments.instructions),
        };
        for precision in &arguments.precision {
            for (model, width) in &networks {
                for batch in &arguments.batch {
                    for threads in &threads {
                        for mode in &arguments.mode {
                            tasks.extend(instructions.iter().map(|instructions| MeasureRow {
                                setting: Setting {
                                    backend: *backend,
                                    mode: *mode,
                                    precision: *precision,
                                    model,
                                    width: width.map(usize::from),
                                    batch: *batch as usize,
                                    threads: threads.map(usize::from),
                                    instructions: *instructions,
                                    steps: arguments.steps as usize,
                                    process_start,
                                },
                                layers: arguments.layers,
                            }));
                        }
                    }
                }
            }
        }
    }
    tasks
}

/// The values of a list, or the default where it is empty.
fn or_default<T: Copy>(values: &[T]) -> Vec<Option<T>> {
    if values.is_empty() {
        vec![None]
    } else {
        values.iter().copied().map(Some).collect()
    }
}

/// Measures a row in this process.
pub fn measure_here(task: &MeasureRow) -> Result<BenchRow> {
    let MeasureRow { setting, layers } = task;
    use_threads(setting.threads)?;
    let device = open_device(setting.backend, setting.precision)?;
    let setting = &Setting {
        precision: usable_precision(&device, setting.precision),
        ..*setting
    };
    let mut row = bench(&device, setting)?;
    if *layers && setting.mode == Mode::Training {
        let step_s = setting.batch as f64 / row.images_per_second;
        row.layers = bench_layers(&device, setting, step_s)?;
    }
    Ok(row)
}
