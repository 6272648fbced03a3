//! The gradient of the weight, from the same tiles.

use std::marker::PhantomData;
use std::ops::Range;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::super::sums::RowSums;
use super::super::transform::{self, PLANES, SPAN, Strided, both_ways};
use super::super::{Convolution, ROWS};
use super::tiles::{GradientTransform, InputTransform, Tiles};
use crate::instructions::vectorized;
use crate::lanes::{LANES, Lane, blocks, set_register};
use crate::product::ColumnProduct;

/// The gradient of the weight, or `None` if a value is not finite.
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

/// Tiles whose operands are held at a time if the tasks share the sums: few enough that their transforms,
/// 36 planes of `channels`, are a few megabytes that stay in the cache for the products if `channels` is small,
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
                let filters = vectorized(FilterGradient {
                    sums: &sums[row..],
                    stride: sums.len() / PLANES,
                });
                for (o, filter) in weight.chunks_exact_mut(channels_in * 9).enumerate() {
                    for (place, value) in filter[c * 9..][..9].iter_mut().enumerate() {
                        *value = filters[place][o];
                    }
                }
            }
        });
    weight
}

/// The filters' gradients from the sums of sixteen of them.
struct FilterGradient<'a> {
    /// The lane of each plane, `stride` lanes apart.
    sums: &'a [Lane],
    stride: usize,
}

impl WithSimd for FilterGradient<'_> {
    type Output = [Lane; 9];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> [Lane; 9] {
        let mut filters = [[0.0; LANES]; 9];
        for n in 0..LANES / S::F32_LANES {
            let sums = Strided {
                lanes: self.sums,
                stride: self.stride,
                register: n,
            };
            let values = both_ways::<S, transform::FilterGradient, SPAN, 3>(simd, &sums);
            for place in 0..9 {
                set_register::<S>(&mut filters[place], n, values[place / 3][place % 3]);
            }
        }
        filters
    }
}
