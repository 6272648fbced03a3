//! Two-dimensional convolution of channels-last images over plain slices.

mod direct;
mod sums;
mod transform;
mod winograd;

use crate::lanes::{LANES, Lane};

/// A square convolution of a batch of images, without bias, groups or dilation.
///
/// With x the input, w the weight, y the output, s the stride and p the padding:
/// y\[n, i, j, o\] = Σ_{a, b, c} x\[n, s·i + a − p, s·j + b − p, c\] · w\[o, c, a, b\],
/// where x is 0 outside the image, as in `torch.nn.functional.conv2d`.
///
/// Images have the layout `[batch, height, width, channels]`, the weight
/// `[channels_out, channels_in, kernel, kernel]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    pub batch: usize,
    pub height: usize,
    pub width: usize,
    pub channels_in: usize,
    pub channels_out: usize,
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
}

impl Convolution {
    /// The convolution of an `input` of shape `[batch, height, width, channels_in]` with a `weight`
    /// of shape `[channels_out, channels_in, kernel, kernel]`.
    ///
    /// # Panics
    /// When the channels differ, the kernel is not square or larger than the padded image, or
    /// anything but the batch is empty.
    pub fn new(input: [usize; 4], weight: [usize; 4], stride: usize, padding: usize) -> Self {
        let [batch, height, width, channels_in] = input;
        let [channels_out, weight_channels, kernel, kernel_width] = weight;
        assert!(
            channels_in == weight_channels && kernel == kernel_width && kernel > 0,
            "expected a square weight [channels_out, channels_in, kernel, kernel] for the channels of the input [batch, height, width, channels_in], found weight {weight:?} and input {input:?}"
        );
        assert!(
            height.min(width).min(channels_in).min(channels_out) > 0,
            "expected images and a weight that are not empty, found weight {weight:?} and input {input:?}"
        );
        assert!(
            stride > 0 && height.min(width) + 2 * padding >= kernel,
            "expected a stride of at least 1 and a kernel no larger than the padded image, found stride {stride}, padding {padding}, weight {weight:?} and input {input:?}"
        );
        Self {
            batch,
            height,
            width,
            channels_in,
            channels_out,
            kernel,
            stride,
            padding,
        }
    }

    /// Height and width of the output.
    pub fn output_size(&self) -> [usize; 2] {
        [self.height, self.width]
            .map(|size| (size + 2 * self.padding - self.kernel) / self.stride + 1)
    }

    /// Shape of the input, `[batch, height, width, channels_in]`.
    pub fn input(&self) -> [usize; 4] {
        [self.batch, self.height, self.width, self.channels_in]
    }

    /// Shape of the output, `[batch, height, width, channels_out]`.
    pub fn output(&self) -> [usize; 4] {
        let [height, width] = self.output_size();
        [self.batch, height, width, self.channels_out]
    }

    /// Shape of the weight, `[channels_out, channels_in, kernel, kernel]`.
    pub fn weight(&self) -> [usize; 4] {
        [
            self.channels_out,
            self.channels_in,
            self.kernel,
            self.kernel,
        ]
    }

    /// Number of additions and multiplications of the definition above.
    pub fn operations(&self) -> f64 {
        2.0 * self.output_len() as f64 * self.depth() as f64
    }

    /// Number of values of the input.
    pub fn input_len(&self) -> usize {
        self.input().iter().product()
    }

    /// Number of values of the output.
    pub fn output_len(&self) -> usize {
        self.output().iter().product()
    }

    /// Number of values of the weight.
    pub fn weight_len(&self) -> usize {
        self.weight().iter().product()
    }

    /// Number of products in one value of the output.
    pub(crate) fn depth(&self) -> usize {
        self.channels_in * self.kernel * self.kernel
    }

    /// Whether Winograd's method computes this convolution: 3×3, stride 1, same size, and enough channels
    /// that its transforms cost less than gathering patches and the products it saves. Three are
    /// enough.
    fn suits_winograd(&self) -> bool {
        self.kernel == 3
            && self.stride == 1
            && self.padding == 1
            && self.channels_in.min(self.channels_out) >= 3
    }

    /// The output y.
    ///
    /// # Panics
    /// When the length of a slice does not match its shape; so do the gradients.
    pub fn forward(&self, input: &[f32], weight: &[f32]) -> Vec<f32> {
        self.check(&[(input, self.input_len()), (weight, self.weight_len())]);
        self.winograd(|| winograd::forward(self, input, weight))
            .unwrap_or_else(|| direct::forward(self, input, weight))
    }

    /// The gradient of the input, given the output's:
    /// dx\[n, i, j, c\] = Σ_{a, b, o} dy\[n, (i + p − a)/s, (j + p − b)/s, o\] · w\[o, c, a, b\].
    pub fn input_gradient(&self, gradient: &[f32], weight: &[f32]) -> Vec<f32> {
        self.check(&[(gradient, self.output_len()), (weight, self.weight_len())]);
        self.winograd(|| winograd::input_gradient(self, gradient, weight))
            .unwrap_or_else(|| direct::input_gradient(self, gradient, weight))
    }

    /// The gradient of the weight, given the output's:
    /// dw\[o, c, a, b\] = Σ_{n, i, j} dy\[n, i, j, o\] · x\[n, s·i + a − p, s·j + b − p, c\].
    pub fn weight_gradient(&self, input: &[f32], gradient: &[f32]) -> Vec<f32> {
        self.check(&[(input, self.input_len()), (gradient, self.output_len())]);
        if self.batch == 0 {
            return vec![0.0; self.weight_len()];
        }
        self.winograd(|| winograd::weight_gradient(self, input, gradient))
            .unwrap_or_else(|| direct::weight_gradient(self, input, gradient))
    }

    fn check(&self, slices: &[(&[f32], usize)]) {
        for (slice, expected) in slices {
            assert!(
                slice.len() == *expected,
                "expected {expected} values for {self:?}, found {}",
                slice.len()
            );
        }
    }

    /// The result of Winograd's method, if it applies.
    fn winograd(&self, compute: impl FnOnce() -> Option<Vec<f32>>) -> Option<Vec<f32>> {
        self.suits_winograd().then(compute).flatten()
    }

    /// Number of images whose output rows (`rows` per image) one task should compute: at least one and about
    /// [`ROWS`] rows, but fewer if threads would otherwise be idle.
    fn images_per_task(&self, rows: usize) -> usize {
        let share = self.batch.div_ceil(rayon::current_num_threads());
        (ROWS / rows).clamp(1, share.max(1))
    }
}

/// Rows of a matrix product that are processed together. Their operands stay in a core's cache of
/// a megabyte while the weights stream past them.
const ROWS: usize = 64;

/// `value` for sixteen columns starting at `first`; zeros past the last of `columns`.
fn column_lane(columns: usize, first: usize, value: impl Fn(usize) -> f32) -> Lane {
    let mut lane = [0.0; LANES];
    for (column, place) in (first..columns).zip(&mut lane) {
        *place = value(column);
    }
    lane
}
