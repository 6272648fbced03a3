//! Batch normalisation of channels-last images with what follows it: three kernels forward, three backward.
//!
//! Images lie as `[pixels, channels]`. Sums over the pixels are taken in stretches that the shape alone
//! decides, and then added up by one cube for each block of channels, so they are the same bits every time.

#![allow(
    clippy::used_underscore_binding,
    reason = "CubeCL tells a kernel's type of number through an argument that the kernel itself has no use for"
)]

use burn::backend::cubecl::dtype_to_storage_type;
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::{UNITS, empty, one_unit_each};
use crate::batch_norm::Then;
use crate::extension::{BatchNormGradients, TensorThen, TrainingBatchNorm};

impl TrainingBatchNorm for CubeBackend {
    fn batch_norm_train_then(
        values: CubeTensor,
        weight: CubeTensor,
        bias: CubeTensor,
        then: TensorThen<Self>,
        epsilon: f64,
    ) -> (CubeTensor, CubeTensor, CubeTensor) {
        let [values, weight, bias] = [values, weight, bias].map(into_contiguous);
        let [mean, variance] = moments(&values);
        let output = empty(&values, values.meta.shape().clone(), values.dtype);
        let (relu, residual) = match then {
            TensorThen::Nothing => (false, None),
            TensorThen::Relu => (true, None),
            TensorThen::AddRelu(residual) => (true, Some(into_contiguous(residual))),
        };
        let has_residual = residual.is_some();
        // A kernel wants its binding; without a residual nothing is read through it.
        let residual = residual.unwrap_or_else(|| values.clone());
        let (count, dim) = one_unit_each(&output);
        let dtype = dtype_to_storage_type(values.dtype);
        normalize_kernel::launch(
            &output.client,
            count,
            dim,
            values.into_tensor_arg(),
            residual.into_tensor_arg(),
            mean.clone().into_tensor_arg(),
            variance.clone().into_tensor_arg(),
            weight.into_tensor_arg(),
            bias.into_tensor_arg(),
            output.clone().into_tensor_arg(),
            epsilon as f32,
            has_residual,
            relu,
            dtype,
        );
        (output, mean, variance)
    }
}

impl BatchNormGradients for CubeBackend {
    fn batch_norm_gradients(
        output_gradient: CubeTensor,
        values: CubeTensor,
        weight: CubeTensor,
        mean: CubeTensor,
        variance: CubeTensor,
        output: CubeTensor,
        then: Then<()>,
        epsilon: f64,
    ) -> (CubeTensor, CubeTensor, CubeTensor, TensorThen<Self>) {
        let relu = then != Then::Nothing;
        let [gradient, values, weight, output] =
            [output_gradient, values, weight, output].map(into_contiguous);
        let stretches = Stretches::of(&values);
        let like = values.clone();
        let dtype = dtype_to_storage_type(values.dtype);
        let [partial_bias, partial_weight] = stretches.partial(&like);
        gradient_stretches_kernel::launch(
            &like.client,
            stretches.cubes(stretches.count),
            stretches.units(),
            gradient.clone().into_tensor_arg(),
            values.clone().into_tensor_arg(),
            output.clone().into_tensor_arg(),
            mean.clone().into_tensor_arg(),
            variance.clone().into_tensor_arg(),
            partial_bias.clone().into_tensor_arg(),
            partial_weight.clone().into_tensor_arg(),
            epsilon as f32,
            stretches.pixels as u32,
            stretches.stretch as u32,
            relu,
            stretches.width,
            stretches.lanes,
            dtype,
        );
        let [bias_gradient, weight_gradient] = stretches.per_channel(&like);
        add_stretches_kernel::launch(
            &like.client,
            stretches.cubes(1),
            stretches.units(),
            partial_bias.into_tensor_arg(),
            partial_weight.into_tensor_arg(),
            bias_gradient.clone().into_tensor_arg(),
            weight_gradient.clone().into_tensor_arg(),
            stretches.width,
            stretches.lanes,
        );
        let has_residual = then == Then::AddRelu(());
        let values_gradient = empty(&like, like.meta.shape().clone(), like.dtype);
        // Without a residual nothing is written through its binding, for which any tensor will do.
        let residual_gradient = if has_residual {
            empty(&like, like.meta.shape().clone(), like.dtype)
        } else {
            empty(&like, [1], like.dtype)
        };
        let (count, dim) = one_unit_each(&like);
        gradient_kernel::launch(
            &like.client,
            count,
            dim,
            gradient.into_tensor_arg(),
            values.into_tensor_arg(),
            output.into_tensor_arg(),
            mean.into_tensor_arg(),
            variance.into_tensor_arg(),
            weight.into_tensor_arg(),
            bias_gradient.clone().into_tensor_arg(),
            weight_gradient.clone().into_tensor_arg(),
            values_gradient.clone().into_tensor_arg(),
            residual_gradient.clone().into_tensor_arg(),
            epsilon as f32,
            stretches.pixels as u32,
            relu,
            has_residual,
            dtype,
        );
        let then = then.map(|()| residual_gradient);
        (values_gradient, weight_gradient, bias_gradient, then.into())
    }
}

/// How the pixels of a block of channels are cut into stretches, a cube for each.
struct Stretches {
    pixels: usize,
    channels: usize,
    /// Channels of a cube, side by side so that its units read neighbouring numbers.
    width: usize,
    /// Units of a cube that take turns over the pixels of each channel.
    lanes: usize,
    /// Pixels of a stretch, but for the last.
    stretch: usize,
    count: usize,
}

impl Stretches {
    /// Cubes that fill a large GPU.
    const CUBES: usize = 1024;
    /// Pixels for a unit to add up before units are added up.
    const PIXELS_OF_A_UNIT: usize = 8;

    fn of(values: &CubeTensor) -> Self {
        let dims = values.meta.shape();
        let channels = dims[dims.num_dims() - 1];
        let pixels = dims.num_elements() / channels;
        let width = channels.next_power_of_two().min(32);
        let lanes = UNITS / width;
        let blocks = channels.div_ceil(width);
        let most = pixels.div_ceil(lanes * Self::PIXELS_OF_A_UNIT);
        let stretch = pixels.div_ceil((Self::CUBES / blocks).clamp(1, most));
        Self {
            pixels,
            channels,
            width,
            lanes,
            stretch,
            count: pixels.div_ceil(stretch),
        }
    }

    fn cubes(&self, stretches: usize) -> CubeCount {
        CubeCount::Static(
            self.channels.div_ceil(self.width) as u32,
            stretches as u32,
            1,
        )
    }

    fn units(&self) -> CubeDim {
        CubeDim::new_2d(self.width as u32, self.lanes as u32)
    }

    /// Two tensors `[stretches, channels]`.
    fn partial(&self, like: &CubeTensor) -> [CubeTensor; 2] {
        [(); 2].map(|()| empty(like, [self.count, self.channels], DType::F32))
    }

    /// Two tensors `[channels]`.
    fn per_channel(&self, like: &CubeTensor) -> [CubeTensor; 2] {
        [(); 2].map(|()| empty(like, [self.channels], DType::F32))
    }
}

/// Mean and biased variance of each channel.
fn moments(values: &CubeTensor) -> [CubeTensor; 2] {
    let stretches = Stretches::of(values);
    let [means, squares] = stretches.partial(values);
    stretch_moments_kernel::launch(
        &values.client,
        stretches.cubes(stretches.count),
        stretches.units(),
        values.clone().into_tensor_arg(),
        means.clone().into_tensor_arg(),
        squares.clone().into_tensor_arg(),
        stretches.pixels as u32,
        stretches.stretch as u32,
        stretches.width,
        stretches.lanes,
        dtype_to_storage_type(values.dtype),
    );
    let [mean, variance] = stretches.per_channel(values);
    combine_moments_kernel::launch(
        &values.client,
        stretches.cubes(1),
        stretches.units(),
        means.into_tensor_arg(),
        squares.into_tensor_arg(),
        mean.clone().into_tensor_arg(),
        variance.clone().into_tensor_arg(),
        stretches.pixels as u32,
        stretches.stretch as u32,
        stretches.width,
        stretches.lanes,
    );
    [mean, variance]
}

/// Leaves the sum over the lanes in the first one, for each channel of the cube.
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

/// The place past the last pixel of the stretch that begins at `first`.
#[cube]
fn stretch_end(first: usize, stretch: usize, pixels: usize) -> usize {
    let mut end = first + stretch;
    if end > pixels {
        end = pixels;
    }
    end
}

/// Mean, and sum of squared deviations from it, of every stretch.
#[cube(launch)]
fn stretch_moments_kernel<F: Float>(
    values: &Tensor<F>,
    means: &mut Tensor<f32>,
    squares: &mut Tensor<f32>,
    pixels: u32,
    stretch: u32,
    #[comptime] width: usize,
    #[comptime] lanes: usize,
    #[define(F)] _dtype: ElemType,
) {
    let channels = means.shape(1);
    let unit = UNIT_POS as usize;
    let channel = CUBE_POS_X as usize * width + unit % width;
    let row = CUBE_POS_Y as usize;
    let first = row * stretch as usize;
    let end = stretch_end(first, stretch as usize, pixels as usize);
    let mut shared_sums = Shared::<[f32]>::new_slice(width * lanes);
    let mut shared_squares = Shared::<[f32]>::new_slice(width * lanes);
    // Deviations from a value of the stretch itself are small enough for float32 to lose little.
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

/// Mean and biased variance of all pixels from those of the stretches.
#[cube(launch)]
fn combine_moments_kernel(
    means: &Tensor<f32>,
    squares: &Tensor<f32>,
    mean: &mut Tensor<f32>,
    variance: &mut Tensor<f32>,
    pixels: u32,
    stretch: u32,
    #[comptime] width: usize,
    #[comptime] lanes: usize,
) {
    let channels = mean.len();
    let stretches = means.shape(0);
    let unit = UNIT_POS as usize;
    let channel = CUBE_POS_X as usize * width + unit % width;
    let total = f32::cast_from(pixels);
    let mut sums = Shared::<[f32]>::new_slice(width * lanes);
    let mut sum = 0.0f32;
    if channel < channels {
        let mut row = unit / width;
        while row < stretches {
            let first = row * stretch as usize;
            let end = stretch_end(first, stretch as usize, pixels as usize);
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
        while row < stretches {
            let first = row * stretch as usize;
            let end = stretch_end(first, stretch as usize, pixels as usize);
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

/// Normalises, scales and shifts, and does what follows.
#[cube(launch)]
fn normalize_kernel<F: Float>(
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

/// The gradient that comes through ReLU: none where the output is 0.
#[cube]
fn through_relu<F: Float>(
    gradient: &Tensor<F>,
    output: &Tensor<F>,
    place: usize,
    #[comptime] relu: bool,
) -> f32 {
    let mut pull = f32::cast_from(gradient[place]);
    if relu && f32::cast_from(output[place]) <= 0.0f32 {
        pull = 0.0f32;
    }
    pull
}

/// Over each stretch: the sum of the gradients, and of the gradients times the normalised values.
#[cube(launch)]
fn gradient_stretches_kernel<F: Float>(
    gradient: &Tensor<F>,
    values: &Tensor<F>,
    output: &Tensor<F>,
    mean: &Tensor<f32>,
    variance: &Tensor<f32>,
    partial_bias: &mut Tensor<f32>,
    partial_weight: &mut Tensor<f32>,
    epsilon: f32,
    pixels: u32,
    stretch: u32,
    #[comptime] relu: bool,
    #[comptime] width: usize,
    #[comptime] lanes: usize,
    #[define(F)] _dtype: ElemType,
) {
    let channels = mean.len();
    let unit = UNIT_POS as usize;
    let channel = CUBE_POS_X as usize * width + unit % width;
    let row = CUBE_POS_Y as usize;
    let first = row * stretch as usize;
    let end = stretch_end(first, stretch as usize, pixels as usize);
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
            let pull = through_relu::<F>(gradient, output, place, relu);
            of_bias += pull;
            of_weight += pull * (f32::cast_from(values[place]) - middle) * scale;
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

/// Adds up two tensors `[stretches, channels]` over the stretches.
#[cube(launch)]
fn add_stretches_kernel(
    partial_a: &Tensor<f32>,
    partial_b: &Tensor<f32>,
    total_a: &mut Tensor<f32>,
    total_b: &mut Tensor<f32>,
    #[comptime] width: usize,
    #[comptime] lanes: usize,
) {
    let channels = total_a.len();
    let stretches = partial_a.shape(0);
    let unit = UNIT_POS as usize;
    let channel = CUBE_POS_X as usize * width + unit % width;
    let mut sums_a = Shared::<[f32]>::new_slice(width * lanes);
    let mut sums_b = Shared::<[f32]>::new_slice(width * lanes);
    let mut a = 0.0f32;
    let mut b = 0.0f32;
    if channel < channels {
        let mut row = unit / width;
        while row < stretches {
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

/// With n the normalised value, g what comes through ReLU, and the mean over the M pixels of a channel:
/// gradient of the value = weight / √(variance + epsilon) · (g − mean(g) − n · mean(g n)); the residual's is g.
#[cube(launch)]
fn gradient_kernel<F: Float>(
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
    let pull = through_relu::<F>(gradient, output, place, relu);
    let rest = bias_gradient[channel] + normalized * weight_gradient[channel];
    values_gradient[place] = F::cast_from(weight[channel] * scale * (pull - rest / count));
    if has_residual {
        residual_gradient[place] = F::cast_from(pull);
    }
}
