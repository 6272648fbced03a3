//! Convolution as one matrix product over patches: any kernel, stride and padding.

use std::ops::Range;

use rayon::prelude::*;

use super::sums::RowSums;
use super::{Convolution, ROWS, column_lane};
use crate::instructions::vectorized;
use crate::lanes::{LANES, Lane, blocks, scratch, to_blocks};
use crate::output::computed;
use crate::product::{ColumnProduct, RowProduct};

/// Number of values of patches and gradients held at a time for the weight's gradient: some megabytes, which stay in the cache.
const CHUNK: usize = 1 << 20;

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
                *lane = column_lane(columns, block * LANES, |o| weight[o * depth + index]);
            }
        });
    let pixels = pixels(convolution);
    let images = convolution.images_per_task(pixels);
    let task = images * pixels;
    let [output] = computed(
        convolution.output_len(),
        task * columns,
        |index, [output]| {
            let mut first = index * task;
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
                    stride: columns,
                });
                first += rows;
            }
        },
    );
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
                *lane = column_lane(depth, block * LANES, |d| {
                    weight[o * depth + weight_index(convolution, d)]
                });
            }
        });
    let pixels = pixels(convolution);
    let images = convolution.images_per_task(pixels);
    let image = convolution.height * convolution.width * convolution.channels_in;
    let len = convolution.input_len();
    let [input_gradient] = computed(len, images * image, |index, [input_gradient]| {
        let task = images * pixels * channels;
        let gradient = &gradient[index * task..];
        let gradient = &gradient[..task.min(gradient.len())];
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
                columns: depth,
                stride: blocks(depth) * LANES,
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
    // [block of depth][block of channels_out][16][16]
    let sums = RowSums {
        total: convolution.batch * pixels(convolution),
        chunk: (CHUNK / (depth + channels)).max(1).next_multiple_of(ROWS),
        operands: [left_blocks * ROWS, right_blocks * ROWS],
        places: left_blocks,
        place: right_blocks * LANES,
        write: |range: Range<usize>, [left, right]: [&mut [Lane]; 2]| {
            let values = range.start * channels..range.end * channels;
            to_blocks(&gradient[values], channels, right);
            gather(convolution, input, range, left);
        },
        add: |block: usize, rows: usize, [left, right]: [&[Lane]; 2], out: &mut [Lane]| {
            vectorized(ColumnProduct {
                left: &left[block * rows..][..rows],
                left_columns: LANES.min(depth - block * LANES),
                right,
                columns: channels,
                out,
            });
        },
    };
    let sums = sums.compute();
    let mut weight_gradient = vec![0.0; convolution.weight_len()];
    let filters = weight_gradient.par_chunks_exact_mut(depth).enumerate();
    filters.for_each(|(o, weight)| {
        for d in 0..depth {
            let row = (d / LANES * right_blocks + o / LANES) * LANES + d % LANES;
            weight[weight_index(convolution, d)] = sums[row][o % LANES];
        }
    });
    weight_gradient
}

/// Pixels of an output image.
fn pixels(convolution: &Convolution) -> usize {
    convolution.output_size().iter().product()
}

/// The index in a filter `[channels_in, kernel, kernel]` of the factor of the `d`-th value of a patch
/// `[kernel, kernel, channels_in]`.
fn weight_index(convolution: &Convolution, d: usize) -> usize {
    let (place, channel) = (d / convolution.channels_in, d % convolution.channels_in);
    channel * convolution.kernel * convolution.kernel + place
}

/// Copies the patch of every output pixel in `range` (counted over the batch) to
/// `[blocks(depth)][pixels][16]`.
fn gather(convolution: &Convolution, input: &[f32], range: Range<usize>, patches: &mut [Lane]) {
    let (rows, blocks) = (range.len(), blocks(convolution.depth()));
    let width = blocks * LANES;
    // One patch after the other, [pixels][blocks(depth)][16]: whole runs can be copied.
    let mut lanes = scratch(rows * blocks);
    for (row, pixel) in range.enumerate() {
        // Including what follows, since `copy` may write past its end.
        let patch = &mut lanes.as_flattened_mut()[row * width..];
        let mut end = 0;
        for run in runs(convolution, pixel) {
            patch[end..run.patch.start].fill(0.0);
            copy(
                &input[run.image..],
                run.patch.len(),
                &mut patch[run.patch.start..],
            );
            end = run.patch.end;
        }
        patch[end..width].fill(0.0);
    }
    for (row, patch) in lanes.chunks_exact(blocks).enumerate() {
        for (block, lane) in patch.iter().enumerate() {
            patches[block * rows + row] = *lane;
        }
    }
}

/// Copies `count` values, and if there is room up to a whole lane, which is faster; the excess
/// is overwritten by the next copy.
fn copy(values: &[f32], count: usize, places: &mut [f32]) {
    let whole = count.next_multiple_of(LANES);
    match (places.get_mut(..whole), values.get(..whole)) {
        (Some(places), Some(values)) => {
            let (places, _) = places.as_chunks_mut::<LANES>();
            let (values, _) = values.as_chunks::<LANES>();
            for (place, value) in places.iter_mut().zip(values) {
                *place = *value;
            }
        }
        _ => places[..count].copy_from_slice(&values[..count]),
    }
}

/// Adds the patches `[pixels][blocks(depth)][16]` of the output pixels starting at `first` to the image
/// they were taken from.
fn scatter(convolution: &Convolution, patches: &[Lane], first: usize, image: &mut [f32]) {
    let width = blocks(convolution.depth());
    for (row, patch) in patches.chunks_exact(width).enumerate() {
        let patch = patch.as_flattened();
        for run in runs(convolution, first + row) {
            let values = &patch[run.patch.clone()];
            for (pixel, value) in image[run.image..][..values.len()].iter_mut().zip(values) {
                *pixel += value;
            }
        }
    }
}

/// Adjacent values of an image under one row of the kernel.
struct Run {
    /// Their position in the image.
    image: usize,
    /// Their position in the patch `[kernel, kernel, channels_in]`.
    patch: Range<usize>,
}

/// The runs that make up the patch of an output pixel, in the order of the patch; gaps between them are outside the image.
#[inline]
fn runs(convolution: &Convolution, pixel: usize) -> impl Iterator<Item = Run> {
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
    let top = pixel / out_width % out_height * stride;
    let left = pixel % out_width * stride;
    // Columns of the kernel that are inside the image.
    let columns = padding.saturating_sub(left)..kernel.min((width + padding).saturating_sub(left));
    (0..kernel).filter_map(move |line| {
        let y = (top + line).checked_sub(padding).filter(|y| *y < height)?;
        if columns.is_empty() {
            return None;
        }
        let x = left + columns.start - padding;
        let patch = |column| (line * kernel + column) * channels_in;
        Some(Run {
            image: ((image * height + y) * width + x) * channels_in,
            patch: patch(columns.start)..patch(columns.end),
        })
    })
}
