//! Convolution as one matrix product over patches: any kernel, stride and padding.

use std::ops::Range;

use rayon::prelude::*;

use super::{Convolution, ROWS, panel_lanes};
use crate::lanes::{LANES, Lane, blocks, scratch, to_blocks, vectorized};
use crate::product::{ColumnProduct, RowProduct};

/// Pixels whose contributions to the weight's gradient are added up at a time.
const CHUNK: usize = 16 * ROWS;

pub fn forward(convolution: &Convolution, input: &[f32], weight: &[f32]) -> Vec<f32> {
    let (depth, columns) = (convolution.depth(), convolution.channels_out);
    let mut panels = scratch(blocks(columns) * depth);
    // [block of channels_out][depth][16]
    panels
        .par_chunks_mut(depth)
        .enumerate()
        .for_each(|(block, panel)| {
            for (d, lane) in panel.iter_mut().enumerate() {
                let index = weight_index(convolution, d);
                *lane = panel_lanes(columns, block * LANES, |o| weight[o * depth + index]);
            }
        });
    let pixels = pixels(convolution);
    let images = convolution.images_per_task(pixels);
    let mut output = vec![0.0; convolution.output_len()];
    output
        .par_chunks_mut(images * pixels * columns)
        .enumerate()
        .for_each(|(task, output)| {
            let mut first = task * images * pixels;
            for out in output.chunks_mut(ROWS * columns) {
                let rows = out.len() / columns;
                let mut patches = scratch(blocks(depth) * rows);
                gather(convolution, input, first..first + rows, &mut patches);
                vectorized(RowProduct {
                    left: &patches,
                    rows,
                    right: &panels,
                    panel_stride: depth,
                    depth,
                    out,
                    columns,
                });
                first += rows;
            }
        });
    output
}

pub fn input_gradient(convolution: &Convolution, gradient: &[f32], weight: &[f32]) -> Vec<f32> {
    let (depth, channels) = (convolution.depth(), convolution.channels_out);
    let mut panels = scratch(blocks(depth) * channels);
    // [block of depth][channels_out][16]
    panels
        .par_chunks_mut(channels)
        .enumerate()
        .for_each(|(block, panel)| {
            for (o, lane) in panel.iter_mut().enumerate() {
                *lane = panel_lanes(depth, block * LANES, |d| {
                    weight[o * depth + weight_index(convolution, d)]
                });
            }
        });
    let pixels = pixels(convolution);
    let images = convolution.images_per_task(pixels);
    let image = convolution.height * convolution.width * convolution.channels_in;
    let mut input_gradient = vec![0.0; convolution.input_len()];
    input_gradient
        .par_chunks_mut(images * image)
        .zip(gradient.par_chunks(images * pixels * channels))
        .for_each(|(input_gradient, gradient)| {
            let mut first = 0;
            for gradient in gradient.chunks(ROWS * channels) {
                let rows = gradient.len() / channels;
                let mut left = scratch(blocks(channels) * rows);
                to_blocks(gradient, channels, &mut left);
                let mut patches = scratch(rows * blocks(depth));
                vectorized(RowProduct {
                    left: &left,
                    rows,
                    right: &panels,
                    panel_stride: channels,
                    depth: channels,
                    out: patches.as_flattened_mut(),
                    columns: blocks(depth) * LANES,
                });
                scatter(convolution, &patches, first, input_gradient);
                first += rows;
            }
        });
    input_gradient
}

pub fn weight_gradient(convolution: &Convolution, input: &[f32], gradient: &[f32]) -> Vec<f32> {
    let (depth, channels) = (convolution.depth(), convolution.channels_out);
    let (left_blocks, right_blocks) = (blocks(depth), blocks(channels));
    let mut sums = scratch(left_blocks * right_blocks * LANES);
    sums.fill([0.0; LANES]);
    let total = convolution.batch * pixels(convolution);
    for first in (0..total).step_by(CHUNK) {
        let chunk = CHUNK.min(total - first);
        let mut left = scratch(left_blocks * chunk);
        let mut right = scratch(right_blocks * chunk);
        left.par_chunks_mut(left_blocks * ROWS)
            .zip(right.par_chunks_mut(right_blocks * ROWS))
            .enumerate()
            .for_each(|(part, (left, right))| {
                let start = first + part * ROWS;
                let rows = left.len() / left_blocks;
                gather(convolution, input, start..start + rows, left);
                to_blocks(
                    &gradient[start * channels..][..rows * channels],
                    channels,
                    right,
                );
            });
        sums.par_chunks_mut(right_blocks * LANES)
            .enumerate()
            .for_each(|(block, out)| {
                let parts = left.chunks(left_blocks * ROWS);
                for (left, right) in parts.zip(right.chunks(right_blocks * ROWS)) {
                    let rows = left.len() / left_blocks;
                    vectorized(ColumnProduct {
                        left: &left[block * rows..][..rows],
                        right,
                        out,
                    });
                }
            });
    }
    let mut weight_gradient = vec![0.0; convolution.weight_len()];
    for (o, weight) in weight_gradient.chunks_exact_mut(depth).enumerate() {
        for d in 0..depth {
            let row = (d / LANES * right_blocks + o / LANES) * LANES + d % LANES;
            weight[weight_index(convolution, d)] = sums[row][o % LANES];
        }
    }
    weight_gradient
}

/// Pixels of an output image.
fn pixels(convolution: &Convolution) -> usize {
    convolution.output_size().iter().product()
}

/// Where in a filter `[channels_in, kernel, kernel]` the `d`-th value of a patch
/// `[kernel, kernel, channels_in]` finds its factor.
fn weight_index(convolution: &Convolution, d: usize) -> usize {
    let (place, channel) = (d / convolution.channels_in, d % convolution.channels_in);
    channel * convolution.kernel * convolution.kernel + place
}

/// Copies the patch of every output pixel in `range` (counted over the batch) to
/// `[blocks(depth)][pixels][16]`.
fn gather(convolution: &Convolution, input: &[f32], range: Range<usize>, patches: &mut [Lane]) {
    let (rows, depth) = (range.len(), convolution.depth());
    let channels = convolution.channels_in;
    for (row, pixel) in range.enumerate() {
        for (place, source) in places(convolution, pixel) {
            let mut d = place * channels;
            let end = d + channels;
            let mut values = source.map(|source| &input[source..][..channels]);
            while d < end {
                let count = (LANES - d % LANES).min(end - d);
                let lane = &mut patches[d / LANES * rows + row][d % LANES..][..count];
                match &mut values {
                    Some(values) => {
                        lane.copy_from_slice(values.split_off(..count).expect("channels"))
                    }
                    None => lane.fill(0.0),
                }
                d += count;
            }
        }
        if depth % LANES != 0 {
            patches[depth / LANES * rows + row][depth % LANES..].fill(0.0);
        }
    }
}

/// Adds the patches `[pixels][blocks(depth)][16]` of the output pixels from `first` on to the image
/// they were taken from.
fn scatter(convolution: &Convolution, patches: &[Lane], first: usize, image: &mut [f32]) {
    let channels = convolution.channels_in;
    let width = blocks(convolution.depth());
    for (row, patch) in patches.chunks_exact(width).enumerate() {
        let patch = patch.as_flattened();
        for (place, source) in places(convolution, first + row) {
            let Some(source) = source else { continue };
            let values = &patch[place * channels..][..channels];
            for (pixel, value) in image[source..][..channels].iter_mut().zip(values) {
                *pixel += value;
            }
        }
    }
}

/// For each place of the kernel, where the channels of the input pixel under it begin, or `None`
/// where the output pixel's patch reaches outside the image.
fn places(convolution: &Convolution, pixel: usize) -> impl Iterator<Item = (usize, Option<usize>)> {
    let Convolution {
        height,
        width,
        channels_in,
        kernel,
        stride,
        padding,
        ..
    } = *convolution;
    let [out_height, out_width] = convolution.output_size();
    let image = pixel / (out_height * out_width);
    let row = pixel / out_width % out_height * stride;
    let column = pixel % out_width * stride;
    (0..kernel * kernel).map(move |place| {
        let y = (row + place / kernel)
            .checked_sub(padding)
            .filter(|y| *y < height);
        let x = (column + place % kernel)
            .checked_sub(padding)
            .filter(|x| *x < width);
        let source = y
            .zip(x)
            .map(|(y, x)| ((image * height + y) * width + x) * channels_in);
        (place, source)
    })
}
