//! Speed of the bare model on one fixed batch, nothing else.

mod layers;
mod memory;

use std::time::Instant;

use anyhow::Result;
use bonus_loss::LossConfig;
use burn::module::Module;
use burn::tensor::{Int, Tensor, TensorData};
use cifar_models::random::Stream;
use serde::{Deserialize, Serialize};

pub use self::layers::{LayerRow, bench_layers};
use crate::device::OpenDevice;
use crate::measure::{read_sums, read_values};
use crate::sweep::{BackendChoice, PrecisionName, TrainSettings};
use crate::train::{Learner, build_model};

/// Steps before the measured ones: they fill caches and pools and start the threads.
const WARMUP_STEPS: usize = 3;
const CLASSES: usize = 10;

/// What a step does.
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

/// What one row of the benchmark measures.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub backend: BackendChoice,
    pub mode: Mode,
    pub precision: PrecisionName,
    pub width: usize,
    pub batch: usize,
    /// Of the CPU backends; all cores where `None`.
    pub threads: Option<usize>,
    pub steps: usize,
}

/// One row of the benchmark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BenchRow {
    pub backend: String,
    pub device: String,
    pub model: String,
    pub mode: Mode,
    pub precision: String,
    pub width: usize,
    pub batch: usize,
    pub threads: usize,
    pub steps: usize,
    /// Of the median step.
    pub images_per_second: f64,
    /// Of the slowest and the fastest step.
    pub images_per_second_range: [f64; 2],
    /// Of the process, so far; `null` where the system does not say.
    pub peak_memory_bytes: Option<u64>,
    /// Where a training step spends its time, where it was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerRow>,
}

/// Times the steps of ResNet18 that `setting` describes, on `device`.
///
/// # Errors
/// When the device fails.
pub fn bench(device: &OpenDevice, setting: &Setting) -> Result<BenchRow> {
    let mut step: Box<dyn FnMut() -> Result<()>> = match setting.mode {
        Mode::Training => Box::new(training_step(device, setting)?),
        Mode::Inference => Box::new(inference_step(device, setting)),
    };
    let mut rates = Vec::new();
    for index in 0..WARMUP_STEPS + setting.steps {
        let start = Instant::now();
        step()?;
        if index >= WARMUP_STEPS {
            rates.push(setting.batch as f64 / start.elapsed().as_secs_f64());
        }
    }
    rates.sort_by(f64::total_cmp);
    let count = rates.len();
    Ok(BenchRow {
        backend: device.backend.name().to_owned(),
        device: device.name.clone(),
        model: "resnet18".to_owned(),
        mode: setting.mode,
        precision: setting.precision.name().to_owned(),
        width: setting.width,
        batch: setting.batch,
        threads: rayon::current_num_threads(),
        steps: setting.steps,
        images_per_second: f64::midpoint(rates[(count - 1) / 2], rates[count / 2]),
        images_per_second_range: [rates[0], rates[count - 1]],
        peak_memory_bytes: memory::peak_bytes(),
        layers: Vec::new(),
    })
}

fn training_step(device: &OpenDevice, setting: &Setting) -> Result<impl FnMut() -> Result<()>> {
    let loss = LossConfig::new("cross_entropy")?;
    let learner = Learner::new(&settings(setting), &loss, CLASSES, 0, &device.autodiff());
    let mut learner = Some(learner);
    let (images, targets) = fixed_batch(device, setting.batch);
    Ok(move || {
        let before = learner.take().expect("put back by every step");
        let (after, sums) = before.step(images.clone(), targets.clone(), 0.01);
        learner = Some(after);
        read_sums(vec![sums]).map(|_| ())
    })
}

fn inference_step(device: &OpenDevice, setting: &Setting) -> impl FnMut() -> Result<()> {
    let model = build_model(&settings(setting), CLASSES, 0, &device.autodiff()).valid();
    let images = fixed_batch(device, setting.batch).0.inner();
    move || read_values(model.forward(images.clone())).map(|_| ())
}

fn settings(setting: &Setting) -> TrainSettings {
    TrainSettings {
        width: setting.width,
        batch_size: setting.batch,
        precision: setting.precision,
        ..TrainSettings::default()
    }
}

/// Images of noise `[batch, 3, 32, 32]` and labels `[batch]` that go round the classes.
fn fixed_batch(device: &OpenDevice, batch: usize) -> (Tensor<4>, Tensor<1, Int>) {
    let mut noise = Stream::new(0, "bench", 0);
    let pixels: Vec<f32> = (0..batch * 3 * 32 * 32).map(|_| noise.normal()).collect();
    let labels: Vec<i32> = (0..batch).map(|index| (index % CLASSES) as i32).collect();
    let device = device.autodiff();
    (
        Tensor::from_data(TensorData::new(pixels, [batch, 3, 32, 32]), &device),
        Tensor::from_data(TensorData::new(labels, [batch]), &device),
    )
}
