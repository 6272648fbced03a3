//! Speed of the bare model: training steps on one fixed batch, nothing else.

use std::time::Instant;

use anyhow::Result;
use bonus_loss::LossConfig;
use burn::tensor::{Int, Tensor, TensorData};
use cifar_models::random::Stream;
use serde::Serialize;

use crate::device::OpenDevice;
use crate::measure::read_sums;
use crate::sweep::TrainSettings;
use crate::train::Learner;

/// Steps before the measured ones: they fill caches and pools and start the threads.
const WARMUP_STEPS: usize = 2;
const CLASSES: usize = 10;

/// One row of the benchmark.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BenchRow {
    pub backend: &'static str,
    pub device: String,
    pub width: usize,
    pub batch: usize,
    pub threads: usize,
    pub steps: usize,
    /// Of the median step.
    pub images_per_second: f64,
    /// Of the slowest and the fastest step.
    pub images_per_second_range: [f64; 2],
}

/// Times `steps` training steps (cross-entropy, SGD with momentum and weight decay) of ResNet18.
///
/// # Errors
/// When the device fails.
pub fn bench_training(
    device: &OpenDevice,
    width: usize,
    batch: usize,
    steps: usize,
) -> Result<BenchRow> {
    let settings = TrainSettings {
        width,
        batch_size: batch,
        ..TrainSettings::default()
    };
    let loss = LossConfig::new("cross_entropy")?;
    let mut learner = Learner::new(&settings, &loss, CLASSES, 0, &device.autodiff());
    let (images, targets) = fixed_batch(device, batch);
    let mut rates = Vec::new();
    for step in 0..WARMUP_STEPS + steps {
        let start = Instant::now();
        let sums;
        (learner, sums) = learner.step(images.clone(), targets.clone(), 0.01);
        read_sums(vec![sums])?;
        if step >= WARMUP_STEPS {
            rates.push(batch as f64 / start.elapsed().as_secs_f64());
        }
    }
    rates.sort_by(f64::total_cmp);
    Ok(BenchRow {
        backend: device.backend.name(),
        device: device.name.clone(),
        width,
        batch,
        threads: rayon::current_num_threads(),
        steps,
        images_per_second: f64::midpoint(rates[(steps - 1) / 2], rates[steps / 2]),
        images_per_second_range: [rates[0], rates[steps - 1]],
    })
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
