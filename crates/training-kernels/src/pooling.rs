//! Max-pooling of channels-last images over plain slices.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use crate::instructions::vectorized;
use crate::output::computed;

/// Max-pooling of square windows that do not overlap; rows and columns that fill no window are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPooling {
    pub batch: usize,
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    /// Of a window.
    pub size: usize,
}

impl MaxPooling {
    /// The shape of the output, `[batch, height, width, channels]`.
    pub fn output(&self) -> [usize; 4] {
        let [height, width] = [self.height, self.width].map(|length| length / self.size);
        [self.batch, height, width, self.channels]
    }

    /// The largest value of each window, NaN if there is one.
    pub fn forward(&self, values: &[f32]) -> Vec<f32> {
        let [_, height, width, channels] = self.output();
        let image = self.height * self.width * channels;
        let [output] = computed(
            self.batch * height * width * channels,
            height * width * channels,
            |index, [output]| {
                vectorized(Largest {
                    pooling: self,
                    values: &values[index * image..][..image],
                    output,
                });
            },
        );
        output
    }

    /// The gradient of `values`: that of a window goes to its first largest value.
    pub fn input_gradient(&self, gradient: &[f32], values: &[f32], output: &[f32]) -> Vec<f32> {
        let [_, height, width, channels] = self.output();
        let [input] = computed(
            values.len(),
            self.height * self.width * channels,
            |index, [input]| {
                let pooled = height * width * channels;
                let part = index * pooled..(index + 1) * pooled;
                vectorized(ToLargest {
                    pooling: self,
                    gradient: &gradient[part.clone()],
                    values: &values[index * input.len()..][..input.len()],
                    output: &output[part],
                    input,
                });
            },
        );
        input
    }

    /// Where in an image the channels of each pixel of a window are, row by row.
    #[inline(always)]
    fn pixels(&self, window: usize) -> impl Iterator<Item = Range<usize>> {
        let Self {
            width,
            channels,
            size,
            ..
        } = *self;
        let (row, column) = (window / (width / size), window % (width / size));
        (0..size * size).map(move |pixel| {
            let (y, x) = (row * size + pixel / size, column * size + pixel % size);
            let start = (y * width + x) * channels;
            start..start + channels
        })
    }
}

/// Pools one image.
struct Largest<'a> {
    pooling: &'a MaxPooling,
    values: &'a [f32],
    output: &'a mut [f32],
}

impl WithSimd for Largest<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let windows = self.output.chunks_exact_mut(self.pooling.channels);
        for (window, output) in windows.enumerate() {
            output.fill(f32::NEG_INFINITY);
            for pixel in self.pooling.pixels(window) {
                for (largest, &value) in output.iter_mut().zip(&self.values[pixel]) {
                    // Whatever is not greater than NaN leaves it, and NaN is not less than or equal to anything.
                    *largest = if value <= *largest || largest.is_nan() {
                        *largest
                    } else {
                        value
                    };
                }
            }
        }
    }
}

/// Distributes the gradient of one image.
struct ToLargest<'a> {
    pooling: &'a MaxPooling,
    gradient: &'a [f32],
    values: &'a [f32],
    output: &'a [f32],
    input: &'a mut [f32],
}

impl WithSimd for ToLargest<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let channels = self.pooling.channels;
        let windows = self.gradient.chunks_exact(channels);
        let mut left = vec![0.0; channels];
        for ((window, gradient), output) in
            windows.enumerate().zip(self.output.chunks_exact(channels))
        {
            left.copy_from_slice(gradient);
            for pixel in self.pooling.pixels(window) {
                let values = self.values[pixel.clone()].iter().zip(output);
                let places = self.input[pixel].iter_mut().zip(&mut left);
                for ((place, left), (value, largest)) in places.zip(values) {
                    let is_largest = value == largest;
                    *place = if is_largest { *left } else { 0.0 };
                    *left = if is_largest { 0.0 } else { *left };
                }
            }
        }
    }
}
