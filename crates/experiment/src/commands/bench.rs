//! `experiment bench`: how fast this machine trains.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use cifar_models::ModelEntry;
use clap::Args;
use training_kernels::Instructions;

use super::print;
use crate::bench::{BenchRow, LayerRow, Mode, Setting, bench, bench_layers};
use crate::device::Unavailable;
use crate::json;
use crate::sweep::{BackendChoice, PrecisionName};

/// Measure images per second and peak memory of the bare model on one fixed batch
///
/// The options from --backend to --instructions take lists, such as --width 16,64; every combination is a
/// row, measured in a process of its own.
#[derive(Debug, Args)]
pub struct BenchArguments {
    /// What computes
    #[arg(long, default_value = "auto", value_delimiter = ',')]
    backend: Vec<BackendChoice>,
    /// What a step is
    #[arg(long, default_values = ["training", "inference"], value_delimiter = ',')]
    mode: Vec<Mode>,
    /// What convolutions compute in; a device that cannot compute in mixed (every CPU) computes in f32
    #[arg(long, default_value = "f32", value_delimiter = ',')]
    precision: Vec<PrecisionName>,
    /// The network
    #[arg(long, default_value = "resnet18", value_delimiter = ',', value_parser = super::model())]
    model: Vec<&'static ModelEntry>,
    /// Channels of the first stage; the standard network's by default
    #[arg(long, value_delimiter = ',', value_parser = super::whole_number::<u16>(1..=1024))]
    width: Vec<u16>,
    /// Images in a step
    #[arg(long, default_value = "128", value_delimiter = ',', value_parser = super::whole_number::<u32>(1..=65_536))]
    batch: Vec<u32>,
    /// Threads of the CPU backends; all cores by default
    #[arg(long, value_delimiter = ',', value_parser = super::thread_count())]
    threads: Vec<u16>,
    /// Instructions of the CPU's kernels, such as avx2,avx512; by default those of EXPERIMENT_INSTRUCTIONS,
    /// else the widest of this machine
    #[arg(long, value_delimiter = ',')]
    instructions: Vec<Instructions>,
    /// Measured steps, after a warm-up
    #[arg(long, default_value_t = 5, value_parser = super::whole_number::<u32>(1..=1_000_000))]
    steps: u32,
    /// Show where a training step spends its time, layer by layer
    #[arg(long)]
    layers: bool,
    /// Print an array of rows for programs
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &BenchArguments) -> Result<()> {
    if !arguments.width.is_empty() {
        (arguments.model.iter()).try_for_each(|model| super::require_width(model))?;
    }
    let settings = settings(arguments, Instant::now());
    // Before the first of many processes.
    Instructions::chosen().map_err(Unavailable::Instructions)?;
    let rows = match settings.as_slice() {
        // Instructions are a process's, chosen when it starts.
        [setting] if setting.instructions.is_none() => {
            vec![measured_here(setting, arguments.layers)?]
        }
        several => several
            .iter()
            .map(|setting| measured_apart(setting, arguments.layers))
            .collect::<Result<_>>()?,
    };
    if arguments.json {
        return print(&json::pretty(&rows));
    }
    print(&table(&rows))?;
    print(&phases_table(&rows))?;
    for row in rows.iter().filter(|row| !row.layers.is_empty()) {
        print(&layer_table(row))?;
    }
    Ok(())
}

/// Every combination, in the order of the lists.
fn settings(arguments: &BenchArguments, process_start: Instant) -> Vec<Setting> {
    let threads = or_default(&arguments.threads);
    let widths = or_default(&arguments.width);
    let models = arguments.model.iter();
    let networks: Vec<(&'static ModelEntry, Option<u16>)> = models
        .flat_map(|model| widths.iter().map(|width| (*model, *width)))
        .collect();
    let mut settings = Vec::new();
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
                            settings.extend(instructions.iter().map(|instructions| Setting {
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
                            }));
                        }
                    }
                }
            }
        }
    }
    settings
}

/// The values of a list, or the default where it is empty.
fn or_default<T: Copy>(values: &[T]) -> Vec<Option<T>> {
    if values.is_empty() {
        vec![None]
    } else {
        values.iter().copied().map(Some).collect()
    }
}

fn measured_here(setting: &Setting, layers: bool) -> Result<BenchRow> {
    super::use_threads(setting.threads)?;
    let device = super::open_device(setting.backend)?;
    let setting = &Setting {
        precision: super::usable_precision(&device, setting.precision),
        ..*setting
    };
    let mut row = bench(&device, setting)?;
    if layers && setting.mode == Mode::Training {
        let step_s = setting.batch as f64 / row.images_per_second;
        row.layers = bench_layers(&device, setting, step_s)?;
    }
    Ok(row)
}

/// Measures in a process of its own: a peak of memory, a number of threads and the instructions are a
/// process's.
fn measured_apart(setting: &Setting, layers: bool) -> Result<BenchRow> {
    let program = std::env::current_exe().context("bench: this program's own file")?;
    let mut arguments = format!(
        "bench --json --backend {} --mode {} --precision {} --model {} --batch {} --steps {}",
        setting.backend,
        setting.mode.name(),
        setting.precision,
        setting.model.name,
        setting.batch,
        setting.steps,
    );
    if let Some(width) = setting.width {
        arguments += &format!(" --width {width}");
    }
    if let Some(threads) = setting.threads {
        arguments += &format!(" --threads {threads}");
    }
    if layers {
        arguments += " --layers";
    }
    let mut process = Command::new(program);
    if let Some(instructions) = setting.instructions {
        process.env(Instructions::VARIABLE, instructions.name());
    }
    let output = process
        .args(arguments.split(' '))
        .stderr(Stdio::inherit())
        .output()
        .context("bench: a row's own process")?;
    if !output.status.success() {
        bail!("bench: `{arguments}` ended with {}", output.status);
    }
    let rows: Vec<BenchRow> = serde_json::from_slice(&output.stdout).context("bench: a row")?;
    rows.into_iter().next().context("bench: no row")
}

fn table(rows: &[BenchRow]) -> String {
    let mut text = String::from(
        "backend   instructions  mode       precision  model     width  batch  threads  images/s  slowest  fastest  peak MB\n",
    );
    for row in rows {
        let [slowest, fastest] = row.images_per_second_range;
        let memory = (row.peak_memory_bytes)
            .map_or("–".to_owned(), |bytes| (bytes / 1_000_000).to_string());
        text += &format!(
            "{:<8}  {:<12}  {:<9}  {:<9}  {:<8}  {:>5}  {:>5}  {:>7}  {:>8.1}  {slowest:>7.1}  {fastest:>7.1}  {memory:>7}\n",
            row.backend,
            instructions(row),
            row.mode.name(),
            row.precision,
            row.model,
            width(row),
            row.batch,
            row.threads,
            row.images_per_second,
        );
    }
    let steps = rows.first().map_or(0, |row| row.steps);
    text + &format!(
        "\nimages/s of the median of {steps} steps after a warm-up; peak of the whole process\n"
    )
}

/// Those of the CPU's kernels, or a dash on a GPU.
fn instructions(row: &BenchRow) -> &str {
    row.instructions.as_deref().unwrap_or("–")
}

/// The network's, or a dash where it has none.
fn width(row: &BenchRow) -> String {
    (row.width).map_or("–".to_owned(), |width| width.to_string())
}

/// Where the time of the training rows goes, and of how long it takes until then.
fn phases_table(rows: &[BenchRow]) -> String {
    let lines = rows.iter().filter_map(|row| {
        let phases = row.phases?;
        let memory = (row.device_memory_bytes)
            .map_or("–".to_owned(), |bytes| (bytes / 1_000_000).to_string());
        Some(format!(
            "{:<8}  {:<12}  {:<9}  {:<8}  {:>5}  {:>5}  {:>7}  {:>7.2}  {:>10.2}  {:>11.2}  {:>9.2}  {:>7.1}  {:>7.1}  {memory:>9}\n",
            row.backend,
            instructions(row),
            row.precision,
            row.model,
            width(row),
            row.batch,
            row.threads,
            phases.data_ms,
            phases.forward_ms,
            phases.backward_ms,
            phases.optimizer_ms,
            row.tuning_s,
            row.start_s,
        ))
    });
    let lines: String = lines.collect();
    if lines.is_empty() {
        return lines;
    }
    format!(
        "\nparts of a training step, each waited for by itself\n\
         backend   instructions  precision  model     width  batch  threads  data ms  forward ms  backward ms  update ms  tuning s  start s  device MB\n{lines}"
    )
}

fn layer_table(row: &BenchRow) -> String {
    let mut text = format!(
        "\nwhere a training step goes ({}, {}, {}, {}, width {}, batch {}, threads {})\n\
         layer                                        count  forward ms  backward ms  GFLOP/s  share %\n",
        row.backend,
        instructions(row),
        row.precision,
        row.model,
        width(row),
        row.batch,
        row.threads
    );
    for layer in &row.layers {
        let LayerRow {
            layer: name,
            count,
            forward_ms,
            backward_ms,
            gflops_per_second,
            share,
        } = layer;
        let gflops = if *gflops_per_second > 0.0 {
            format!("{gflops_per_second:.0}")
        } else {
            String::new()
        };
        text += &format!(
            "{name:<43}  {count:>5}  {forward_ms:>10.2}  {backward_ms:>11.2}  {gflops:>7}  {:>7.1}\n",
            100.0 * share
        );
    }
    text + "\neach layer was measured by itself, so the shares need not add up to 100\n"
}
