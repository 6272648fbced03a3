//! The transforms of Winograd's F(4×4, 3×3), one register of channels at a time.
//!
//! A tile of 4×4 outputs y of the correlation of a 6×6 input d with a 3×3 filter g is
//! y = Aᵀ \[(G g Gᵀ) ⊙ (Bᵀ d B)\] A. Each [`Line`] here is one of these matrices, applied to one line
//! of values; [`both_ways`] applies it to lines and columns.
//!
//! The matrices are those of Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks",
//! CVPR 2016, for the interpolation points 0, ±2/3, ±3/2 and ∞. The usual points 0, ±1, ±2 and ∞
//! cost as many operations and have two to four times the rounding error in float32.

use pulp::Simd;

use crate::lanes::{Lane, register};

/// Outputs along a tile's side.
pub const TILE: usize = 4;
/// Inputs along a tile's side.
pub const SPAN: usize = 6;
/// Products of a tile and channel pair.
pub const PLANES: usize = SPAN * SPAN;

/// The near points are ±`NEAR`, the far ones ±`FAR` = ±1/`NEAR`.
const NEAR: f32 = 2.0 / 3.0;
const FAR: f32 = 3.0 / 2.0;
/// The squares and cubes of both.
const NEAR_2: f32 = 4.0 / 9.0;
const FAR_2: f32 = 9.0 / 4.0;
const NEAR_3: f32 = 8.0 / 27.0;
const FAR_3: f32 = 27.0 / 8.0;
/// `NEAR_2` + `FAR_2`.
const SQUARES: f32 = 97.0 / 36.0;
/// 1 / Π (point − other point) for the near points, 1 / (2 near² (near² − far²)), and the far ones.
const NEAR_SHARE: f32 = -81.0 / 130.0;
const FAR_SHARE: f32 = 8.0 / 65.0;

/// A matrix L that maps a line of `A` values to `B` values.
pub trait Line<const A: usize, const B: usize> {
    /// L · values.
    fn apply<S: Simd>(simd: S, values: [S::f32s; A]) -> [S::f32s; B];
}

/// Values that [`both_ways`] loads line by line, so that they need not be gathered first.
pub trait Square<const A: usize> {
    /// Line `a`, starting at its first value.
    fn line<S: Simd>(&self, simd: S, a: usize) -> [S::f32s; A];
}

/// Register `register` of every `stride`-th lane: line `a` begins at lane `a · A · stride`.
pub struct Strided<'a> {
    pub lanes: &'a [Lane],
    pub stride: usize,
    pub register: usize,
}

impl<const A: usize> Square<A> for Strided<'_> {
    #[inline(always)]
    fn line<S: Simd>(&self, simd: S, a: usize) -> [S::f32s; A] {
        let mut line = [simd.splat_f32s(0.0); A];
        for x in 0..A {
            line[x] = register::<S>(&self.lanes[(a * A + x) * self.stride], self.register);
        }
        line
    }
}

/// L · values · Lᵀ.
// Loops and not `map` or `from_fn`: their closures are not guaranteed to be inlined, and only code that is
// inlined is compiled for the machine's vectors. The same holds wherever registers are used.
#[inline(always)]
pub fn both_ways<S: Simd, L: Line<A, B>, const A: usize, const B: usize>(
    simd: S,
    values: &impl Square<A>,
) -> [[S::f32s; B]; B] {
    let zero = simd.splat_f32s(0.0);
    let mut columns = [[zero; A]; B];
    for a in 0..A {
        let line = L::apply(simd, values.line(simd, a));
        for b in 0..B {
            columns[b][a] = line[b];
        }
    }
    let mut whole = [[zero; B]; B];
    for j in 0..B {
        let line = L::apply(simd, columns[j]);
        for i in 0..B {
            whole[i][j] = line[i];
        }
    }
    whole
}

/// factor · value + sum.
#[inline(always)]
fn scaled<S: Simd>(simd: S, factor: f32, value: S::f32s, sum: S::f32s) -> S::f32s {
    simd.mul_add_e_f32s(simd.splat_f32s(factor), value, sum)
}

/// factor · value.
#[inline(always)]
fn times<S: Simd>(simd: S, factor: f32, value: S::f32s) -> S::f32s {
    simd.mul_f32s(simd.splat_f32s(factor), value)
}

/// The values at a pair of opposite points, from the even and the odd part.
#[inline(always)]
fn pair<S: Simd>(simd: S, even: S::f32s, odd: S::f32s) -> [S::f32s; 2] {
    [simd.add_f32s(even, odd), simd.sub_f32s(even, odd)]
}

/// Bᵀ: six inputs.
pub struct Input;

impl Line<6, 6> for Input {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, d: [S::f32s; 6]) -> [S::f32s; 6] {
        let [d0, d1, d2, d3, d4, d5] = d;
        let near_even = scaled(simd, -FAR_2, d2, d4);
        let near_odd = scaled(simd, NEAR, d3, times(simd, -FAR, d1));
        let far_even = scaled(simd, -NEAR_2, d2, d4);
        let far_odd = scaled(simd, FAR, d3, times(simd, -NEAR, d1));
        let [near, minus_near] = pair(simd, near_even, near_odd);
        let [far, minus_far] = pair(simd, far_even, far_odd);
        let zero = simd.add_f32s(d0, scaled(simd, -SQUARES, d2, d4));
        let infinity = simd.add_f32s(d1, scaled(simd, -SQUARES, d3, d5));
        [zero, near, minus_near, far, minus_far, infinity]
    }
}

/// Aᵀ: six products to four outputs.
pub struct Output;

impl Line<6, 4> for Output {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, m: [S::f32s; 6]) -> [S::f32s; 4] {
        let [zero, near, minus_near, far, minus_far, infinity] = m;
        let [near_sum, near_difference] = pair(simd, near, minus_near);
        let [far_sum, far_difference] = pair(simd, far, minus_far);
        let cubes = scaled(simd, NEAR_3, near_difference, infinity);
        [
            simd.add_f32s(zero, simd.add_f32s(near_sum, far_sum)),
            scaled(
                simd,
                NEAR,
                near_difference,
                times(simd, FAR, far_difference),
            ),
            scaled(simd, NEAR_2, near_sum, times(simd, FAR_2, far_sum)),
            scaled(simd, FAR_3, far_difference, cubes),
        ]
    }
}

/// A: four output gradients to six.
pub struct Gradient;

impl Line<4, 6> for Gradient {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, y: [S::f32s; 4]) -> [S::f32s; 6] {
        let [y0, y1, y2, y3] = y;
        let near_even = scaled(simd, NEAR_2, y2, y0);
        let near_odd = scaled(simd, NEAR_3, y3, times(simd, NEAR, y1));
        let far_even = scaled(simd, FAR_2, y2, y0);
        let far_odd = scaled(simd, FAR_3, y3, times(simd, FAR, y1));
        let [near, minus_near] = pair(simd, near_even, near_odd);
        let [far, minus_far] = pair(simd, far_even, far_odd);
        [y0, near, minus_near, far, minus_far, y3]
    }
}

/// G: three filter weights to six.
pub struct Filter;

impl Line<3, 6> for Filter {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, g: [S::f32s; 3]) -> [S::f32s; 6] {
        let [g0, g1, g2] = g;
        let at = |even_2: f32, odd: f32, share: f32| {
            let even = times(simd, share, scaled(simd, even_2, g2, g0));
            pair(simd, even, times(simd, share * odd, g1))
        };
        let [near, minus_near] = at(NEAR_2, NEAR, NEAR_SHARE);
        let [far, minus_far] = at(FAR_2, FAR, FAR_SHARE);
        [g0, near, minus_near, far, minus_far, g2]
    }
}

/// Gᵀ: six products to three weight gradients.
pub struct FilterGradient;

impl Line<6, 3> for FilterGradient {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, u: [S::f32s; 6]) -> [S::f32s; 3] {
        let [zero, near, minus_near, far, minus_far, infinity] = u;
        let [near_sum, near_difference] = pair(simd, near, minus_near);
        let [far_sum, far_difference] = pair(simd, far, minus_far);
        let near_sum = times(simd, NEAR_SHARE, near_sum);
        let far_sum = times(simd, FAR_SHARE, far_sum);
        let far_odd = times(simd, FAR_SHARE * FAR, far_difference);
        [
            simd.add_f32s(zero, simd.add_f32s(near_sum, far_sum)),
            scaled(simd, NEAR_SHARE * NEAR, near_difference, far_odd),
            scaled(
                simd,
                NEAR_2,
                near_sum,
                scaled(simd, FAR_2, far_sum, infinity),
            ),
        ]
    }
}
