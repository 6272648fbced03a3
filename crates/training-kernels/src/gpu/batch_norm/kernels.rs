//! The kernels of batch normalisation, as each unit runs them.
//!
//! A cube of `width` × `lanes` units processes a block of `width` channels: adjacent units read
//! adjacent channels, and the lanes share the pixels.

#![allow(
    clippy::used_underscore_binding,
    reason = "CubeCL tells a kernel's type of number through an argument that the kernel itself has no use for"
)]

use cubecl::prelude::*;

/// Stores the sum over the lanes in the first one, for each channel of the cube.
#[cube]
fn add_lanes(sums: &mut Shared<[f32]>, #[comptime] width: usize, #[comptime] lanes: usize) {
    let unit = UNIT_POS as usize;
    let mut half = (lanes / 2).runtime();
    sync_cube();
    while half > 0 {
        if unit < half * width {
            sums[unit] += sums[unit + half * width];
        }
        sync_cube();
        half /= 2;
    }
}

/// The index past the last pixel of the chunk that begins at `first`.
#[cube]
fn stretch_end(first: usize, chunk: usize, pixels: usize) -> usize {
    let mut end = first + chunk;
    if end > pixels {
        end = pixels;
    }
    end
}

/// Mean, and sum of squared deviations from it, of every chunk.
#[cube(launch)]
pub fn stretch_moments_kernel<F: Float>(
    values: &Tensor<F>,
    means: &mut Tensor<f32>,
    squares: &mut Tensor<f32>,
    pixels: u32,
    chunk: u32,
    #[comptime] width: usize,
    #[comptime] lanes: usize,
    #[define(F)] _dtype: ElemType,
) {
    let channels = means.shape(1);
    let unit = UNIT_POS as usize;
    let channel = CUBE_POS_X as usize * width + unit % width;
    let row = CUBE_POS_Y as usize;
    let first = row * chunk as usize;
    let end = stretch_end(first, chunk as usize, pixels as usize);
    let mut shared_sums = Shared::<[f32]>::new_slice(width * lanes);
    let mut shared_squares = Shared::<[f32]>::new_slice(width * lanes);
    // Deviations from a value of the chunk itself are small enough for float32 to lose little.
    let mut shift = 0.0f32;
    let mut sum = 0.0f32;
    let mut square = 0.0f32;
    if channel < channels {
        shift = f32::cast_from(values[first * channels + channel]);
        let mut pixel = first + unit / width;
        while pixel < end {
            let deviation = f32::cast_from(values[pixel * channels + channel]) - shift;
            sum += deviation;
            square += deviation * deviation;
            pixel += lanes;
        }
    }
    shared_sums[unit] = sum;
    shared_squares[unit] = square;
    add_lanes(&mut shared_sums, width, lanes);
    add_lanes(&mut shared_squares, width, lanes);
    if unit < width && channel < channels {
        let offset = shared_sums[unit] / f32::cast_from((end - first) as u32);
        means[row * channels + channel] = shift + offset;
        squares[row * channels + channel] = shared_squares[unit] - shared_sums[unit] * offset;
    }
}

/// Mean and biased variance of all pixels from those of the chunks.
#[cube(launch)]
pub fn combine_moments_kernel(
    means: &Tensor<f32>,
    squares: &Tensor<f32>,
    mean: &mut Tensor<f32>,
    variance: &mut Tensor<f32>,
    pixels: u32,
    chunk: u32,
    #[comptime] width: usize,
    #[comptime] lanes: usize,
) {
    let channels = mean.len();
    let chunks = means.shape(0);
    let unit = UNIT_POS as usize;
    let channel = CUBE_POS_X as usize * width + unit % width;
    let total = f32::cast_from(pixels);
    let mut sums = Shared::<[f32]>::new_slice(width * lanes);
    let mut sum = 0.0f32;
    if channel < channels {
        let mut row = unit / width;
        while row < chunks {
            let first = row * chunk as usize;
            let end = stretch_end(first, chunk as usize, pixels as usize);
            sum += f32::cast_from((end - first) as u32) * means[row * channels + channel];
            row += lanes;
        }
    }
    sums[unit] = sum;
    add_lanes(&mut sums, width, lanes);
    let middle = sums[unit % width] / total;
    sync_cube();
    sum = 0.0f32;
    if channel < channels {
        let mut row = unit / width;
        while row < chunks {
            let first = row * chunk as usize;
            let end = stretch_end(first, chunk as usize, pixels as usize);
            let offset = means[row * channels + channel] - middle;
            let count = f32::cast_from((end - first) as u32);
            sum += squares[row * channels + channel] + count * offset * offset;
            row += lanes;
        }
    }
    sums[unit] = sum;
    add_lanes(&mut sums, width, lanes);
    if unit < width && channel < channels {
        mean[channel] = middle;
        variance[channel] = sums[unit] / total;
    }
}

/// Normalises, scales and shifts, and applies the epilogue.
#[cube(launch)]
pub fn normalize_kernel<F: Float>(
    values: &Tensor<F>,
    residual: &Tensor<F>,
    mean: &Tensor<f32>,
    variance: &Tensor<f32>,
    weight: &Tensor<f32>,
    bias: &Tensor<f32>,
    output: &mut Tensor<F>,
    epsilon: f32,
    #[comptime] has_residual: bool,
    #[comptime] relu: bool,
    #[define(F)] _dtype: ElemType,
) {
    let place = ABSOLUTE_POS;
    if place >= output.len() {
        terminate!();
    }
    let channel = place % mean.len();
    let scale = weight[channel] / (variance[channel] + epsilon).sqrt();
    let mut result = (f32::cast_from(values[place]) - mean[channel]) * scale + bias[channel];
    if has_residual {
        result += f32::cast_from(residual[place]);
    }
    // A comparison rather than a maximum, which may lose a NaN.
    if relu && result <= 0.0f32 {
        result = 0.0f32;
    }
    output[place] = F::cast_from(result);
}

/// The gradient of the ReLU's input: 0 where the output is 0.
#[cube]
fn through_relu<F: Float>(
    gradient: &Tensor<F>,
    output: &Tensor<F>,
    place: usize,
    #[comptime] relu: bool,
) -> f32 {
    let mut upstream = f32::cast_from(gradient[place]);
    if relu && f32::cast_from(output[place]) <= 0.0f32 {
        upstream = 0.0f32;
    }
    upstream
}

/// Over each chunk: the sum of the gradients, and of the gradients times the normalised values.
#[cube(launch)]
pub fn gradient_stretches_kernel<F: Float>(
    gradient: &Tensor<F>,
    values: &Tensor<F>,
    output: &Tensor<F>,
    mean: &Tensor<f32>,
    variance: &Tensor<f32>,
    partial_bias: &mut Tensor<f32>,
    partial_weight: &mut Tensor<f32>,
    epsilon: f32,
    pixels: u32,
    chunk: u32,
    #[comptime] relu: bool,
    #[comptime] width: usize,
    #[comptime] lanes: usize,
    #[define(F)] _dtype: ElemType,
) {
    let channels = mean.len();
    let unit = UNIT_POS as usize;
    let channel = CUBE_POS_X as usize * width + unit % width;
    let row = CUBE_POS_Y as usize;
    let first = row * chunk as usize;
    let end = stretch_end(first, chunk as usize, pixels as usize);
    let mut bias_sums = Shared::<[f32]>::new_slice(width * lanes);
    let mut weight_sums = Shared::<[f32]>::new_slice(width * lanes);
    let mut of_bias = 0.0f32;
    let mut of_weight = 0.0f32;
    if channel < channels {
        let middle = mean[channel];
        let scale = 1.0f32 / (variance[channel] + epsilon).sqrt();
        let mut pixel = first + unit / width;
        while pixel < end {
            let place = pixel * channels + channel;
            let upstream = through_relu::<F>(gradient, output, place, relu);
            of_bias += upstream;
            of_weight += upstream * (f32::cast_from(values[place]) - middle) * scale;
            pixel += lanes;
        }
    }
    bias_sums[unit] = of_bias;
    weight_sums[unit] = of_weight;
    add_lanes(&mut bias_sums, width, lanes);
    add_lanes(&mut weight_sums, width, lanes);
    if unit < width && channel < channels {
        partial_bias[row * channels + channel] = bias_sums[unit];
        partial_weight[row * channels + channel] = weight_sums[unit];
    }
}

/// Adds up two tensors `[chunks, channels]` over the chunks.
#[cube(launch)]
pub fn add_stretches_kernel(
    partial_a: &Tensor<f32>,
    partial_b: &Tensor<f32>,
    total_a: &mut Tensor<f32>,
    total_b: &mut Tensor<f32>,
    #[comptime] width: usize,
    #[comptime] lanes: usize,
) {
    let channels = total_a.len();
    let chunks = partial_a.shape(0);
    let unit = UNIT_POS as usize;
    let channel = CUBE_POS_X as usize * width + unit % width;
    let mut sums_a = Shared::<[f32]>::new_slice(width * lanes);
    let mut sums_b = Shared::<[f32]>::new_slice(width * lanes);
    let mut a = 0.0f32;
    let mut b = 0.0f32;
    if channel < channels {
        let mut row = unit / width;
        while row < chunks {
            a += partial_a[row * channels + channel];
            b += partial_b[row * channels + channel];
            row += lanes;
        }
    }
    sums_a[unit] = a;
    sums_b[unit] = b;
    add_lanes(&mut sums_a, width, lanes);
    add_lanes(&mut sums_b, width, lanes);
    if unit < width && channel < channels {
        total_a[channel] = sums_a[unit];
        total_b[channel] = sums_b[unit];
    }
}

/// With n the normalised value, g the gradient of the ReLU's input, and the mean over the M pixels of a channel:
/// gradient of the value = weight / √(variance + epsilon) · (g − mean(g) − n · mean(g n)); the residual's is g.
#[cube(launch)]
pub fn gradient_kernel<F: Float>(
    gradient: &Tensor<F>,
    values: &Tensor<F>,
    output: &Tensor<F>,
    mean: &Tensor<f32>,
    variance: &Tensor<f32>,
    weight: &Tensor<f32>,
    bias_gradient: &Tensor<f32>,
    weight_gradient: &Tensor<f32>,
    values_gradient: &mut Tensor<F>,
    residual_gradient: &mut Tensor<F>,
    epsilon: f32,
    pixels: u32,
    #[comptime] relu: bool,
    #[comptime] has_residual: bool,
    #[define(F)] _dtype: ElemType,
) {
    let place = ABSOLUTE_POS;
    if place >= values_gradient.len() {
        terminate!();
    }
    let channel = place % mean.len();
    let count = f32::cast_from(pixels);
    let scale = 1.0f32 / (variance[channel] + epsilon).sqrt();
    let normalized = (f32::cast_from(values[place]) - mean[channel]) * scale;
    let upstream = through_relu::<F>(gradient, output, place, relu);
    let rest = bias_gradient[channel] + normalized * weight_gradient[channel];
    values_gradient[place] = F::cast_from(weight[channel] * scale * (upstream - rest / count));
    if has_residual {
        residual_gradient[place] = F::cast_from(upstream);
    }
}
