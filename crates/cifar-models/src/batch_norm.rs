//! Batch normalisation with PyTorch's running statistics.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use training_kernels::{Epilogue, batch_norm, batch_norm_train};

use crate::RunningStatistic;

/// Added to the variance before the square root; PyTorch's default.
const EPSILON: f64 = 1e-5;
/// Weight of the batch in an updated running statistic; PyTorch's default.
const MOMENTUM: f64 = 0.1;

/// Batch normalisation of images (Ioffe and Szegedy, 2015), equivalent to `torch.nn.BatchNorm2d`:
/// (x − mean) / √(variance + 1e-5) · weight + bias, channel by channel.
///
/// On an autodiff device it uses the batch's mean and (biased) variance, and the running statistics move
/// a tenth of the way towards them; elsewhere it uses the running statistics. Burn's own `BatchNorm`
/// tracks the biased variance, PyTorch the unbiased one, which is why this module exists.
#[derive(Module, Debug)]
pub struct BatchNorm2d {
    weight: Param<Tensor<1>>,
    bias: Param<Tensor<1>>,
    running_mean: RunningStatistic,
    running_var: RunningStatistic,
}

impl BatchNorm2d {
    /// Weight 1, bias 0, running mean 0 and running variance 1 for each of `channels`.
    pub fn new(channels: usize, device: &Device) -> Self {
        Self {
            weight: Param::from_tensor(Tensor::ones([channels], device)),
            bias: Param::from_tensor(Tensor::zeros([channels], device)),
            running_mean: RunningStatistic::new(Tensor::zeros([channels], device)),
            running_var: RunningStatistic::new(Tensor::ones([channels], device)),
        }
    }

    /// Normalises `[batch, height, width, channels]` and applies `epilogue`.
    ///
    /// # Panics
    /// When training on one value per channel, whose variance is undefined.
    pub fn forward(&self, input: Tensor<4>, epilogue: Epilogue<Tensor<4>>) -> Tensor<4> {
        let (weight, bias) = (self.weight.val(), self.bias.val());
        if !input.device().is_autodiff() {
            let moments = [self.running_mean.value(), self.running_var.value()];
            return batch_norm(input, moments, [weight, bias], epilogue, EPSILON);
        }
        let [batch, height, width, _] = input.dims();
        let count = batch * height * width;
        assert!(
            count > 1,
            "batch normalisation needs more than one value per channel to train, found {:?}",
            input.dims()
        );
        let normalised = batch_norm_train(input, weight, bias, epilogue, EPSILON);
        let unbiased = normalised.variance * (count as f64 / (count - 1) as f64);
        self.running_mean.update(normalised.mean, MOMENTUM);
        self.running_var.update(unbiased, MOMENTUM);
        normalised.output
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One channel holding 1, 2, 3, 6: mean 3, biased variance 3.5, unbiased variance 14/3.
    fn images(device: &Device) -> Tensor<4> {
        Tensor::<1>::from_floats([1.0, 2.0, 3.0, 6.0], device).reshape([2, 1, 2, 1])
    }

    fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().try_to_vec().unwrap()
    }

    fn assert_close(found: &[f32], expected: &[f32]) {
        let close = |(found, expected): (&f32, &f32)| (found - expected).abs() < 1e-5;
        assert!(
            found.len() == expected.len() && found.iter().zip(expected).all(close),
            "{found:?} is not {expected:?}"
        );
    }

    #[test]
    fn training_normalises_by_the_biased_and_stores_the_unbiased_variance() {
        let device = Device::flex().autodiff();
        let layer = BatchNorm2d::new(1, &device);
        let scale = (3.5_f32 + 1e-5).sqrt();
        let output = values(layer.forward(images(&device), Epilogue::Nothing));
        assert_close(&output, &[-2.0, -1.0, 0.0, 3.0].map(|x: f32| x / scale));
        assert_close(&values(layer.running_mean.value()), &[0.3]);
        let variance = 0.9 + 0.1 * 14.0 / 3.0;
        assert_close(&values(layer.running_var.value()), &[variance]);
    }

    #[test]
    fn evaluation_normalises_by_the_running_statistics_and_leaves_them() {
        let device = Device::flex();
        let layer = BatchNorm2d::new(1, &device);
        let output = values(layer.forward(images(&device), Epilogue::Nothing));
        let scale = (1.0_f32 + 1e-5).sqrt();
        assert_close(&output, &[1.0, 2.0, 3.0, 6.0].map(|x: f32| x / scale));
        assert_eq!(values(layer.running_mean.value()), [0.0]);
    }

    #[test]
    #[should_panic(expected = "more than one value per channel to train, found [1, 1, 1, 1]")]
    fn one_value_per_channel_cannot_train() {
        let device = Device::flex().autodiff();
        BatchNorm2d::new(1, &device)
            .forward(Tensor::zeros([1, 1, 1, 1], &device), Epilogue::Nothing);
    }
}
