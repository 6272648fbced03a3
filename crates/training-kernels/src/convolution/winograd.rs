//! Convolution by Winograd's F(4×4, 3×3): a quarter of the multiplications of the direct method.
//!
//! Images are cut into tiles of 4×4 outputs. The transforms of [`super::transform`] turn a
//! convolution into 36 independent matrix products ("planes") between the tiles and the filters.
//! The transposed transforms give the weight's gradient from the same tiles.
//!
//! A NaN or an infinity would spread over its whole tile, so nothing is given where one appears, and
//! the direct method computes it again and leaves it where it belongs.

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::sums::RowSums;
use super::transform::{self, Line, PLANES, SPAN, TILE, both_ways};
use super::{Convolution, ROWS, column_lane};
use crate::instructions::vectorized;
use crate::lanes::{
    LANES, Lane, OnCacheLine, Scratch, blocks, load_register, scratch, store_register,
};
use crate::output::computed;
use crate::product::{ColumnProduct, RowProduct};

/// Images seen as tiles.
#[derive(Clone, Copy)]
struct Tiles {
    height: usize,
    width: usize,
    channels: usize,
}

impl Tiles {
    /// Of the images of `convolution`, as its input or output with so many channels.
    fn of(convolution: &Convolution, channels: usize) -> Self {
        Self {
            height: convolution.height,
            width: convolution.width,
            channels,
        }
    }

    /// Tiles along one row of an image.
    fn across(self) -> usize {
        self.width.div_ceil(TILE)
    }

    /// Tiles of an image.
    fn in_image(self) -> usize {
        self.across() * self.height.div_ceil(TILE)
    }

    /// Registers of `S` that hold the channels of block `block`.
    fn registers<S: Simd>(self, block: usize) -> usize {
        LANES
            .min(self.channels - block * LANES)
            .div_ceil(S::F32_LANES)
    }

    /// Values of an image.
    fn values(self) -> usize {
        self.height * self.width * self.channels
    }

    /// Lanes of a plane of `rows` tiles, and one more: planes a power of two apart would share the
    /// same few places of the cache.
    fn plane(self, rows: usize) -> usize {
        blocks(self.channels) * rows + 1
    }

    /// Image, row and column of the first output of tile `tile`, counted over the batch.
    fn place(self, tile: usize) -> [usize; 3] {
        let (image, tile) = (tile / self.in_image(), tile % self.in_image());
        [
            image,
            tile / self.across() * TILE,
            tile % self.across() * TILE,
        ]
    }
}

/// The output, or `None` where a value is not finite.
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

/// The correlation of the output's gradient with the filters turned by half a circle; `None` where a
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
                let filter: [[Lane; 3]; 3] = std::array::from_fn(|y| {
                    std::array::from_fn(|x| {
                        column_lane(columns, block * LANES, |column| {
                            weight(column, d, 3 * y + x)
                        })
                    })
                });
                vectorized(FilterTransform {
                    filter,
                    panels,
                    depth,
                    d,
                });
            }
        });
    filters
}

struct FilterTransform<'a> {
    filter: [[Lane; 3]; 3],
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
            let filter = square(simd, &self.filter, n);
            let planes = both_ways::<S, transform::Filter, 3, SPAN>(simd, &filter);
            for plane in 0..PLANES {
                let lane = &mut self.panels[plane * self.depth + self.d];
                set_register::<S>(lane, n, planes[plane / SPAN][plane % SPAN]);
            }
        }
    }
}

/// The `n`-th register of every lane of a square.
#[inline(always)]
fn square<S: Simd, const A: usize>(simd: S, lanes: &[[Lane; A]; A], n: usize) -> [[S::f32s; A]; A] {
    let mut square = [[simd.splat_f32s(0.0); A]; A];
    for y in 0..A {
        for x in 0..A {
            square[y][x] = register::<S>(&lanes[y][x], n);
        }
    }
    square
}

#[inline(always)]
fn register<S: Simd>(lane: &Lane, n: usize) -> S::f32s {
    S::as_simd_f32s(lane).0[n]
}

#[inline(always)]
fn set_register<S: Simd>(lane: &mut Lane, n: usize, value: S::f32s) {
    S::as_mut_simd_f32s(lane).0[n] = value;
}

/// The size-keeping correlation of `input` with transformed `filters`.
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

/// The tiles in `range`, each with `MARGIN` pixels around its outputs, transformed to planes by `L`:
/// Bᵀ d B of inputs d, or A dy Aᵀ of output gradients dy.
struct TileTransform<'a, L, const SIDE: usize, const MARGIN: usize> {
    tiles: Tiles,
    range: Range<usize>,
    /// `[images, height, width, channels]`
    images: &'a [f32],
    /// `[36]` planes `[blocks][tiles][16]`
    planes: &'a mut [Lane],
    line: PhantomData<L>,
}

type InputTransform<'a> = TileTransform<'a, transform::Input, SPAN, 1>;
type GradientTransform<'a> = TileTransform<'a, transform::Gradient, TILE, 0>;

impl<L: Line<SIDE, SPAN>, const SIDE: usize, const MARGIN: usize> WithSimd
    for TileTransform<'_, L, SIDE, MARGIN>
{
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (tiles, planes) = (self.tiles, self.planes);
        let (rows, stride) = (self.range.len(), tiles.plane(self.range.len()));
        let zero = simd.splat_f32s(0.0);
        for (row, tile) in self.range.enumerate() {
            let [image, top, left] = tiles.place(tile);
            for block in 0..blocks(tiles.channels) {
                for n in 0..tiles.registers::<S>(block) {
                    let mut patch = OnCacheLine([[zero; SIDE]; SIDE]);
                    for y in 0..SIDE {
                        for x in 0..SIDE {
                            // What lies before the first pixel wraps to a coordinate outside the image.
                            let place = [
                                image,
                                (top + y).wrapping_sub(MARGIN),
                                (left + x).wrapping_sub(MARGIN),
                            ];
                            patch.0[y][x] =
                                pixel_register(simd, tiles, self.images, place, [block, n]);
                        }
                    }
                    let values = both_ways::<S, L, SIDE, SPAN>(simd, &patch.0);
                    for plane in 0..PLANES {
                        let lane = &mut planes[plane * stride + block * rows + row];
                        set_register::<S>(lane, n, values[plane / SPAN][plane % SPAN]);
                    }
                }
            }
        }
    }
}

/// Register `n` of block `block` of the channels of pixel (`y`, `x`) of `image`; zeros outside the
/// image.
#[inline(always)]
fn pixel_register<S: Simd>(
    simd: S,
    tiles: Tiles,
    values: &[f32],
    [image, y, x]: [usize; 3],
    [block, n]: [usize; 2],
) -> S::f32s {
    if y >= tiles.height || x >= tiles.width {
        return simd.splat_f32s(0.0);
    }
    let pixel = ((image * tiles.height + y) * tiles.width + x) * tiles.channels;
    let channels = &values[pixel..pixel + tiles.channels];
    load_register(simd, &channels[block * LANES + n * S::F32_LANES..])
}

/// Aᵀ m A of the tiles in `range`; gives whether all of it is finite.
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
                    let mut products = OnCacheLine([[zero; SPAN]; SPAN]);
                    for plane in 0..PLANES {
                        let lane = &planes[plane * stride + row * channel_blocks + block];
                        products.0[plane / SPAN][plane % SPAN] = register::<S>(lane, n);
                    }
                    let values = both_ways::<S, transform::Output, SPAN, TILE>(simd, &products.0);
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

/// The gradient of the weight, or `None` where a value is not finite.
pub fn weight_gradient(
    convolution: &Convolution,
    input: &[f32],
    gradient: &[f32],
) -> Option<Vec<f32>> {
    let Convolution {
        channels_in,
        channels_out,
        ..
    } = *convolution;
    let [source, target] =
        [channels_in, channels_out].map(|channels| Tiles::of(convolution, channels));
    let left_blocks = blocks(channels_in);
    // [36][block of channels_in][block of channels_out][16][16]
    let sums = RowSums {
        total: convolution.batch * source.in_image(),
        chunk: chunk(channels_in.max(channels_out)),
        operands: [source, target].map(|tiles| PLANES * tiles.plane(ROWS)),
        places: PLANES * left_blocks,
        place: blocks(channels_out) * LANES,
        write: |range: Range<usize>, [left, right]: [&mut [Lane]; 2]| {
            vectorized(InputTransform {
                tiles: source,
                range: range.clone(),
                images: input,
                planes: left,
                line: PhantomData,
            });
            vectorized(GradientTransform {
                tiles: target,
                range,
                images: gradient,
                planes: right,
                line: PhantomData,
            });
        },
        add: |place: usize, rows: usize, [left, right]: [&[Lane]; 2], out: &mut [Lane]| {
            let (plane, block) = (place / left_blocks, place % left_blocks);
            vectorized(ColumnProduct {
                left: &left[plane * source.plane(rows) + block * rows..][..rows],
                left_columns: LANES.min(channels_in - block * LANES),
                right: &right[plane * target.plane(rows)..],
                columns: channels_out,
                out,
            });
        },
    };
    let weight = filter_gradients(channels_out, channels_in, &sums.compute());
    let finite = weight.par_iter().all(|value| value.is_finite());
    finite.then_some(weight)
}

/// Tiles whose operands are kept at a time where the tasks share the sums: few enough that their transforms,
/// 36 planes of `channels`, are a few megabytes that the products find in the cache where `channels` is small,
/// and many enough that the sums are not read and written too often.
fn chunk(channels: usize) -> usize {
    ((1 << 14) / channels)
        .next_multiple_of(ROWS)
        .clamp(4 * ROWS, 16 * ROWS)
}

/// Gᵀ u G of the sums u, `[36][block of channels_in][block of channels_out][16][16]`, as a weight
/// `[channels_out, channels_in, 3, 3]`.
fn filter_gradients(channels_out: usize, channels_in: usize, sums: &[Lane]) -> Vec<f32> {
    let mut weight = vec![0.0; channels_out * channels_in * 9];
    weight
        .par_chunks_mut(LANES * channels_in * 9)
        .enumerate()
        .for_each(|(block, weight)| {
            for c in 0..channels_in {
                let row = (c / LANES * blocks(channels_out) + block) * LANES + c % LANES;
                let planes = std::array::from_fn(|plane| sums[plane * (sums.len() / PLANES) + row]);
                let filters = vectorized(FilterGradient { planes });
                for (o, filter) in weight.chunks_exact_mut(channels_in * 9).enumerate() {
                    for (place, value) in filter[c * 9..][..9].iter_mut().enumerate() {
                        *value = filters[place][o];
                    }
                }
            }
        });
    weight
}

struct FilterGradient {
    planes: [Lane; PLANES],
}

impl WithSimd for FilterGradient {
    type Output = [Lane; 9];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> [Lane; 9] {
        let mut filters = [[0.0; LANES]; 9];
        for n in 0..LANES / S::F32_LANES {
            let mut planes = [[simd.splat_f32s(0.0); SPAN]; SPAN];
            for plane in 0..PLANES {
                planes[plane / SPAN][plane % SPAN] = register::<S>(&self.planes[plane], n);
            }
            let values = both_ways::<S, transform::FilterGradient, SPAN, 3>(simd, &planes);
            for place in 0..9 {
                set_register::<S>(&mut filters[place], n, values[place / 3][place % 3]);
            }
        }
        filters
    }
}
