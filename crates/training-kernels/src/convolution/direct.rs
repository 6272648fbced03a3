//! Convolution as one matrix product over patches: any kernel, stride and padding.

use std::ops::Range;

use rayon::prelude::*;

use super::{Convolution, ROWS, column_lane};
use crate::instructions::vectorized;
use crate::lanes::{LANES, Lane, blocks, scratch, to_blocks};
use crate::output::computed;
use crate::product::{ColumnProduct, RowProduct};

/// Values of patches and gradients that are gathered before the weight's gradient is summed up over
/// them: some megabytes, which stay in the cache in between.
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
    let mut sums = scratch(left_blocks * right_blocks * LANES);
    let total = convolution.batch * pixels(convolution);
    let step = (CHUNK / (depth + channels)).max(1).next_multiple_of(ROWS);
    for first in (0..total).step_by(step) {
        let chunk = step.min(total - first);
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
        let products = sums.par_chunks_mut(right_blocks * LANES).enumerate();
        products.for_each(|(block, out)| {
            let pairs = out.par_chunks_mut(2 * LANES).enumerate();
            pairs.for_each(|(pair, out)| {
                if first == 0 {
                    out.fill([0.0; LANES]);
                }
                let parts = left.chunks(left_blocks * ROWS);
                for (left, right) in parts.zip(right.chunks(right_blocks * ROWS)) {
                    let rows = left.len() / left_blocks;
                    vectorized(ColumnProduct {
                        left: &left[block * rows..][..rows],
                        left_columns: LANES.min(depth - block * LANES),
                        right: &right[2 * pair * rows..],
                        columns: (channels - 2 * pair * LANES).min(2 * LANES),
                        out,
                    });
                }
            });
        });
    }
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
    for (row, pixel) in range.enumerate() {
        let mut end = 0;
        for run in runs(convolution, pixel) {
            fill(patches, rows, row, end..run.patch.start);
            copy(
                patches,
                rows,
                row,
                run.patch.start,
                &input[run.image..][..run.patch.len()],
            );
            end = run.patch.end;
        }
        fill(patches, rows, row, end..depth.next_multiple_of(LANES));
    }
}

/// Writes `values` to row `row` of `[blocks][rows][16]`, from column `first` on.
fn copy(lanes: &mut [Lane], rows: usize, row: usize, first: usize, values: &[f32]) {
    let mut rest = values;
    let mut column = first;
    while !rest.is_empty() {
        let lane = &mut lanes[column / LANES * rows + row];
        if let (0, Some((whole, after))) = (column % LANES, rest.split_first_chunk()) {
            *lane = *whole;
            rest = after;
            column += LANES;
            continue;
        }
        let count = rest.len().min(LANES - column % LANES);
        // Element by element: so few are not worth a call.
        for (place, value) in lane[column % LANES..][..count].iter_mut().zip(rest) {
            *place = *value;
        }
        rest = &rest[count..];
        column += count;
    }
}

/// Writes zeros to `columns` of row `row` of `[blocks][rows][16]`.
fn fill(lanes: &mut [Lane], rows: usize, row: usize, columns: Range<usize>) {
    for column in columns {
        lanes[column / LANES * rows + row][column % LANES] = 0.0;
    }
}

/// Adds the patches `[pixels][blocks(depth)][16]` of the output pixels from `first` on to the image
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

/// Neighbouring values of an image under one line of the kernel.
struct Run {
    /// Where they lie in the image.
    image: usize,
    /// Where they lie in the patch `[kernel, kernel, channels_in]`.
    patch: Range<usize>,
}

/// The runs that make up the patch of an output pixel; what lies between them is outside the image.
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
    // Columns of the kernel that lie on the image.
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
