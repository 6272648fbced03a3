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
    /// `[rows][stride]`, of which the first `columns` values are written
    pub out: &'a mut [f32],
    pub columns: usize,
    pub stride: usize,
}

/// Runs `$tiles::<S, ROWS, BLOCKS, REGISTERS, HALF_ROWS, HALF_REGISTERS>` with the tiles whose sums stay in
/// the registers of `S`: 16 of the 32 of AVX-512 and NEON, 12 of the 16 of AVX2 (ten sums or more keep its
/// two multipliers busy; beside them stand two registers of `right` and a factor), and few enough for plain
/// scalars. A lane takes `REGISTERS`. The half tile is for lanes of which at most half is in use.
macro_rules! in_registers {
    ($S:ident, $product:ident.$tiles:ident($simd:ident)) => {
        match $S::F32_LANES {
            16 => $product.$tiles::<$S, 8, 2, 1, 8, 1>($simd),
            8 => $product.$tiles::<$S, 6, 1, 2, 12, 1>($simd),
            4 => $product.$tiles::<$S, 4, 1, 4, 8, 2>($simd),
            _ => $product.$tiles::<$S, 1, 1, 16, 2, 8>($simd),
        }
    };
}

/// Whether the first half of a lane's `registers` holds `columns` values.
#[inline(always)]
fn fits_half<S: Simd>(columns: usize, registers: usize) -> bool {
    registers > 1 && columns <= registers / 2 * S::F32_LANES
}

impl WithSimd for RowProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        in_registers!(S, self.all_columns(simd));
    }
}

impl RowProduct<'_> {
    /// The whole product in tiles of `R` rows and `B` blocks of `N` registers, or of `HR` rows and the
    /// first `HN` registers of a block.
    #[inline(always)]
    fn all_columns<
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
        let column_blocks = blocks(self.columns);
        let even = column_blocks - column_blocks % B;
        for block in (0..even).step_by(B) {
            if B == 1 && fits_half::<S>(self.columns - block * LANES, N) {
                self.all_rows::<S, HR, 1, HN>(simd, block);
            } else {
                self.all_rows::<S, R, B, N>(simd, block);
            }
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
        let mut row = 0;
        while row + R <= self.rows {
            self.tile::<S, R, B, N>(simd, block, row);
            row += R;
        }
        while row + 4 <= self.rows {
            self.tile::<S, 4, B, N>(simd, block, row);
            row += 4;
        }
        while row < self.rows {
            self.tile::<S, 1, B, N>(simd, block, row);
            row += 1;
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
        in_registers!(S, self.all_blocks(simd));
    }
}

impl ColumnProduct<'_> {
    /// The whole product in tiles of `R` columns of `left` and `B` blocks of `N` registers of `right`, or
    /// of `HR` columns and the first `HN` registers of a block.
    #[inline(always)]
    fn all_blocks<
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
        let column_blocks = blocks(self.columns);
        let even = column_blocks - column_blocks % B;
        for block in (0..even).step_by(B) {
            if B == 1 && fits_half::<S>(self.columns - block * LANES, N) {
                self.all_left::<S, HR, 1, HN>(simd, block);
            } else {
                self.all_left::<S, R, B, N>(simd, block);
            }
        }
        for block in even..column_blocks {
            self.all_left::<S, R, 1, N>(simd, block);
        }
    }

    #[inline(always)]
    fn all_left<S: Simd, const R: usize, const B: usize, const N: usize>(
        &mut self,
        simd: S,
        block: usize,
    ) {
        let mut first = 0;
        while first + R <= self.left_columns {
            self.tile::<S, R, B, N>(simd, block, first);
            first += R;
        }
        while first + 4 <= self.left_columns {
            self.tile::<S, 4, B, N>(simd, block, first);
            first += 4;
        }
        while first < self.left_columns {
            self.tile::<S, 1, B, N>(simd, block, first);
            first += 1;
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
