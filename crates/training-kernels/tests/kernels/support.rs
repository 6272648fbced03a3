//! Inputs and devices that the tests share.

use burn::tensor::{Device, Tensor, TensorData};

/// Every device with kernels, with gradients: the CPU's, and software Vulkan in the place of a GPU where there is
/// a driver.
pub fn training_devices() -> Vec<Device> {
    devices().into_iter().chain(software()).collect()
}

/// Software Vulkan in the place of a GPU, with gradients, where there is a driver.
pub fn software() -> Option<Device> {
    gpu_device::software().map(Device::autodiff)
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
