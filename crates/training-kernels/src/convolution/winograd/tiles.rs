//! Images split into tiles, and the tiles transformed to planes.

use std::marker::PhantomData;
use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::super::Convolution;
use super::super::transform::{self, Line, PLANES, SPAN, Square, TILE, both_ways};
use crate::lanes::{LANES, Lane, blocks, load_register, set_register};

/// Images seen as tiles.
#[derive(Clone, Copy)]
pub struct Tiles {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
}

impl Tiles {
    /// The tiles of the images of `convolution`, as its input or output with so many channels.
    pub fn of(convolution: &Convolution, channels: usize) -> Self {
        Self {
            height: convolution.height,
            width: convolution.width,
            channels,
        }
    }

    /// Number of tiles along one row of an image.
    pub fn across(self) -> usize {
        self.width.div_ceil(TILE)
    }

    /// Number of tiles of an image.
    pub fn in_image(self) -> usize {
        self.across() * self.height.div_ceil(TILE)
    }

    /// Registers of `S` that hold the channels of block `block`.
    pub fn registers<S: Simd>(self, block: usize) -> usize {
        LANES
            .min(self.channels - block * LANES)
            .div_ceil(S::F32_LANES)
    }

    /// Number of values of an image.
    pub fn values(self) -> usize {
        self.height * self.width * self.channels
    }

    /// Lanes of a plane of `rows` tiles, and one more: planes a power of two apart would share the
    /// same few sets of the cache.
    pub fn plane(self, rows: usize) -> usize {
        blocks(self.channels) * rows + 1
    }

    /// Image, row and column of the first output of tile `tile`, counted over the batch.
    pub fn place(self, tile: usize) -> [usize; 3] {
        let (image, tile) = (tile / self.in_image(), tile % self.in_image());
        [
            image,
            tile / self.across() * TILE,
            tile % self.across() * TILE,
        ]
    }
}

/// The tiles in `range`, each with `MARGIN` pixels around its outputs, transformed to planes by `L`:
/// Bᵀ d B of inputs d, or A dy Aᵀ of output gradients dy.
pub struct TileTransform<'a, L, const SIDE: usize, const MARGIN: usize> {
    pub tiles: Tiles,
    pub range: Range<usize>,
    /// `[images, height, width, channels]`
    pub images: &'a [f32],
    /// `[36]` planes `[blocks][tiles][16]`
    pub planes: &'a mut [Lane],
    pub line: PhantomData<L>,
}

pub type InputTransform<'a> = TileTransform<'a, transform::Input, SPAN, 1>;
pub type GradientTransform<'a> = TileTransform<'a, transform::Gradient, TILE, 0>;

impl<L: Line<SIDE, SPAN>, const SIDE: usize, const MARGIN: usize> WithSimd
    for TileTransform<'_, L, SIDE, MARGIN>
{
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (tiles, planes) = (self.tiles, self.planes);
        let (rows, stride) = (self.range.len(), tiles.plane(self.range.len()));
        for (row, tile) in self.range.enumerate() {
            let [image, top, left] = tiles.place(tile);
            for block in 0..blocks(tiles.channels) {
                for n in 0..tiles.registers::<S>(block) {
                    let patch = Patch {
                        tiles,
                        images: self.images,
                        // Positions before the first pixel wrap to a coordinate outside the image.
                        first: [image, top.wrapping_sub(MARGIN), left.wrapping_sub(MARGIN)],
                        channel: block * LANES + n * S::F32_LANES,
                    };
                    let values = both_ways::<S, L, SIDE, SPAN>(simd, &patch);
                    for plane in 0..PLANES {
                        let lane = &mut planes[plane * stride + block * rows + row];
                        set_register::<S>(lane, n, values[plane / SPAN][plane % SPAN]);
                    }
                }
            }
        }
    }
}

/// A register of channels of each pixel of a square, zeros where it is outside the image.
struct Patch<'a> {
    tiles: Tiles,
    /// `[images, height, width, channels]`
    images: &'a [f32],
    /// Image, row and column of the first pixel.
    first: [usize; 3],
    /// The first of the register.
    channel: usize,
}

impl<const SIDE: usize> Square<SIDE> for Patch<'_> {
    #[inline(always)]
    fn line<S: Simd>(&self, simd: S, line: usize) -> [S::f32s; SIDE] {
        let Tiles {
            height,
            width,
            channels,
        } = self.tiles;
        let [image, top, left] = self.first;
        let y = top.wrapping_add(line);
        let mut registers = [simd.splat_f32s(0.0); SIDE];
        if y >= height {
            return registers;
        }
        let row = &self.images[(image * height + y) * width * channels..][..width * channels];
        for column in 0..SIDE {
            let x = left.wrapping_add(column);
            if x < width {
                let pixel = &row[x * channels..][..channels];
                registers[column] = load_register(simd, &pixel[self.channel..]);
            }
        }
        registers
    }
}
