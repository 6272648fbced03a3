//! Convolution by Winograd's F(4×4, 3×3): a quarter of the multiplications of the direct method.
//!
//! Images are split into tiles of 4×4 outputs. The transforms of [`super::transform`] turn a
//! convolution into 36 independent matrix products ("planes") between the tiles and the filters.
//! The transposed transforms give the weight's gradient from the same tiles.
//!
//! A NaN or an infinity would spread over its whole tile, so nothing is returned if one appears, and
//! the direct method recomputes the result and confines it to where it belongs.

mod tiles;
mod weight;

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use self::tiles::{InputTransform, Tiles};
pub use self::weight::weight_gradient;
use super::transform::{self, PLANES, SPAN, Strided, TILE, both_ways};
use super::{Convolution, ROWS, column_lane};
use crate::instructions::vectorized;
use crate::lanes::{LANES, Lane, Scratch, blocks, scratch, set_register, store_register};
use crate::output::computed;
use crate::product::RowProduct;

/// The output, or `None` if a value is not finite.
pub fn forward(convolution: &Convolution, input: &[f32], weight: &[f32]) -> Option<Vec<f32>> {
    let Convolution {
        channels_in,
        channels_out,
        ..
    } = *convolution;
    let filters = filters(channels_out, channels_in, |o, c, place| {
        weight[(o * channels_in + c) * 9 + place]
    });
    correlate(convolution, input, channels_in, &filters, channels_out)
}

/// The correlation of the output's gradient with the filters rotated by 180°; `None` if a
/// value is not finite.
pub fn input_gradient(
    convolution: &Convolution,
    gradient: &[f32],
    weight: &[f32],
) -> Option<Vec<f32>> {
    let Convolution {
        channels_in,
        channels_out,
        ..
    } = *convolution;
    let filters = filters(channels_in, channels_out, |c, o, place| {
        weight[(o * channels_in + c) * 9 + 8 - place]
    });
    correlate(convolution, gradient, channels_out, &filters, channels_in)
}

/// G g Gᵀ of all filters, `[block of columns][36][depth][16]`; `weight(column, d, place)` gives g.
fn filters(
    columns: usize,
    depth: usize,
    weight: impl Fn(usize, usize, usize) -> f32 + Sync,
) -> Scratch {
    let mut filters = scratch(blocks(columns) * PLANES * depth);
    filters
        .par_chunks_mut(PLANES * depth)
        .enumerate()
        .for_each(|(block, panels)| {
            for d in 0..depth {
                let filter: [Lane; 9] = std::array::from_fn(|place| {
                    column_lane(columns, block * LANES, |column| weight(column, d, place))
                });
                vectorized(FilterTransform {
                    filter: &filter,
                    panels,
                    depth,
                    d,
                });
            }
        });
    filters
}

struct FilterTransform<'a> {
    filter: &'a [Lane; 9],
    /// `[36][depth][16]`
    panels: &'a mut [Lane],
    depth: usize,
    d: usize,
}

impl WithSimd for FilterTransform<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for n in 0..LANES / S::F32_LANES {
            let filter = Strided {
                lanes: self.filter,
                stride: 1,
                register: n,
            };
            let planes = both_ways::<S, transform::Filter, 3, SPAN>(simd, &filter);
            for plane in 0..PLANES {
                let lane = &mut self.panels[plane * self.depth + self.d];
                set_register::<S>(lane, n, planes[plane / SPAN][plane % SPAN]);
            }
        }
    }
}

/// The same-size correlation of `input` with transformed `filters`.
fn correlate(
    convolution: &Convolution,
    input: &[f32],
    channels_in: usize,
    filters: &[Lane],
    channels_out: usize,
) -> Option<Vec<f32>> {
    let [source, target] =
        [channels_in, channels_out].map(|channels| Tiles::of(convolution, channels));
    let images = convolution.images_per_task(source.in_image());
    let all_finite = AtomicBool::new(true);
    let (len, task) = (
        convolution.batch * target.values(),
        images * target.values(),
    );
    let [output] = computed(len, task, |index, [output]| {
        let count = output.len() / target.values();
        let input = &input[index * images * source.values()..][..count * source.values()];
        let total = count * source.in_image();
        for first in (0..total).step_by(ROWS) {
            let range = first..total.min(first + ROWS);
            let rows = range.len();
            let mut left = scratch(PLANES * source.plane(rows));
            let mut products = scratch(PLANES * target.plane(rows));
            vectorized(InputTransform {
                tiles: source,
                range: range.clone(),
                images: input,
                planes: &mut left,
                line: PhantomData,
            });
            for plane in 0..PLANES {
                let out = &mut products[plane * target.plane(rows)..][..target.plane(rows) - 1];
                vectorized(RowProduct {
                    left: &left[plane * source.plane(rows)..],
                    rows,
                    right: &filters[plane * channels_in..],
                    panel_stride: PLANES * channels_in,
                    depth: channels_in,
                    out: out.as_flattened_mut(),
                    columns: channels_out,
                    stride: blocks(channels_out) * LANES,
                });
            }
            let finite = vectorized(OutputTransform {
                tiles: target,
                range,
                planes: &products,
                output,
            });
            if !finite {
                all_finite.store(false, Ordering::Relaxed);
            }
        }
    });
    all_finite.into_inner().then_some(output)
}

/// Aᵀ m A of the tiles in `range`; returns whether all of it is finite.
struct OutputTransform<'a> {
    tiles: Tiles,
    range: Range<usize>,
    /// `[36]` planes `[tiles][blocks][16]`
    planes: &'a [Lane],
    /// `[images, height, width, channels]`
    output: &'a mut [f32],
}

impl WithSimd for OutputTransform<'_> {
    type Output = bool;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> bool {
        let Self {
            tiles,
            range,
            planes,
            output,
        } = self;
        let stride = tiles.plane(range.len());
        let channel_blocks = blocks(tiles.channels);
        let zero = simd.splat_f32s(0.0);
        // Stays 0 unless a NaN or an infinity is multiplied by 0.
        let mut trace = zero;
        for (row, tile) in range.enumerate() {
            let [image, top, left] = tiles.place(tile);
            let (height, width) = (TILE.min(tiles.height - top), TILE.min(tiles.width - left));
            for block in 0..channel_blocks {
                for n in 0..tiles.registers::<S>(block) {
                    let products = Strided {
                        lanes: &planes[row * channel_blocks + block..],
                        stride,
                        register: n,
                    };
                    let values = both_ways::<S, transform::Output, SPAN, TILE>(simd, &products);
                    let channel = block * LANES + n * S::F32_LANES;
                    for y in 0..height {
                        let pixel = (image * tiles.height + top + y) * tiles.width + left;
                        for x in 0..width {
                            trace = simd.mul_add_e_f32s(values[y][x], zero, trace);
                            let pixel = &mut output[(pixel + x) * tiles.channels..];
                            let places = &mut pixel[channel..tiles.channels];
                            store_register(simd, places, values[y][x]);
                        }
                    }
                }
            }
        }
        simd.reduce_sum_f32s(trace) == 0.0
    }
}
