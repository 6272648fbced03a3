//! Convolution, pooling and linear layer with PyTorch's layouts and initial weights.

use burn::module::{Module, Param};
use burn::tensor::module::{self, linear};
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Device, Tensor, TensorData};
use random_streams::Stream;
use training_kernels::convolution;

/// The source of a network's initial weights: PyTorch's default distribution U(±1/√fan_in), drawn
/// on the host so that every device starts from bitwise identical weights.
#[derive(Clone, Copy, Debug)]
pub struct InitialWeights<'a> {
    seed: u64,
    device: &'a Device,
}

impl<'a> InitialWeights<'a> {
    /// The weights of `seed`, on `device`.
    pub fn new(seed: u64, device: &'a Device) -> Self {
        Self { seed, device }
    }

    /// The device of the weights.
    pub fn device(self) -> &'a Device {
        self.device
    }

    /// The parameter called `name`, each element drawn from U(±1/√`fan_in`).
    pub fn uniform<const D: usize>(
        self,
        name: &str,
        shape: [usize; D],
        fan_in: usize,
    ) -> Param<Tensor<D>> {
        let bound = 1.0 / (fan_in as f32).sqrt();
        let mut stream = Stream::new(self.seed, name, 0);
        let values: Vec<f32> = (0..shape.iter().product())
            .map(|_| (2.0 * stream.uniform() - 1.0) * bound)
            .collect();
        Param::from_data(TensorData::new(values, shape), self.device)
    }
}

/// A convolution whose padding keeps the image's size at stride 1, and without bias, unless chosen otherwise.
#[derive(Module, Debug)]
pub struct Convolution {
    /// `[channels_out, channels_in, kernel, kernel]`
    weight: Param<Tensor<4>>,
    /// `[channels_out]`
    bias: Option<Param<Tensor<1>>>,
    stride: usize,
    padding: usize,
}

impl Convolution {
    /// A `kernel` × `kernel` convolution from `channels[0]` to `channels[1]`, drawn as
    /// `name.weight`.
    pub fn new(
        name: &str,
        channels: [usize; 2],
        kernel: usize,
        stride: usize,
        weights: InitialWeights<'_>,
    ) -> Self {
        let [channels_in, channels_out] = channels;
        let shape = [channels_out, channels_in, kernel, kernel];
        let fan_in = channels_in * kernel * kernel;
        Self {
            weight: weights.uniform(&format!("{name}.weight"), shape, fan_in),
            bias: None,
            stride,
            padding: kernel / 2,
        }
    }

    /// With a bias, drawn as `name.bias`.
    #[must_use]
    pub fn with_bias(self, name: &str, weights: InitialWeights<'_>) -> Self {
        let [channels_out, channels_in, height, width] = self.weight.dims();
        let fan_in = channels_in * height * width;
        let bias = weights.uniform(&format!("{name}.bias"), [channels_out], fan_in);
        Self {
            bias: Some(bias),
            ..self
        }
    }

    /// With `padding` pixels of zeros on each side.
    #[must_use]
    pub fn with_padding(self, padding: usize) -> Self {
        Self { padding, ..self }
    }

    /// The convolution that this layer applies to images of shape `input`, `[batch, height, width, channels_in]`.
    pub fn shape(&self, input: [usize; 4]) -> training_kernels::Convolution {
        let weight = self.weight.dims();
        training_kernels::Convolution::new(input, weight, self.stride, self.padding)
    }

    /// `[batch, height, width, channels_in]` to `[batch, height_out, width_out, channels_out]`, computed in
    /// the precision of `input`; with the default padding the size is `⌈height/stride⌉` × `⌈width/stride⌉`.
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let dtype = input.dtype();
        let weight = self.weight.val().cast(dtype);
        let output = convolution(input, weight, self.stride, self.padding);
        match &self.bias {
            Some(bias) => output + bias.val().cast(dtype).reshape([1, 1, 1, -1]),
            None => output,
        }
    }
}

/// 2×2 max-pooling, `torch.nn.functional.max_pool2d(maps, 2)`:
/// `[batch, height, width, channels]` to `[batch, ⌊height/2⌋, ⌊width/2⌋, channels]`.
pub fn max_pool2d(maps: Tensor<4>) -> Tensor<4> {
    let channels_first = maps.permute([0, 3, 1, 2]);
    let pooled = module::max_pool2d(channels_first, MaxPoolOptions::new([2, 2]));
    pooled.permute([0, 2, 3, 1])
}

/// A linear layer with bias; the weight has PyTorch's layout, not transposed as in Burn's `Linear`.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[features_out, features_in]`
    weight: Param<Tensor<2>>,
    /// `[features_out]`
    bias: Param<Tensor<1>>,
}

impl Linear {
    /// A layer drawn as `name.weight` and `name.bias`.
    pub fn new(
        name: &str,
        features_in: usize,
        features_out: usize,
        weights: InitialWeights<'_>,
    ) -> Self {
        let weight = format!("{name}.weight");
        let bias = format!("{name}.bias");
        Self {
            weight: weights.uniform(&weight, [features_out, features_in], features_in),
            bias: weights.uniform(&bias, [features_out], features_in),
        }
    }

    /// input · weightᵀ + bias: `[batch, features_in]` to `[batch, features_out]`.
    pub fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        linear(input, self.weight.val().transpose(), Some(self.bias.val()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().try_to_vec().unwrap()
    }

    #[test]
    fn a_chosen_padding_and_a_bias_change_a_convolution() {
        let device = Device::flex();
        let weights = InitialWeights::new(1, &device);
        let layer = || Convolution::new("conv", [3, 4], 5, 1, weights);
        let images = Tensor::ones([2, 9, 8, 3], &device);
        assert_eq!(layer().forward(images.clone()).dims(), [2, 9, 8, 4]);
        let plain = layer().with_padding(0);
        assert_eq!(plain.shape([2, 9, 8, 3]).output(), [2, 5, 4, 4]);
        let biased = layer().with_padding(0).with_bias("conv", weights);
        let bias = values(biased.bias.as_ref().unwrap().val());
        assert!(
            bias.iter().all(|it| it.abs() <= 1.0 / 75.0_f32.sqrt()),
            "{bias:?}"
        );
        let difference = values(biased.forward(images.clone()) - plain.forward(images));
        assert_eq!(difference.len(), 2 * 5 * 4 * 4);
        for (index, found) in difference.iter().enumerate() {
            assert!((found - bias[index % 4]).abs() < 1e-6, "{found} {bias:?}");
        }
    }

    #[test]
    fn max_pooling_takes_the_largest_of_four_and_leaves_out_an_odd_edge() {
        let device = Device::flex().autodiff();
        let maps = [1.0, 5.0, 9.0, 3.0, 2.0, 9.0, 7.0, 9.0, 9.0];
        let maps = Tensor::<1>::from_floats(maps, &device).reshape([1, 3, 3, 1]);
        let maps = maps.require_grad();
        let pooled = max_pool2d(maps.clone());
        assert_eq!(
            (pooled.dims(), values(pooled.clone())),
            ([1, 1, 1, 1], vec![5.0])
        );
        let gradient = maps.grad(&pooled.sum().backward()).unwrap();
        assert_eq!(
            values(gradient),
            [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
        );
    }
}
