//! Batch normalisation of channels-last images with its epilogue: three kernels forward, three backward.
//!
//! The layout of images is `[pixels, channels]`. Sums over the pixels are taken in chunks that only the shape
//! determines, and then added up by one cube per block of channels, so they are bitwise reproducible.

mod kernels;

use burn::backend::cubecl::dtype_to_storage_type;
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use self::kernels::{
    add_stretches_kernel, combine_moments_kernel, gradient_kernel, gradient_stretches_kernel,
    normalize_kernel, stretch_moments_kernel,
};
use super::{UNITS, empty, one_unit_each};
use crate::batch_norm::Epilogue;
use crate::extension::{BatchNormGradients, TensorEpilogue, TrainingBatchNorm};

impl TrainingBatchNorm for CubeBackend {
    fn batch_norm_train_then(
        values: CubeTensor,
        weight: CubeTensor,
        bias: CubeTensor,
        epilogue: TensorEpilogue<Self>,
        epsilon: f64,
    ) -> (CubeTensor, CubeTensor, CubeTensor) {
        let [values, weight, bias] = [values, weight, bias].map(into_contiguous);
        let [mean, variance] = moments(&values);
        let output = empty(&values, values.meta.shape().clone(), values.dtype);
        let (relu, residual) = match epilogue {
            TensorEpilogue::Nothing => (false, None),
            TensorEpilogue::Relu => (true, None),
            TensorEpilogue::AddRelu(residual) => (true, Some(into_contiguous(residual))),
        };
        let has_residual = residual.is_some();
        // A kernel requires its binding; without a residual nothing is read through it.
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
        epilogue: Epilogue<()>,
        epsilon: f64,
    ) -> (CubeTensor, CubeTensor, CubeTensor, TensorEpilogue<Self>) {
        let relu = epilogue != Epilogue::Nothing;
        let [gradient, values, weight, output] =
            [output_gradient, values, weight, output].map(into_contiguous);
        let [bias_gradient, weight_gradient] = parameter_gradients(
            &gradient,
            &values,
            [&mean, &variance],
            &output,
            relu,
            epsilon,
        );
        let like = values.clone();
        let pixels = Stretches::of(&like).pixels;
        let dtype = dtype_to_storage_type(like.dtype);
        let has_residual = epilogue == Epilogue::AddRelu(());
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
            pixels as u32,
            relu,
            has_residual,
            dtype,
        );
        let epilogue = epilogue.map(|()| residual_gradient);
        (
            values_gradient,
            weight_gradient,
            bias_gradient,
            epilogue.into(),
        )
    }
}

/// How the pixels of a block of channels are split into chunks, one cube per chunk.
struct Stretches {
    pixels: usize,
    channels: usize,
    /// Channels of a cube, adjacent so that its units read consecutive numbers.
    width: usize,
    /// Units of a cube that share the pixels of each channel.
    lanes: usize,
    /// Pixels of each chunk except the last.
    chunk: usize,
    count: usize,
}

impl Stretches {
    /// Number of cubes that fill a large GPU.
    const CUBES: usize = 1024;
    /// Pixels that each unit sums before the units' sums are added.
    const PIXELS_OF_A_UNIT: usize = 8;

    fn of(values: &CubeTensor) -> Self {
        let dims = values.meta.shape();
        let channels = dims[dims.num_dims() - 1];
        let pixels = dims.num_elements() / channels;
        let width = channels.next_power_of_two().min(32);
        let lanes = UNITS / width;
        let blocks = channels.div_ceil(width);
        let most = pixels.div_ceil(lanes * Self::PIXELS_OF_A_UNIT);
        let chunk = pixels.div_ceil((Self::CUBES / blocks).clamp(1, most));
        Self {
            pixels,
            channels,
            width,
            lanes,
            chunk,
            count: pixels.div_ceil(chunk),
        }
    }

    fn cubes(&self, chunks: usize) -> CubeCount {
        CubeCount::Static(self.channels.div_ceil(self.width) as u32, chunks as u32, 1)
    }

    fn units(&self) -> CubeDim {
        CubeDim::new_2d(self.width as u32, self.lanes as u32)
    }

    /// Two tensors `[chunks, channels]`.
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
    let chunks = Stretches::of(values);
    let [means, squares] = chunks.partial(values);
    stretch_moments_kernel::launch(
        &values.client,
        chunks.cubes(chunks.count),
        chunks.units(),
        values.clone().into_tensor_arg(),
        means.clone().into_tensor_arg(),
        squares.clone().into_tensor_arg(),
        chunks.pixels as u32,
        chunks.chunk as u32,
        chunks.width,
        chunks.lanes,
        dtype_to_storage_type(values.dtype),
    );
    let [mean, variance] = chunks.per_channel(values);
    combine_moments_kernel::launch(
        &values.client,
        chunks.cubes(1),
        chunks.units(),
        means.into_tensor_arg(),
        squares.into_tensor_arg(),
        mean.clone().into_tensor_arg(),
        variance.clone().into_tensor_arg(),
        chunks.pixels as u32,
        chunks.chunk as u32,
        chunks.width,
        chunks.lanes,
    );
    [mean, variance]
}

/// The gradients of bias and weight: sums over the pixels of each channel.
fn parameter_gradients(
    gradient: &CubeTensor,
    values: &CubeTensor,
    [mean, variance]: [&CubeTensor; 2],
    output: &CubeTensor,
    relu: bool,
    epsilon: f64,
) -> [CubeTensor; 2] {
    let chunks = Stretches::of(values);
    let [partial_bias, partial_weight] = chunks.partial(values);
    gradient_stretches_kernel::launch(
        &values.client,
        chunks.cubes(chunks.count),
        chunks.units(),
        gradient.clone().into_tensor_arg(),
        values.clone().into_tensor_arg(),
        output.clone().into_tensor_arg(),
        mean.clone().into_tensor_arg(),
        variance.clone().into_tensor_arg(),
        partial_bias.clone().into_tensor_arg(),
        partial_weight.clone().into_tensor_arg(),
        epsilon as f32,
        chunks.pixels as u32,
        chunks.chunk as u32,
        relu,
        chunks.width,
        chunks.lanes,
        dtype_to_storage_type(values.dtype),
    );
    let [bias_gradient, weight_gradient] = chunks.per_channel(values);
    add_stretches_kernel::launch(
        &values.client,
        chunks.cubes(1),
        chunks.units(),
        partial_bias.into_tensor_arg(),
        partial_weight.into_tensor_arg(),
        bias_gradient.clone().into_tensor_arg(),
        weight_gradient.clone().into_tensor_arg(),
        chunks.width,
        chunks.lanes,
    );
    [bias_gradient, weight_gradient]
}
