//! The two matrix products of a convolution, over operands in blocks of sixteen channels.
//!
//! Both keep a tile of the result in registers while they run along the inner dimension. An operand
//! has the layout `[block][row][16]`: sixteen adjacent channels of one row, then those of the next row.

use pulp::{Simd, WithSimd};

use crate::lanes::{LANES, Lane, blocks, load, store};

/// A product that is computed in tiles whose sums stay in registers.
trait InTiles {
    /// Rows and columns of the result.
    fn size(&self) -> [usize; 2];

    /// Computes the rows starting at `row` and the lanes starting at `block` of a tile of `R` rows and `B` lanes, or
    /// only the first `N` registers of each lane.
    fn tile<S: Simd, const R: usize, const B: usize, const N: usize>(
        &mut self,
        simd: S,
        row: usize,
        block: usize,
    );

    /// The whole product. Its tiles have 16 sums of the 32 registers of AVX-512 and NEON, 12 of the 16 of
    /// AVX2 (its two multipliers need ten; beside them stand two registers of the right operand and a
    /// factor), and few enough for plain scalars.
    #[inline(always)]
    fn compute<S: Simd>(&mut self, simd: S) {
        match S::F32_LANES {
            16 => self.all::<S, 8, 2, 1, 8, 1>(simd),
            8 => self.all::<S, 6, 1, 2, 12, 1>(simd),
            4 => self.all::<S, 4, 1, 4, 8, 2>(simd),
            _ => self.all::<S, 1, 1, 16, 2, 8>(simd),
        }
    }

    /// The whole product in tiles of `R` rows and `B` lanes of `N` registers. A lane of which the first half
    /// is enough, if it has several registers, is computed by tiles of `HR` rows and `HN` registers.
    #[inline(always)]
    fn all<
        S: Simd,
        const R: usize,
        const B: usize,
        const N: usize,
        const HR: usize,
        const HN: usize,
    >(
        &mut self,
        simd: S,
    ) {
        let [_, columns] = self.size();
        let even = blocks(columns) - blocks(columns) % B;
        for block in (0..even).step_by(B) {
            let half = N > 1 && columns - block * LANES <= HN * S::F32_LANES;
            if half {
                self.all_rows::<S, HR, 1, HN>(simd, block);
            } else {
                self.all_rows::<S, R, B, N>(simd, block);
            }
        }
        for block in even..blocks(columns) {
            self.all_rows::<S, R, 1, N>(simd, block);
        }
    }

    #[inline(always)]
    fn all_rows<S: Simd, const R: usize, const B: usize, const N: usize>(
        &mut self,
        simd: S,
        block: usize,
    ) {
        let [rows, _] = self.size();
        let mut row = 0;
        while row + R <= rows {
            self.tile::<S, R, B, N>(simd, row, block);
            row += R;
        }
        while row + 4 <= rows {
            self.tile::<S, 4, B, N>(simd, row, block);
            row += 4;
        }
        while row < rows {
            self.tile::<S, 1, B, N>(simd, row, block);
            row += 1;
        }
    }
}

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
    /// `[rows][stride]`; values past `columns` may be written over
    pub out: &'a mut [f32],
    pub columns: usize,
    pub stride: usize,
}

impl WithSimd for RowProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        self.compute(simd);
    }
}

impl InTiles for RowProduct<'_> {
    #[inline(always)]
    fn size(&self) -> [usize; 2] {
        [self.rows, self.columns]
    }

    #[inline(always)]
    fn tile<S: Simd, const R: usize, const B: usize, const N: usize>(
        &mut self,
        simd: S,
        row: usize,
        block: usize,
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
                let mut lanes = [[simd.splat_f32s(0.0); N]; B];
                for b in 0..B {
                    lanes[b] = load::<S, N>(&right[b][d]);
                }
                for r in 0..R {
                    let factor = simd.splat_f32s(left[r][d % LANES]);
                    for b in 0..B {
                        for n in 0..N {
                            sums[r][b][n] = simd.mul_add_e_f32s(factor, lanes[b][n], sums[r][b][n]);
                        }
                    }
                }
            }
        }
        for r in 0..R {
            let out = &mut self.out[(row + r) * self.stride..][..self.stride];
            for b in 0..B {
                store(simd, &mut out[(block + b) * LANES..], sums[r][b]);
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
    /// Columns of `left` that are in use, 1 to 16
    pub left_columns: usize,
    /// `[blocks(columns)][rows][16]`
    pub right: &'a [Lane],
    pub columns: usize,
    /// `[blocks(columns)][16][16]`
    pub out: &'a mut [Lane],
}

impl WithSimd for ColumnProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        self.compute(simd);
    }
}

impl InTiles for ColumnProduct<'_> {
    #[inline(always)]
    fn size(&self) -> [usize; 2] {
        [self.left_columns, self.columns]
    }

    #[inline(always)]
    fn tile<S: Simd, const R: usize, const B: usize, const N: usize>(
        &mut self,
        simd: S,
        first: usize,
        block: usize,
    ) {
        let rows = self.left.len();
        let right: [&[Lane]; B] =
            std::array::from_fn(|b| &self.right[(block + b) * rows..][..rows]);
        let zero = simd.splat_f32s(0.0);
        let mut sums = [[[zero; N]; R]; B];
        for b in 0..B {
            for i in 0..R {
                sums[b][i] = load::<S, N>(&self.out[(block + b) * LANES + first + i]);
            }
        }
        for (r, left) in self.left.iter().enumerate() {
            let left: &[f32; R] = left[first..first + R].try_into().expect("R columns");
            let mut lanes = [[zero; N]; B];
            for b in 0..B {
                lanes[b] = load::<S, N>(&right[b][r]);
            }
            for i in 0..R {
                let factor = simd.splat_f32s(left[i]);
                for b in 0..B {
                    for n in 0..N {
                        sums[b][i][n] = simd.mul_add_e_f32s(factor, lanes[b][n], sums[b][i][n]);
                    }
                }
            }
        }
        for b in 0..B {
            for i in 0..R {
                let place = &mut self.out[(block + b) * LANES + first + i];
                store(simd, place, sums[b][i]);
            }
        }
    }
}
