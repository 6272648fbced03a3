//! Batch normalisation of channels-last images over plain slices, fused with the operations that usually follow it.
//!
//! The layout is `[rows, channels]`, where the rows are the pixels of all images. Sums are taken over
//! fixed chunks of rows and then added up in order in float64, so they do not depend on the number
//! of threads.

mod chunk;

use rayon::prelude::*;

use chunk::{GradientSums, InputGradient, Layout, Normalize, Sum};

use crate::instructions::vectorized;
use crate::output::computed;

/// The operations after the normalisation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Epilogue<T> {
    /// Nothing: y = n.
    Nothing,
    /// y = max(n, 0).
    Relu,
    /// y = max(n + residual, 0).
    AddRelu(T),
}

impl<T> Epilogue<T> {
    /// The same with the residual seen through `view`.
    pub fn map<U>(self, view: impl FnOnce(T) -> U) -> Epilogue<U> {
        match self {
            Self::Nothing => Epilogue::Nothing,
            Self::Relu => Epilogue::Relu,
            Self::AddRelu(residual) => Epilogue::AddRelu(view(residual)),
        }
    }

    /// The same with the residual borrowed.
    pub fn as_ref(&self) -> Epilogue<&T> {
        match self {
            Self::Nothing => Epilogue::Nothing,
            Self::Relu => Epilogue::Relu,
            Self::AddRelu(residual) => Epilogue::AddRelu(residual),
        }
    }
}

/// Mean and biased variance of each channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    pub mean: Vec<f32>,
    pub variance: Vec<f32>,
}

impl Moments {
    /// The moments of `values`, `[rows, channels]`.
    ///
    /// # Panics
    /// When there are no rows, or an incomplete one.
    pub fn of(values: &[f32], channels: usize) -> Self {
        assert!(
            !values.is_empty() && values.len().is_multiple_of(channels),
            "expected whole rows of {channels} channels, found {} values",
            values.len()
        );
        let layout = Layout::new(channels);
        let chunks: Vec<ChunkMoments> = values
            .par_chunks(layout.chunk)
            .map(|values| ChunkMoments::of(values, &layout))
            .collect();
        let total = (values.len() / channels) as f64;
        let combined = |channel: usize| {
            let sums = chunks.iter().map(|chunk| chunk.sum(channel));
            let mean = sums.sum::<f64>() / total;
            let squares = chunks.iter().map(|chunk| chunk.squares(channel, mean));
            (mean as f32, (squares.sum::<f64>() / total) as f32)
        };
        let (mean, variance) = (0..channels).map(combined).unzip();
        Self { mean, variance }
    }

    /// √(variance + epsilon) of each channel.
    fn deviations(&self, epsilon: f64) -> impl Iterator<Item = f64> {
        (self.variance.iter()).map(move |variance| (f64::from(*variance) + epsilon).sqrt())
    }
}

/// Moments of a chunk of rows.
struct ChunkMoments {
    rows: f64,
    mean: Vec<f32>,
    /// Sums of squared deviations from the chunk's own mean, which is close enough to the values
    /// that float32 loses no accuracy.
    deviations: Vec<f32>,
}

impl ChunkMoments {
    fn of(values: &[f32], layout: &Layout) -> Self {
        let rows = layout.rows(values);
        let sum = |minus: Option<&[f32]>| {
            layout.sums(|sums| {
                vectorized(Sum {
                    values,
                    minus,
                    sums,
                });
            })
        };
        let mean: Vec<f32> = sum(None).iter().map(|sum| sum / rows as f32).collect();
        let deviations = sum(Some(&layout.tiled(&mean)));
        Self {
            rows,
            mean,
            deviations,
        }
    }

    fn sum(&self, channel: usize) -> f64 {
        self.rows * f64::from(self.mean[channel])
    }

    /// The sum of squared deviations from `mean`.
    fn squares(&self, channel: usize, mean: f64) -> f64 {
        let offset = f64::from(self.mean[channel]) - mean;
        f64::from(self.deviations[channel]) + self.rows * offset * offset
    }
}

/// The normalisation of each channel of `values` by `moments`, scaled and shifted:
/// n = (x − mean) / √(variance + epsilon) · weight + bias; then applies `epilogue`.
pub fn normalize(
    values: &[f32],
    moments: &Moments,
    [weight, bias]: [&[f32]; 2],
    epsilon: f64,
    epilogue: Epilogue<&[f32]>,
) -> Vec<f32> {
    let layout = Layout::new(weight.len());
    let (mut scale, mut shift) = (Vec::new(), Vec::new());
    for (channel, deviation) in moments.deviations(epsilon).enumerate() {
        let factor = f64::from(weight[channel]) / deviation;
        scale.push(factor as f32);
        shift.push((f64::from(bias[channel]) - f64::from(moments.mean[channel]) * factor) as f32);
    }
    let (scale, shift) = (layout.tiled(&scale), layout.tiled(&shift));
    let [output] = computed(values.len(), layout.chunk, |index, [output]| {
        let part = layout.part(index, output.len());
        vectorized(Normalize {
            values: &values[part.clone()],
            scale: &scale,
            shift: &shift,
            epilogue: epilogue.map(|residual| &residual[part]),
            output,
        });
    });
    output
}

/// Gradients of [`normalize`] if the moments were those of the values themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    pub values: Vec<f32>,
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
    /// Of the residual if there was one, else empty.
    pub residual: Vec<f32>,
}

/// The gradients, given the output's gradient.
///
/// `epilogue` is what was applied after the normalisation to give `output`. With g the output's gradient where the ReLU is active and 0 elsewhere,
/// x̂ = (x − mean)/√(variance + epsilon) and means over the rows: dbias = Σ g, dweight = Σ g x̂,
/// dresidual = g and dx = weight / √(variance + epsilon) · (g − mean(g) − x̂ · mean(g x̂)).
pub fn gradients(
    gradient: &[f32],
    values: &[f32],
    moments: &Moments,
    weight: &[f32],
    epsilon: f64,
    epilogue: Epilogue<()>,
    output: &[f32],
) -> Gradients {
    let (channels, layout) = (weight.len(), Layout::new(weight.len()));
    let rectified = (epilogue != Epilogue::Nothing).then_some(output);
    let [sums, products] = gradient_sums(gradient, rectified, values, &moments.mean, &layout);
    let rows = (values.len() / channels) as f64;
    let [mut weight_gradients, mut bias_gradients] = [const { Vec::new() }; 2];
    // dx = slope · g + tilt · x + level
    let [mut slopes, mut tilts, mut levels] = [const { Vec::new() }; 3];
    for (channel, deviation) in moments.deviations(epsilon).enumerate() {
        let (bias_gradient, weight_gradient) = (sums[channel], products[channel] / deviation);
        let slope = f64::from(weight[channel]) / deviation;
        let tilt = -slope * weight_gradient / rows / deviation;
        let level = -slope * bias_gradient / rows - tilt * f64::from(moments.mean[channel]);
        slopes.push(slope as f32);
        tilts.push(tilt as f32);
        levels.push(level as f32);
        weight_gradients.push(weight_gradient as f32);
        bias_gradients.push(bias_gradient as f32);
    }
    let factors = [slopes, tilts, levels].map(|values| layout.tiled(&values));
    let compute = |index: usize, input: &mut [f32], residual: &mut [f32]| {
        let part = layout.part(index, input.len());
        vectorized(InputGradient {
            gradient: &gradient[part.clone()],
            output: rectified.map(|output| &output[part.clone()]),
            values: &values[part],
            factors: &factors,
            input,
            residual,
        });
    };
    let (len, chunk) = (values.len(), layout.chunk);
    let [values, residual] = if matches!(epilogue, Epilogue::AddRelu(())) {
        computed(len, chunk, |index, [values, residual]| {
            compute(index, values, residual);
        })
    } else {
        let [values] = computed(len, chunk, |index, [values]| {
            compute(index, values, &mut []);
        });
        [values, Vec::new()]
    };
    Gradients {
        values,
        weight: weight_gradients,
        bias: bias_gradients,
        residual,
    }
}

/// Σ g and Σ g · (x − mean) of each channel, with g the gradient after the ReLU's backward pass.
fn gradient_sums(
    gradient: &[f32],
    rectified: Option<&[f32]>,
    values: &[f32],
    mean: &[f32],
    layout: &Layout,
) -> [Vec<f64>; 2] {
    let means = layout.tiled(mean);
    let chunks: Vec<[Vec<f32>; 2]> = gradient
        .par_chunks(layout.chunk)
        .enumerate()
        .map(|(index, gradient)| {
            let part = layout.part(index, gradient.len());
            layout.sum_pairs(|sums| {
                vectorized(GradientSums {
                    gradient,
                    output: rectified.map(|output| &output[part.clone()]),
                    values: &values[part],
                    means: &means,
                    sums,
                });
            })
        })
        .collect();
    [0, 1].map(|which| {
        let sum = |channel: usize| -> f64 {
            (chunks.iter())
                .map(|sums| f64::from(sums[which][channel]))
                .sum()
        };
        (0..mean.len()).map(sum).collect()
    })
}
