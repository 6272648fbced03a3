//! The two matrix products of a convolution, over operands in blocks of sixteen channels.
//!
//! Both keep a tile of the result in registers while they run along the inner dimension. An operand
//! lies as `[block][row][16]`: sixteen neighbouring channels of one row, then those of the next row.

use pulp::{Simd, WithSimd};

use crate::lanes::{LANES, Lane, blocks, load, store};

/// out = left · right, with the rows of the result in the rows of `left`.
///
/// With r a row, d an inner index and c a column of the result:
/// out\[r\]\[c\] = Σ_d left\[d / 16\]\[r\]\[d % 16\] · right\[c / 16\]\[d\]\[c % 16\].
pub struct RowProduct<'a> {
    /// `[blocks(depth)][rows][16]`
    pub left: &'a [Lane],
    pub rows: usize,
    /// `[blocks(columns)]` panels `[depth][16]`, the starts `panel_stride` lanes apart
    pub right: &'a [Lane],
    pub panel_stride: usize,
    pub depth: usize,
    /// `[rows][columns]`
    pub out: &'a mut [f32],
    pub columns: usize,
}

impl WithSimd for RowProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        // Tiles whose sums stay in registers: 16 of the 32 of AVX-512, 8 of the 16 of AVX2, 16 of the 32
        // of NEON, and few enough for plain scalars.
        match S::F32_LANES {
            16 => self.all_columns::<S, 8, 2, 1>(simd),
            8 => self.all_columns::<S, 4, 1, 2>(simd),
            4 => self.all_columns::<S, 4, 1, 4>(simd),
            _ => self.all_columns::<S, 1, 1, 16>(simd),
        }
    }
}

impl RowProduct<'_> {
    /// The whole product in tiles of `R` rows and `B` blocks of columns; a lane takes `N` registers.
    #[inline(always)]
    fn all_columns<S: Simd, const R: usize, const B: usize, const N: usize>(&mut self, simd: S) {
        let column_blocks = blocks(self.columns);
        let even = column_blocks - column_blocks % B;
        for block in (0..even).step_by(B) {
            self.all_rows::<S, R, B, N>(simd, block);
        }
        for block in even..column_blocks {
            self.all_rows::<S, R, 1, N>(simd, block);
        }
    }

    #[inline(always)]
    fn all_rows<S: Simd, const R: usize, const B: usize, const N: usize>(
        &mut self,
        simd: S,
        block: usize,
    ) {
        let even = self.rows - self.rows % R;
        for row in (0..even).step_by(R) {
            self.tile::<S, R, B, N>(simd, block, row);
        }
        for row in even..self.rows {
            self.tile::<S, 1, B, N>(simd, block, row);
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const R: usize, const B: usize, const N: usize>(
        &mut self,
        simd: S,
        block: usize,
        row: usize,
    ) {
        let panels: [&[Lane]; B] =
            std::array::from_fn(|b| &self.right[(block + b) * self.panel_stride..][..self.depth]);
        let mut sums = [[[simd.splat_f32s(0.0); N]; B]; R];
        for (left_block, first) in (0..self.depth).step_by(LANES).enumerate() {
            let start = left_block * self.rows + row;
            let left: &[Lane; R] = self.left[start..start + R].try_into().expect("R rows");
            let count = LANES.min(self.depth - first);
            let right: [&[Lane]; B] = std::array::from_fn(|b| &panels[b][first..first + count]);
            for d in 0..count {
                let right: [[S::f32s; N]; B] = std::array::from_fn(|b| load::<S, N>(&right[b][d]));
                for r in 0..R {
                    let factor = simd.splat_f32s(left[r][d % LANES]);
                    for b in 0..B {
                        for n in 0..N {
                            sums[r][b][n] = simd.mul_add_f32s(factor, right[b][n], sums[r][b][n]);
                        }
                    }
                }
            }
        }
        for (r, sums) in sums.into_iter().enumerate() {
            let out = &mut self.out[(row + r) * self.columns..][..self.columns];
            for (b, sums) in sums.into_iter().enumerate() {
                let out = &mut out[(block + b) * LANES..];
                if let Some(whole) = out.first_chunk_mut() {
                    store::<S, N>(whole, sums);
                } else {
                    let mut lane = [0.0; LANES];
                    store::<S, N>(&mut lane, sums);
                    out.copy_from_slice(&lane[..out.len()]);
                }
            }
        }
    }
}

/// out += leftᵀ · right for one block of sixteen columns of `left`.
///
/// With i a column of `left` and c one of `right`:
/// out\[c / 16\]\[i\]\[c % 16\] += Σ_r left\[r\]\[i\] · right\[c / 16\]\[r\]\[c % 16\].
pub struct ColumnProduct<'a> {
    /// `[rows][16]`
    pub left: &'a [Lane],
    /// `[blocks][rows][16]`
    pub right: &'a [Lane],
    /// `[blocks][16][16]`
    pub out: &'a mut [Lane],
}

impl WithSimd for ColumnProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        match S::F32_LANES {
            16 => self.all_columns::<S, 8, 2, 1>(simd),
            8 => self.all_columns::<S, 4, 1, 2>(simd),
            4 => self.all_columns::<S, 4, 1, 4>(simd),
            _ => self.all_columns::<S, 1, 1, 16>(simd),
        }
    }
}

impl ColumnProduct<'_> {
    /// The whole product in tiles of `R` columns of `left` and `B` blocks of `right`.
    #[inline(always)]
    fn all_columns<S: Simd, const R: usize, const B: usize, const N: usize>(&mut self, simd: S) {
        let column_blocks = self.out.len() / LANES;
        let even = column_blocks - column_blocks % B;
        for first in (0..LANES).step_by(R) {
            for block in (0..even).step_by(B) {
                self.tile::<S, R, B, N>(simd, block, first);
            }
            for block in even..column_blocks {
                self.tile::<S, R, 1, N>(simd, block, first);
            }
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const R: usize, const B: usize, const N: usize>(
        &mut self,
        simd: S,
        block: usize,
        first: usize,
    ) {
        let rows = self.left.len();
        let right: [&[Lane]; B] =
            std::array::from_fn(|b| &self.right[(block + b) * rows..][..rows]);
        let place = |b: usize, i: usize| (block + b) * LANES + first + i;
        let mut sums: [[[S::f32s; N]; R]; B] =
            std::array::from_fn(|b| std::array::from_fn(|i| load::<S, N>(&self.out[place(b, i)])));
        for (r, left) in self.left.iter().enumerate() {
            let left: &[f32; R] = left[first..first + R].try_into().expect("R columns");
            let right: [[S::f32s; N]; B] = std::array::from_fn(|b| load::<S, N>(&right[b][r]));
            for i in 0..R {
                let factor = simd.splat_f32s(left[i]);
                for b in 0..B {
                    for n in 0..N {
                        sums[b][i][n] = simd.mul_add_f32s(factor, right[b][n], sums[b][i][n]);
                    }
                }
            }
        }
        for (b, sums) in sums.into_iter().enumerate() {
            for (i, sums) in sums.into_iter().enumerate() {
                store::<S, N>(&mut self.out[place(b, i)], sums);
            }
        }
    }
}
