//! Speed of only the model on one fixed batch.

mod child;
mod layers;
mod phases;

use std::time::Instant;

use anyhow::{Result, anyhow};
use bonus_loss::LossConfig;
use burn::module::Module;
use burn::tensor::{Int, Tensor};
use cifar_models::{ModelConfig, ModelEntry, WIDTH};
use serde::{Deserialize, Serialize};
use training_kernels::Instructions;

pub use self::child::{MeasureRow, measure_apart};
pub use self::layers::{LayerRow, bench_layers};
pub use self::phases::{Phases, bench_phases};
use crate::device::OpenDevice;
use crate::measure::{read_sums, read_values};
use crate::memory::peak_bytes;
use crate::settings::{BackendChoice, PrecisionName, TrainSettings};
use crate::synthetic;
use crate::train::{Learner, model_config};

/// Steps before the measured ones: they fill caches and pools and start the threads.
const WARMUP_STEPS: usize = 3;
const CLASSES: usize = 10;

/// The kind of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Forward, cross-entropy, backward, SGD with momentum and weight decay.
    Training,
    /// Forward in evaluation mode.
    Inference,
}

impl Mode {
    pub fn name(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Inference => "inference",
        }
    }
}

/// The settings of one row of the benchmark.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Setting {
    pub backend: BackendChoice,
    pub mode: Mode,
    pub precision: PrecisionName,
    #[serde(with = "child::model_by_name")]
    pub model: &'static ModelEntry,
    /// The model's default where `None`.
    pub width: Option<usize>,
    pub batch: usize,
    /// Of the CPU backends; all cores where `None`.
    pub threads: Option<usize>,
    /// Of the CPU's kernels; those of this process where `None`.
    #[serde(skip)] // A process has them from its environment.
    pub instructions: Option<Instructions>,
    pub steps: usize,
    #[serde(skip, default = "Instant::now")]
    pub process_start: Instant,
}

/// One row of the benchmark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BenchRow {
    pub backend: String,
    pub device: String,
    /// Those that the CPU's kernels ran with; `null` on a GPU.
    pub instructions: Option<String>,
    pub model: String,
    pub mode: Mode,
    pub precision: String,
    /// `null` if the model has none.
    pub width: Option<usize>,
    pub batch: usize,
    pub threads: usize,
    pub steps: usize,
    /// Of the median step.
    pub images_per_second: f64,
    /// Of the slowest and the fastest step.
    pub images_per_second_range: [f64; 2],
    /// Of the process, so far; `null` if the system does not say.
    pub peak_memory_bytes: Option<u64>,
    /// What the device's allocator holds, where it says so: GPUs do.
    pub device_memory_bytes: Option<u64>,
    /// From the start of the process until steps ran at full speed.
    pub start_s: f64,
    /// What the first step took longer than the others: kernels were tuned and compiled, or read back.
    pub tuning_s: f64,
    /// The parts of a training step, if it is one.
    pub phases: Option<Phases>,
    /// Where a training step spends its time, where it was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerRow>,
}

/// Times the steps of the network that `setting` describes, on `device`.
///
/// # Errors
/// When the device fails.
pub fn bench(device: &OpenDevice, setting: &Setting) -> Result<BenchRow> {
    let Timing {
        first: first_s,
        start: start_s,
        steps: steps_s,
    } = time_steps(device, setting, WARMUP_STEPS)?;
    let rate = |step_s: f64| setting.batch as f64 / step_s;
    let step_s = median(steps_s.clone());
    let memory = device.device.memory_pool_usage();
    Ok(BenchRow {
        backend: device.backend.name().to_owned(),
        device: device.name.clone(),
        instructions: device.instructions.map(|set| set.to_string()),
        model: setting.model.name.to_owned(),
        mode: setting.mode,
        precision: setting.precision.name().to_owned(),
        width: (setting.model.parameter(WIDTH.name)).map(|_| settings(setting).width),
        batch: setting.batch,
        threads: rayon::current_num_threads(),
        steps: setting.steps,
        images_per_second: rate(step_s),
        images_per_second_range: [rate(steps_s[setting.steps - 1]), rate(steps_s[0])],
        peak_memory_bytes: peak_bytes(),
        device_memory_bytes: memory.map(|memory| memory.bytes_reserved),
        start_s,
        tuning_s: (first_s - step_s).max(0.0),
        phases: match setting.mode {
            Mode::Training => Some(bench_phases(device, setting)?),
            Mode::Inference => None,
        },
        layers: Vec::new(),
    })
}

/// Images per second of the median step of `setting`, after a single one that is not measured: an estimate that comes soon.
///
/// # Errors
/// When the device fails.
pub fn images_per_second(device: &OpenDevice, setting: &Setting) -> Result<f64> {
    let Timing { steps, .. } = time_steps(device, setting, 1)?;
    Ok(setting.batch as f64 / median(steps))
}

/// The times of steps, in seconds.
struct Timing {
    /// Of the very first, which may tune kernels.
    first: f64,
    /// From the start of the process until the steps that count.
    start: f64,
    /// Of those that count, ascending.
    steps: Vec<f64>,
}

fn time_steps(device: &OpenDevice, setting: &Setting, warmup: usize) -> Result<Timing> {
    let mut step: Box<dyn FnMut() -> Result<()>> = match setting.mode {
        Mode::Training => Box::new(training_step(device, setting)?),
        Mode::Inference => Box::new(inference_step(device, setting)),
    };
    let mut warmup_s = Vec::new();
    for _ in 0..warmup {
        warmup_s.push(seconds(&mut step)?);
    }
    let start_s = setting.process_start.elapsed().as_secs_f64();
    let mut steps_s = Vec::new();
    for _ in 0..setting.steps {
        steps_s.push(seconds(&mut step)?);
    }
    steps_s.sort_by(f64::total_cmp);
    Ok(Timing {
        first: warmup_s[0],
        start: start_s,
        steps: steps_s,
    })
}

fn seconds(step: &mut dyn FnMut() -> Result<()>) -> Result<f64> {
    let start = Instant::now();
    step()?;
    Ok(start.elapsed().as_secs_f64())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let count = values.len();
    f64::midpoint(values[(count - 1) / 2], values[count / 2])
}

/// Until the device has done all that was asked of it.
fn wait_for(device: &OpenDevice) -> Result<()> {
    (device.device.sync()).map_err(|error| anyhow!("device: {error:?}"))
}

fn training_step(device: &OpenDevice, setting: &Setting) -> Result<impl FnMut() -> Result<()>> {
    let loss = LossConfig::new("cross_entropy")?;
    let mut learner = Some(new_learner(device, setting, &loss));
    let (images, targets) = fixed_batch(device, setting);
    Ok(move || {
        let before = learner.take().expect("put back by every step");
        let (after, sums) = before.step(images.clone(), targets.clone(), 0.01);
        learner = Some(after);
        read_sums(vec![sums]).map(|_| ())
    })
}

fn inference_step(device: &OpenDevice, setting: &Setting) -> impl FnMut() -> Result<()> {
    let model = model(setting).init(0, &device.autodiff()).valid();
    let images = fixed_batch(device, setting).0.inner();
    move || read_values(model.forward(images.clone())).map(|_| ())
}

fn new_learner(device: &OpenDevice, setting: &Setting, loss: &LossConfig) -> Learner {
    let model = model(setting);
    Learner::new(&settings(setting), loss, &model, 0, &device.autodiff())
}

fn model(setting: &Setting) -> ModelConfig {
    model_config(&settings(setting), CLASSES, setting.model.standard_input)
}

fn settings(setting: &Setting) -> TrainSettings {
    TrainSettings {
        model: setting.model,
        width: setting.width.unwrap_or(WIDTH.default),
        batch_size: setting.batch,
        precision: setting.precision,
        ..TrainSettings::default()
    }
}

/// Images `[batch, channels, height, width]` and labels `[batch]`.
fn fixed_batch(device: &OpenDevice, setting: &Setting) -> (Tensor<4>, Tensor<1, Int>) {
    synthetic::batch("bench", setting.batch, &model(setting), &device.autodiff())
}
