//! The loops of batch normalisation over one chunk of rows.
//!
//! They run over whole periods, in which per-channel numbers are aligned with the channel's values, so
//! that the compiler turns them into vector instructions for any number of channels.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::Epilogue;

/// Shortest period: long enough that consecutive additions are independent.
const PERIOD: usize = 128;
/// Number of values in a chunk, which stays in a core's cache between two passes.
const CHUNK: usize = 1 << 14;

/// How rows of `channels` values are traversed.
pub struct Layout {
    channels: usize,
    /// Number of values in a period, some whole rows.
    period: usize,
    /// Number of values in a chunk, some whole periods, which one task processes.
    pub chunk: usize,
}

impl Layout {
    pub fn new(channels: usize) -> Self {
        let period = channels * PERIOD.div_ceil(channels);
        let chunk = period * CHUNK.div_ceil(period);
        Self {
            channels,
            period,
            chunk,
        }
    }

    /// Number of rows in `values`.
    pub fn rows(&self, values: &[f32]) -> f64 {
        (values.len() / self.channels) as f64
    }

    /// The range of chunk number `index`, which has `len` values.
    pub fn part(&self, index: usize, len: usize) -> Range<usize> {
        index * self.chunk..index * self.chunk + len
    }

    /// One value per channel, repeated to a period.
    pub fn tiled(&self, values: &[f32]) -> Vec<f32> {
        values.repeat(self.period / self.channels)
    }

    /// The sums of `add` over a period, reduced to one sum per channel.
    pub fn sums(&self, add: impl FnOnce(&mut [f32])) -> Vec<f32> {
        let mut sums = vec![0.0; self.period];
        add(&mut sums);
        self.folded(&sums)
    }

    /// The same for two sums.
    pub fn sum_pairs(&self, add: impl FnOnce([&mut [f32]; 2])) -> [Vec<f32>; 2] {
        let mut sums = [(); 2].map(|()| vec![0.0; self.period]);
        add(sums.each_mut().map(Vec::as_mut_slice));
        sums.map(|sums| self.folded(&sums))
    }

    fn folded(&self, sums: &[f32]) -> Vec<f32> {
        let mut folded = vec![0.0; self.channels];
        for row in sums.chunks_exact(self.channels) {
            for (folded, sum) in folded.iter_mut().zip(row) {
                *folded += sum;
            }
        }
        folded
    }
}

/// sums += x, or sums += (x − minus)².
pub struct Sum<'a> {
    pub values: &'a [f32],
    pub minus: Option<&'a [f32]>,
    /// A period, like `minus`.
    pub sums: &'a mut [f32],
}

impl WithSimd for Sum<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        for values in self.values.chunks(self.sums.len()) {
            let sums = self.sums.iter_mut().zip(values);
            if let Some(minus) = self.minus {
                for ((sum, value), minus) in sums.zip(minus) {
                    *sum += (value - minus) * (value - minus);
                }
            } else {
                for (sum, value) in sums {
                    *sum += value;
                }
            }
        }
    }
}

/// output = scale · x + shift, then the epilogue.
pub struct Normalize<'a> {
    pub values: &'a [f32],
    /// A period, like `shift`.
    pub scale: &'a [f32],
    pub shift: &'a [f32],
    pub epilogue: Epilogue<&'a [f32]>,
    pub output: &'a mut [f32],
}

impl WithSimd for Normalize<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let period = self.scale.len();
        let periods = self
            .output
            .chunks_mut(period)
            .zip(self.values.chunks(period));
        for (index, (output, values)) in periods.enumerate() {
            let scaled = values.iter().zip(self.scale).zip(self.shift);
            let places = output.iter_mut().zip(scaled);
            match self.epilogue {
                Epilogue::Nothing => {
                    for (place, ((value, scale), shift)) in places {
                        *place = value * scale + shift;
                    }
                }
                Epilogue::Relu => {
                    for (place, ((value, scale), shift)) in places {
                        *place = rectified(value * scale + shift);
                    }
                }
                Epilogue::AddRelu(residual) => {
                    let places = places.zip(&residual[index * period..]);
                    for ((place, ((value, scale), shift)), residual) in places {
                        *place = rectified(value * scale + shift + residual);
                    }
                }
            }
        }
    }
}

/// max(value, 0), which propagates NaN.
#[inline(always)]
fn rectified(value: f32) -> f32 {
    if value < 0.0 { 0.0 } else { value }
}

/// The gradient of a ReLU's input, given that of its `output`.
#[inline(always)]
fn passed(gradient: f32, output: f32) -> f32 {
    if output <= 0.0 { 0.0 } else { gradient }
}

/// sums += \[g, g · (x − mean)\].
pub struct GradientSums<'a> {
    pub gradient: &'a [f32],
    /// Of the ReLU, if there was one.
    pub output: Option<&'a [f32]>,
    pub values: &'a [f32],
    /// A period, like both sums.
    pub means: &'a [f32],
    pub sums: [&'a mut [f32]; 2],
}

impl WithSimd for GradientSums<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let period = self.means.len();
        let [sums, products] = self.sums;
        let periods = self.gradient.chunks(period).zip(self.values.chunks(period));
        for (index, (gradient, values)) in periods.enumerate() {
            let sums = sums.iter_mut().zip(products.iter_mut());
            let places = sums.zip(gradient).zip(values.iter().zip(self.means));
            if let Some(output) = self.output {
                let places = places.zip(&output[index * period..]);
                for ((((sum, product), gradient), (value, mean)), output) in places {
                    let gradient = passed(*gradient, *output);
                    *sum += gradient;
                    *product += gradient * (value - mean);
                }
            } else {
                for (((sum, product), gradient), (value, mean)) in places {
                    *sum += gradient;
                    *product += gradient * (value - mean);
                }
            }
        }
    }
}

/// input = slope · g + tilt · x + level and residual = g.
pub struct InputGradient<'a> {
    pub gradient: &'a [f32],
    /// Of the ReLU, if there was one.
    pub output: Option<&'a [f32]>,
    pub values: &'a [f32],
    /// Slope, tilt and level, a period each.
    pub factors: &'a [Vec<f32>; 3],
    pub input: &'a mut [f32],
    /// Empty if there was no residual.
    pub residual: &'a mut [f32],
}

impl WithSimd for InputGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let [slopes, tilts, levels] = self.factors;
        let period = slopes.len();
        let periods = self
            .input
            .chunks_mut(period)
            .zip(self.values.chunks(period));
        for (index, (input, values)) in periods.enumerate() {
            let part = index * period..index * period + input.len();
            let gradient = &self.gradient[part.clone()];
            let factors = slopes.iter().zip(tilts).zip(levels);
            let places = input.iter_mut().zip(values).zip(gradient).zip(factors);
            match self.output.map(|output| &output[part.clone()]) {
                None => {
                    for (((place, value), gradient), ((slope, tilt), level)) in places {
                        *place = slope * gradient + tilt * value + level;
                    }
                }
                Some(output) if self.residual.is_empty() => {
                    for ((((place, value), gradient), ((slope, tilt), level)), output) in
                        places.zip(output)
                    {
                        *place = slope * passed(*gradient, *output) + tilt * value + level;
                    }
                }
                Some(output) => {
                    let places = places.zip(output).zip(&mut self.residual[part]);
                    for (
                        ((((place, value), gradient), ((slope, tilt), level)), output),
                        residual,
                    ) in places
                    {
                        *residual = passed(*gradient, *output);
                        *place = slope * *residual + tilt * value + level;
                    }
                }
            }
        }
    }
}
