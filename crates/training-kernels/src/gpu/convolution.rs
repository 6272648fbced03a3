//! Convolutions of channels-last f32 images: matrix products over gathered patches.
//!
//! Without tensor cores Burn has one kernel for the forward convolution, which rereads its operands for each
//! product, while its matrix products reach half the speed of a GPU. The patch of one pixel has the layout
//! `[kernel, kernel, channels]`, so the weight and its gradient are matrices `[kernel² · channels_in, channels_out]`.

#[cfg(test)]
mod tests;

use std::ops::Range;

use burn::backend::ops::FloatTensorOps;
use burn::tensor::DType;
use burn::tensor::ops::ConvOptions;
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::conv::{ConvStrategy, conv_data_backward};
use burn_cubecl::kernel::matmul::{MatmulStrategy, matmul};
use burn_cubecl::kernel::{into_contiguous, slice};
use burn_cubecl::ops::{permute, reshape};
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::{UNITS, empty, one_unit_each};
use crate::convolution::Convolution;
use crate::extension::{ConvolutionGradients, ConvolutionKernel};

impl ConvolutionKernel for CubeBackend {
    fn convolution(input: CubeTensor, weight: CubeTensor, shape: Convolution) -> CubeTensor {
        let most = most_bytes(&input);
        forward(input, weight, &shape, most)
    }
}

impl ConvolutionGradients for CubeBackend {
    fn input_gradient(
        output_gradient: CubeTensor,
        weight: CubeTensor,
        shape: Convolution,
    ) -> CubeTensor {
        let most = most_bytes(&output_gradient);
        input_gradient(output_gradient, weight, &shape, most)
    }

    fn weight_gradient(
        input: CubeTensor,
        output_gradient: CubeTensor,
        shape: Convolution,
    ) -> CubeTensor {
        let most = most_bytes(&input);
        weight_gradient(input, output_gradient, &shape, most)
    }
}

/// Bytes of patches at a time: enough to fill any GPU, and no more than fit into one buffer.
fn most_bytes(like: &CubeTensor) -> usize {
    const ENOUGH: u64 = 512 << 20;
    ENOUGH.min(like.client.properties().memory.max_page_size) as usize
}

fn forward(input: CubeTensor, weight: CubeTensor, shape: &Convolution, most: usize) -> CubeTensor {
    // [channels_out, channels_in, kernel, kernel] to [kernel, kernel, channels_in, channels_out]
    let matrix = permute(weight, &[2, 3, 1, 0]);
    product(input, matrix, shape, Taps::InOrder, most)
}

/// At stride 1 the gradient is a convolution of the output's gradient with the flipped kernel; otherwise
/// Burn's, a matrix product whose results are added up.
fn input_gradient(
    gradient: CubeTensor,
    weight: CubeTensor,
    shape: &Convolution,
    most: usize,
) -> CubeTensor {
    if shape.stride > 1 || shape.padding >= shape.kernel {
        let options = ConvOptions::new([shape.stride; 2], [shape.padding; 2], [1; 2], 1);
        let [batch, height, width, channels] = shape.input();
        let gradient = permute(gradient, &[0, 3, 1, 2]);
        let dims = [batch, channels, height, width].into();
        let strategy = ConvStrategy::default();
        let computed = conv_data_backward(gradient, weight, dims, options, strategy);
        return permute(computed.expect("a convolution's gradient"), &[0, 2, 3, 1]);
    }
    let [batch, height, width, channels_in] = shape.output();
    let turned = Convolution {
        batch,
        height,
        width,
        channels_in,
        channels_out: shape.channels_in,
        kernel: shape.kernel,
        stride: 1,
        padding: shape.kernel - 1 - shape.padding,
    };
    // [channels_out, channels_in, kernel, kernel] to [kernel, kernel, channels_out, channels_in]
    let matrix = permute(weight, &[2, 3, 0, 1]);
    product(gradient, matrix, &turned, Taps::Turned, most)
}

/// `[channels_out, channels_in, kernel, kernel]`
fn weight_gradient(
    input: CubeTensor,
    gradient: CubeTensor,
    shape: &Convolution,
    most: usize,
) -> CubeTensor {
    let [input, gradient] = [input, gradient].map(into_contiguous);
    let weight_gradient = empty(&input, shape.weight(), DType::F32);
    let [_, height, width, channels] = shape.output();
    for images in parts_of_batch(shape, most) {
        let pixels = images.len() * height * width;
        let parts = parts_of_sum(pixels, shape.depth(), channels);
        let first = images.start == 0;
        let part = [images.clone(), 0..height, 0..width, 0..channels];
        let gradient = slice(gradient.clone(), &part);
        let patches = patches(&input, shape, Taps::InOrder, images);
        let patches = reshape(patches, [parts, pixels / parts, shape.depth()].into());
        let gradient = reshape(gradient, [parts, pixels / parts, channels].into());
        let sums = multiplied(permute(patches, &[0, 2, 1]), gradient);
        add_parts(sums, &weight_gradient, first);
    }
    weight_gradient
}

/// The patches of `input` times the `matrix`, `[kernel, kernel, channels_in, channels_out]`.
fn product(
    input: CubeTensor,
    matrix: CubeTensor,
    shape: &Convolution,
    taps: Taps,
    most: usize,
) -> CubeTensor {
    let input = into_contiguous(input);
    let dims = [shape.depth(), shape.channels_out];
    let matrix = reshape(into_contiguous(matrix), dims.into());
    let part = |images| multiplied(patches(&input, shape, taps, images), matrix.clone());
    let mut outputs: Vec<CubeTensor> = parts_of_batch(shape, most).map(part).collect();
    let output = match outputs.len() {
        1 => outputs.remove(0),
        _ => CubeBackend::float_cat(outputs, 0),
    };
    reshape(output, shape.output().into())
}

fn multiplied(left: CubeTensor, right: CubeTensor) -> CubeTensor {
    let product = matmul(left, right, None, MatmulStrategy::default(), DType::F32);
    product.expect("matrices that fit together")
}

/// Number of images whose patches take at most `most` bytes, the same in each part except the last; at least one.
fn parts_of_batch(shape: &Convolution, most: usize) -> impl Iterator<Item = Range<usize>> + use<> {
    let batch = shape.batch;
    let [height, width] = shape.output_size();
    let image = height * width * shape.depth() * size_of::<f32>();
    let parts = batch.div_ceil((most / image).max(1));
    let images = batch.div_ceil(parts);
    let firsts = (0..batch).step_by(images);
    firsts.map(move |first| first..batch.min(first + images))
}

/// Number of parts into which the sum over `pixels` is split for a weight gradient of `rows` × `columns`, which unsplit
/// has too few tiles for a GPU: as many as give 1024 tiles of 64 × 64, but no more than 128, none shorter than 256
/// pixels, and all of equal length. It depends only on the shape, so the sums are reproducible.
fn parts_of_sum(pixels: usize, rows: usize, columns: usize) -> usize {
    let tiles = rows.div_ceil(64) * columns.div_ceil(64);
    let most = 1024_usize.div_ceil(tiles).min(128).min(pixels / 256).max(1);
    let parts = (1..=most).rev().find(|parts| pixels.is_multiple_of(*parts));
    parts.expect("one part at least")
}

/// The order of a kernel's taps in a patch.
#[derive(Clone, Copy, PartialEq)]
enum Taps {
    InOrder,
    /// Reversed, for the gradient of the input.
    Turned,
}

/// The patches of the outputs of some `images`, `[pixels, kernel² · channels_in]`; padding is zeros.
fn patches(
    input: &CubeTensor,
    shape: &Convolution,
    taps: Taps,
    images: Range<usize>,
) -> CubeTensor {
    let [height_out, width_out] = shape.output_size();
    let pixels = images.len() * height_out * width_out;
    let patches = empty(input, [pixels, shape.depth()], DType::F32);
    let channels = shape.channels_in;
    let vector = if channels.is_multiple_of(4) { 4 } else { 1 };
    let units = pixels * channels / vector;
    let dim = CubeDim::new_1d(UNITS as u32);
    let count = cubecl::calculate_cube_count_elemwise(&input.client, units, dim);
    patches_kernel::launch(
        &input.client,
        count,
        dim,
        vector,
        input.clone().into_tensor_arg(),
        patches.clone().into_tensor_arg(),
        units as u32,
        images.start as u32,
        shape.height as u32,
        shape.width as u32,
        height_out as u32,
        width_out as u32,
        (channels / vector) as u32,
        shape.kernel as u32,
        shape.stride as u32,
        shape.padding as u32,
        taps == Taps::Turned,
    );
    patches
}

/// One unit per output pixel and vector of channels, which loops over the taps: adjacent units
/// read and write adjacent numbers, and most reads hit the cache.
#[cube(launch)]
fn patches_kernel<N: Size>(
    images: &Tensor<Vector<f32, N>>,
    patches: &mut Tensor<Vector<f32, N>>,
    units: u32,
    first_image: u32,
    height: u32,
    width: u32,
    height_out: u32,
    width_out: u32,
    channels: u32,
    kernel: u32,
    stride: u32,
    padding: u32,
    #[comptime] turned: bool,
) {
    let unit = ABSOLUTE_POS as u32;
    if unit >= units {
        terminate!();
    }
    let pixel = unit / channels;
    let channel = unit % channels;
    let image = first_image + pixel / (height_out * width_out);
    let row = pixel / width_out % height_out * stride;
    let column = pixel % width_out * stride;
    let mut place = pixel * kernel * kernel * channels + channel;
    for down in 0..kernel {
        for across in 0..kernel {
            // Row and column in the padded image.
            let mut y = row + down;
            let mut x = column + across;
            if turned {
                y = row + kernel - 1 - down;
                x = column + kernel - 1 - across;
            }
            let mut value = Vector::new(0.0f32);
            if y >= padding && y < height + padding && x >= padding && x < width + padding {
                let source = (image * height + y - padding) * width + x - padding;
                value = images[(source * channels + channel) as usize];
            }
            patches[place as usize] = value;
            place += channels;
        }
    }
}

/// Adds the `sums`, `[parts, kernel² · channels_in, channels_out]`, to the weight gradient accumulated
/// from other parts of the batch.
fn add_parts(sums: CubeTensor, weight_gradient: &CubeTensor, first: bool) {
    let (count, dim) = one_unit_each(weight_gradient);
    let [channels_out, channels_in, kernel, _] = weight_gradient.meta.shape().dims();
    let parts = sums.meta.shape()[0];
    add_parts_kernel::launch(
        &weight_gradient.client,
        count,
        dim,
        into_contiguous(sums).into_tensor_arg(),
        weight_gradient.clone().into_tensor_arg(),
        parts as u32,
        (kernel * kernel) as u32,
        channels_in as u32,
        channels_out as u32,
        first,
    );
}

/// One unit per number of the gradient, in the order of the sums.
#[cube(launch)]
fn add_parts_kernel(
    sums: &Tensor<f32>,
    weight_gradient: &mut Tensor<f32>,
    parts: u32,
    taps: u32,
    channels_in: u32,
    channels_out: u32,
    #[comptime] first: bool,
) {
    let unit = ABSOLUTE_POS as u32;
    let numbers = taps * channels_in * channels_out;
    if unit >= numbers {
        terminate!();
    }
    let mut sum = 0.0f32;
    for part in 0..parts {
        sum += sums[(part * numbers + unit) as usize];
    }
    let output = unit % channels_out;
    let input = unit / channels_out % channels_in;
    let tap = unit / (channels_out * channels_in);
    let place = ((output * channels_in + input) * taps + tap) as usize;
    if first {
        weight_gradient[place] = sum;
    } else {
        weight_gradient[place] += sum;
    }
}
