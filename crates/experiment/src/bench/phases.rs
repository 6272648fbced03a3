//! Where the time of a training step goes: waiting for data, forward, backward, optimizer.

use std::time::Instant;

use anyhow::Result;
use bonus_loss::LossConfig;
use random_streams::Stream;
use serde::{Deserialize, Serialize};

use super::{CLASSES, Setting, median, new_learner, wait_for};
use crate::data::{ImageSet, Images, training_batches};
use crate::datasets::{ImageShape, Normalization};
use crate::device::OpenDevice;
use crate::measure::to_tensors;
use crate::settings::AugmentationName;

/// Steps measured; one more warms up.
const STEPS: usize = 5;
/// Of as many channels as any model takes.
const NORMALIZATION: Normalization = Normalization {
    mean: &[0.5; 3],
    std: &[0.25; 3],
};

/// The median times of a step's parts, each measured to the device's end of it. Together they take longer
/// than a step of real training, in which nothing is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[allow(clippy::struct_field_names, reason = "a unit comes last in every name")]
pub struct Phases {
    /// Until an augmented batch has come from the loader and is on its way to the device.
    pub data_ms: f64,
    pub forward_ms: f64,
    pub backward_ms: f64,
    pub optimizer_ms: f64,
}

/// Measures training steps on augmented batches as the loader gives them.
///
/// # Errors
/// When the device fails.
pub fn bench_phases(device: &OpenDevice, setting: &Setting) -> Result<Phases> {
    let loss = LossConfig::new("cross_entropy")?;
    let autodiff = device.autodiff();
    let mut learner = new_learner(device, setting, &loss);
    let images = noise(setting, (STEPS + 1) * setting.batch);
    let augmentation = AugmentationName::CropFlip;
    let mut batches =
        training_batches(&images, NORMALIZATION, augmentation, 0, 1, setting.batch, 0);
    let mut times = [const { Vec::new() }; 4];
    for _ in 0..=STEPS {
        let mut ends = vec![Instant::now()];
        let batch = batches.next().expect("a batch for each step");
        let (inputs, targets) = to_tensors(batch, &autodiff);
        ends.push(Instant::now());
        let mut waited = Ok(());
        (learner, _) = learner.step_and(inputs, targets, 0.01, |_| {
            if waited.is_ok() {
                waited = wait_for(device);
            }
            ends.push(Instant::now());
        });
        waited?;
        for (times, phase) in times.iter_mut().zip(ends.windows(2)) {
            times.push(1e3 * (phase[1] - phase[0]).as_secs_f64());
        }
    }
    let [data_ms, forward_ms, backward_ms, optimizer_ms] =
        times.map(|times| median(times[1..].to_vec()));
    Ok(Phases {
        data_ms,
        forward_ms,
        backward_ms,
        optimizer_ms,
    })
}

/// Images of the model's standard size.
fn noise(setting: &Setting, count: usize) -> ImageSet {
    let [height, width, channels] = setting.model.standard_input;
    let shape = ImageShape {
        height,
        width,
        channels,
    };
    let mut noise = Stream::new(0, "bench", 0);
    let pixels = (0..count * shape.bytes()).map(|_| (256.0 * noise.uniform()) as u8);
    let labels = (0..count).map(|index| (index % CLASSES) as u8);
    let images = Images {
        pixels: pixels.collect(),
        labels: labels.collect(),
    };
    ImageSet::new(shape, images)
}
