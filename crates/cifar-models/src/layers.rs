//! Convolution and linear layer with PyTorch's layouts and initial weights.

use burn::module::{Module, Param};
use burn::tensor::module::linear;
use burn::tensor::{Device, Tensor, TensorData};
use random_streams::Stream;
use training_kernels::convolution;

/// Where a network's initial weights come from: PyTorch's default distribution U(±1/√fan_in), drawn
/// on the host so that every device starts from the same bits.
#[derive(Clone, Copy, Debug)]
pub struct InitialWeights<'a> {
    seed: u64,
    device: &'a Device,
}

impl<'a> InitialWeights<'a> {
    /// The weights of `seed`, put on `device`.
    pub fn new(seed: u64, device: &'a Device) -> Self {
        Self { seed, device }
    }

    /// The device on which the weights lie.
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

/// A convolution without bias whose padding keeps the image's size at stride 1.
#[derive(Module, Debug)]
pub struct Convolution {
    /// `[channels_out, channels_in, kernel, kernel]`
    weight: Param<Tensor<4>>,
    stride: usize,
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
            stride,
        }
    }

    /// What this layer does to images of shape `input`, `[batch, height, width, channels_in]`.
    pub fn shape(&self, input: [usize; 4]) -> training_kernels::Convolution {
        let weight = self.weight.dims();
        training_kernels::Convolution::new(input, weight, self.stride, weight[2] / 2)
    }

    /// `[batch, height, width, channels_in]` to `[batch, ⌈height/stride⌉, ⌈width/stride⌉, channels_out]`,
    /// computed in the precision of `input`.
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let weight = self.weight.val().cast(input.dtype());
        let padding = weight.dims()[2] / 2;
        convolution(input, weight, self.stride, padding)
    }
}

/// A linear layer with bias; the weight lies as in PyTorch, not transposed as in Burn's `Linear`.
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
