//! Where a training step spends its time: each layer by itself, forward and backward.

use std::time::Instant;

use anyhow::Result;
use burn::tensor::{DType, Tensor};
use serde::{Deserialize, Serialize};
use training_kernels::{Convolution, Epilogue, batch_norm_train, convolution};

use super::{Setting, median, model, wait_for};
use crate::device::OpenDevice;
use crate::settings::PrecisionName;
use crate::synthetic;

/// Times that each layer is measured; the median counts.
const REPEATS: usize = 5;

/// The time of the layers of one shape in a training step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerRow {
    pub layer: String,
    /// Layers of this shape.
    pub count: usize,
    pub forward_ms: f64,
    pub backward_ms: f64,
    /// Of the convolution as it is defined, whatever method computes it; 0 for the rest.
    pub gflops_per_second: f64,
    /// Of the whole step.
    pub share: f64,
}

/// Measures every layer of the network of `setting`; what is left of `step_s`, the seconds of a whole
/// step, is the last row.
///
/// # Errors
/// When the device fails.
pub fn bench_layers(device: &OpenDevice, setting: &Setting, step_s: f64) -> Result<Vec<LayerRow>> {
    let config = model(setting);
    let [height, width, channels] = config.input;
    let model = config.init(0, &device.device);
    let maps = match setting.precision {
        PrecisionName::F32 => DType::F32,
        PrecisionName::Mixed => DType::F16,
    };
    let convolutions = model.convolutions([setting.batch, height, width, channels]);
    let mut rows = Vec::new();
    // The first layer's images have no gradient, so it stands by itself.
    let (first, others) = convolutions.split_at(1);
    for (layers, is_first) in [(first, true), (others, false)] {
        for (shape, count) in counted(layers.iter().map(|layer| layer.shape)) {
            let times = convolution_times(device, &shape, is_first, maps)?;
            let products = if is_first { 2.0 } else { 3.0 };
            let gflops = products * shape.operations() * 1e-9;
            rows.push(LayerRow {
                gflops_per_second: gflops / (times[0] + times[1]),
                ..row(describe(&shape), count, times, step_s)
            });
        }
    }
    let normalized = convolutions.iter().filter(|layer| layer.normalized);
    for (shape, count) in counted(normalized.map(|layer| layer.shape.output())) {
        let times = batch_norm_times(device, shape, maps)?;
        let [_, height, width, channels] = shape;
        let name = format!("batch norm, {height}×{width}×{channels}");
        rows.push(row(name, count, times, step_s));
    }
    let known: f64 = rows.iter().map(|row| row.share).sum();
    let rest = (1.0 - known).max(0.0);
    rows.push(row(
        "everything else".to_owned(),
        1,
        [rest * step_s, 0.0],
        step_s,
    ));
    Ok(rows)
}

/// Each shape once, in the order of its first appearance, and how often it appears.
fn counted<T: PartialEq>(shapes: impl Iterator<Item = T>) -> Vec<(T, usize)> {
    let mut counted: Vec<(T, usize)> = Vec::new();
    for shape in shapes {
        match counted.iter_mut().find(|(known, _)| *known == shape) {
            Some((_, count)) => *count += 1,
            None => counted.push((shape, 1)),
        }
    }
    counted
}

fn row(layer: String, count: usize, [forward_s, backward_s]: [f64; 2], step_s: f64) -> LayerRow {
    let times = count as f64;
    LayerRow {
        layer,
        count,
        forward_ms: 1e3 * forward_s * times,
        backward_ms: 1e3 * backward_s * times,
        gflops_per_second: 0.0,
        share: (forward_s + backward_s) * times / step_s,
    }
}

fn describe(shape: &Convolution) -> String {
    let Convolution {
        height,
        width,
        channels_in,
        channels_out,
        kernel,
        stride,
        ..
    } = shape;
    format!(
        "{kernel}×{kernel}/{stride} convolution, {height}×{width}×{channels_in} to {channels_out}"
    )
}

/// Seconds of a convolution's forward pass and of its gradients.
fn convolution_times(
    device: &OpenDevice,
    shape: &Convolution,
    is_first: bool,
    maps: DType,
) -> Result<[f64; 2]> {
    let images = noise(device, shape.input()).cast(maps);
    let images = if is_first {
        images
    } else {
        images.require_grad()
    };
    let weight = noise(device, shape.weight()).require_grad();
    median_times(device, || {
        let weight = weight.clone().cast(maps);
        convolution(images.clone(), weight, shape.stride, shape.padding)
    })
}

/// Seconds of batch normalisation with ReLU, forward and backward.
fn batch_norm_times(device: &OpenDevice, shape: [usize; 4], maps: DType) -> Result<[f64; 2]> {
    let images = noise(device, shape).cast(maps).require_grad();
    let parameter = || Tensor::<1>::ones([shape[3]], &device.autodiff()).require_grad();
    let (weight, bias) = (parameter(), parameter());
    median_times(device, || {
        let (images, weight, bias) = (images.clone(), weight.clone(), bias.clone());
        batch_norm_train(images, weight, bias, Epilogue::Relu, 1e-5).output
    })
}

/// Median seconds of `forward` and of the gradients of its result.
fn median_times(device: &OpenDevice, forward: impl Fn() -> Tensor<4>) -> Result<[f64; 2]> {
    let mut times = [const { Vec::new() }; 2];
    for repeat in 0..=REPEATS {
        let start = Instant::now();
        let output = forward();
        wait_for(device)?;
        let forward_s = start.elapsed().as_secs_f64();
        let start = Instant::now();
        drop(output.backward());
        wait_for(device)?;
        // The first time warms up.
        if repeat > 0 {
            times[0].push(forward_s);
            times[1].push(start.elapsed().as_secs_f64());
        }
    }
    Ok(times.map(median))
}

fn noise(device: &OpenDevice, shape: [usize; 4]) -> Tensor<4> {
    synthetic::noise("layers", shape, &device.autodiff())
}
