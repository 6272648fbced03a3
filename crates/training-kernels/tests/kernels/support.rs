//! Inputs, devices and comparisons that the tests share.

use std::sync::OnceLock;

use burn::tensor::{Device, Tensor, TensorData};

/// Every device with kernels, with gradients: the CPU's, and software Vulkan in the place of a GPU where there is
/// a driver.
pub fn training_devices() -> Vec<Device> {
    devices().into_iter().chain(software()).collect()
}

/// Software Vulkan in the place of a GPU, with gradients, where there is a driver.
pub fn software() -> Option<Device> {
    static SOFTWARE: OnceLock<Option<Device>> = OnceLock::new();
    let software = SOFTWARE.get_or_init(gpu_device::software).clone();
    software.map(Device::autodiff)
}

/// Every CPU device, with gradients.
#[expect(
    deprecated,
    reason = "NdArray is kept and tested as long as Burn ships it"
)]
pub fn devices() -> [Device; 2] {
    [Device::flex().autodiff(), Device::ndarray().autodiff()]
}

/// Numbers that look random: a pure function of the seed.
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        // Knuth's linear congruential generator; its high bits are good.
        self.0 = (self.0.wrapping_mul(6_364_136_223_846_793_005))
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    /// A number in `range`.
    pub fn within(&mut self, range: std::ops::RangeInclusive<usize>) -> usize {
        let count = range.end() - range.start() + 1;
        range.start() + self.next() as usize % count
    }

    /// `count` values in [−1, 1).
    pub fn values(&mut self, count: usize) -> Vec<f32> {
        let value = |bits: u64| (bits >> 7) as f32 / (1 << 23) as f32 - 1.0;
        (0..count).map(|_| value(self.next())).collect()
    }
}

pub fn tensor<const D: usize>(values: &[f32], shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), device)
}

pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().expect("f32")
}

/// The largest difference, relative to the largest magnitude expected; NaN where a difference is NaN.
///
/// # Panics
/// When there is nothing to compare, or more on one side.
pub fn error(found: &[f32], expected: &[f64]) -> f64 {
    let differences = differences(found, expected);
    let magnitude = largest(expected.iter().map(|value| value.abs()));
    largest(differences) / magnitude.max(f64::MIN_POSITIVE)
}

/// ‖found − expected‖ / ‖expected‖; NaN where a difference is NaN.
///
/// # Panics
/// As [`error`].
pub fn distance(found: &[f32], expected: &[f64]) -> f64 {
    let squares: f64 = differences(found, expected)
        .map(|value| value * value)
        .sum();
    let length: f64 = expected.iter().map(|value| value * value).sum();
    (squares / length).sqrt()
}

fn differences(found: &[f32], expected: &[f64]) -> impl Iterator<Item = f64> {
    assert_eq!(found.len(), expected.len(), "numbers to compare");
    assert!(!expected.is_empty(), "no numbers to compare");
    (found.iter().zip(expected)).map(|(found, expected)| (f64::from(*found) - expected).abs())
}

/// The largest of `magnitudes`; NaN where one is, which `f64::max` would ignore.
fn largest(magnitudes: impl Iterator<Item = f64>) -> f64 {
    magnitudes.fold(0.0, |largest, value| {
        if value > largest || value.is_nan() {
            value
        } else {
            largest
        }
    })
}

pub fn in_double(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

#[test]
fn a_difference_that_is_not_a_number_is_within_no_bound() {
    let nan = f32::NAN;
    for (found, expected) in [
        ([nan, nan], [1.0, 2.0]),
        ([nan, 2.0], [1.0, 2.0]),
        ([1.0, nan], [1.0, 2.0]),
        ([1.0, 2.0], [f64::NAN, 2.0]),
        ([1.0, f32::INFINITY], [1.0, f64::INFINITY]),
        ([1.0, 2.0], [1.0, f64::INFINITY]),
    ] {
        assert!(error(&found, &expected).is_nan(), "{found:?} {expected:?}");
        assert!(
            distance(&found, &expected).is_nan(),
            "{found:?} {expected:?}"
        );
    }
    assert_eq!(error(&[1.5, -4.0], &[1.0, -4.0]), 0.125);
    assert_eq!(error(&[0.0], &[0.0]), 0.0);
    assert_eq!(distance(&[3.0, 0.0], &[0.0, 4.0]), 1.25);
}

#[test]
#[should_panic(expected = "no numbers to compare")]
fn nothing_is_not_equal_to_nothing() {
    error(&[], &[]);
}

#[test]
#[should_panic(expected = "numbers to compare")]
fn a_part_is_not_equal_to_the_whole() {
    error(&[1.0], &[1.0, 2.0]);
}
