//! GELU over plain slices.

use pulp::{Simd, WithSimd};

use crate::instructions::vectorized;
use crate::output::computed;

/// Numbers that one task computes.
const CHUNK: usize = 1 << 14;

/// An odd function x · P(x²) / Q(x²) on [−end, end] that is constant beyond, from the lowest power on. Both below were fitted
/// by iteratively reweighted least squares in float64; in float32, rounding takes their errors to 3e-7.
struct OddRational {
    end: f32,
    numerator: [f32; 6],
    denominator: [f32; 6],
}

/// Φ(x) − ½, with Φ the distribution function of the standard normal distribution, to 7e-9.
const PROBABILITY: OddRational = OddRational {
    end: 5.5,
    numerator: [
        0.398_942_23,
        0.033_852_778,
        0.004_677_269,
        0.000_168_827_07,
        6.352_132e-6,
        2.274_933_1e-8,
    ],
    denominator: [
        1.0,
        0.251_522_24,
        0.028_645_948,
        0.001_884_452_8,
        7.364_797e-5,
        1.197_503_9e-6,
    ],
};

/// Φ(x) + x φ(x) − ½, with φ = Φ', to 1.2e-7.
const SLOPE: OddRational = OddRational {
    end: 5.8,
    numerator: [
        0.797_885_36,
        -0.030_995_842,
        0.014_230_304,
        1.922_083e-5,
        3.595_593_8e-5,
        1.929_291e-7,
    ],
    denominator: [
        1.0,
        0.294_494_06,
        0.040_980_216,
        0.003_523_035_2,
        0.000_192_036_52,
        8.952_414e-6,
    ],
};

impl OddRational {
    #[inline(always)]
    fn at(&self, x: f32) -> f32 {
        let x = x.clamp(-self.end, self.end);
        let square = x * x;
        let horner = |coefficients: &[f32; 6]| {
            let [a, b, c, d, e, f] = *coefficients;
            ((((f * square + e) * square + d) * square + c) * square + b) * square + a
        };
        x * horner(&self.numerator) / horner(&self.denominator)
    }
}

/// x · Φ(x) of each number.
pub fn gelu(values: &[f32]) -> Vec<f32> {
    let [output] = computed(values.len(), CHUNK, |index, [output]| {
        let values = &values[index * CHUNK..][..output.len()];
        vectorized(Gelu { values, output });
    });
    output
}

/// The gradient of `values`, given that of [`gelu`]: g · (Φ(x) + x φ(x)).
pub fn gelu_gradient(gradient: &[f32], values: &[f32]) -> Vec<f32> {
    let [input] = computed(values.len(), CHUNK, |index, [input]| {
        let part = index * CHUNK..index * CHUNK + input.len();
        vectorized(GeluGradient {
            gradient: &gradient[part.clone()],
            values: &values[part],
            input,
        });
    });
    input
}

struct Gelu<'a> {
    values: &'a [f32],
    output: &'a mut [f32],
}

impl WithSimd for Gelu<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        for (place, &value) in self.output.iter_mut().zip(self.values) {
            let probability = 0.5 + PROBABILITY.at(value);
            // What rounding leaves of 0 would be multiplied by a large number.
            let probability = if value < -PROBABILITY.end {
                0.0
            } else {
                probability
            };
            *place = value * probability;
        }
    }
}

struct GeluGradient<'a> {
    gradient: &'a [f32],
    values: &'a [f32],
    input: &'a mut [f32],
}

impl WithSimd for GeluGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let places = self.input.iter_mut().zip(self.gradient);
        for ((place, gradient), &value) in places.zip(self.values) {
            *place = gradient * (0.5 + SLOPE.at(value));
        }
    }
}
