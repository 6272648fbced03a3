//! `LeNet` as in PyTorch's first MNIST example: two convolutions, two linear layers.

use burn::config::Config;
use burn::module::Module;
use burn::tensor::activation::relu;
use burn::tensor::{DType, Device, Tensor};

use super::{
    Classifier, ConvolutionLayer, InputShapes, ModelConfig, ModelParameter, Precision, Shapes,
    UnexpectedShape,
};
use crate::{Convolution, InitialWeights, Linear, max_pool2d};

/// Channels after each convolution, and features of the first linear layer.
const CHANNELS: [usize; 2] = [20, 50];
const FEATURES: usize = 500;
const KERNEL: usize = 5;

/// The shape of a [`LeNet`].
#[derive(Config, Debug)]
pub struct LeNetConfig {
    /// Number of classes, at least 1.
    pub classes: usize,
    /// Height × width × channels of the images.
    #[config(default = "[28, 28, 1]")]
    pub input: [usize; 3],
    /// Precision of the convolutions.
    #[config(default = "Precision::F32")]
    pub precision: Precision,
}

/// LeNet (LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998) in the form of Caffe and
/// of PyTorch's first MNIST example, with the latter's ReLUs: 5×5 convolutions without padding to 20 and 50
/// channels, each with ReLU and 2×2 max-pooling, and linear layers to 500 features, with ReLU, and to the classes.
///
/// The paths of its parameters are the names of that example's `state_dict`.
#[derive(Module, Debug)]
pub struct LeNet {
    conv1: Convolution,
    conv2: Convolution,
    fc1: Linear,
    fc2: Linear,
    #[module(skip)]
    precision: Precision,
}

impl LeNetConfig {
    /// A network with PyTorch's default distribution of initial weights, a pure function of `seed`
    /// and bitwise identical on every device.
    ///
    /// # Panics
    /// When `classes` is 0, or the images are smaller than 16×16 or without channels.
    pub fn init(&self, seed: u64, device: &Device) -> LeNet {
        let Self {
            classes,
            input: [height, width, channels],
            precision,
        } = *self;
        assert!(
            classes > 0 && height.min(width) >= 16 && channels > 0,
            "a LeNet needs at least one class and 16×16 pixels of a channel, found {classes} and {:?}",
            self.input
        );
        let weights = InitialWeights::new(seed, device);
        let convolution = |name: &str, channels: [usize; 2]| {
            Convolution::new(name, channels, KERNEL, 1, weights)
                .with_bias(name, weights)
                .with_padding(0)
        };
        LeNet {
            conv1: convolution("conv1", [channels, CHANNELS[0]]),
            conv2: convolution("conv2", CHANNELS),
            fc1: Linear::new(
                "fc1",
                pixels(height, width) * CHANNELS[1],
                FEATURES,
                weights,
            ),
            fc2: Linear::new("fc2", FEATURES, classes, weights),
            precision,
        }
    }
}

/// Pixels of the feature maps that enter the first linear layer.
fn pixels(height: usize, width: usize) -> usize {
    let pooled = |size: usize| (size - (KERNEL - 1)) / 2;
    pooled(pooled(height)) * pooled(pooled(width))
}

impl Classifier for LeNet {
    const NAME: &'static str = "lenet";
    const SUMMARY: &'static str =
        "two 5×5 convolutions and two linear layers, as in PyTorch's first MNIST example";
    const SOURCE: &'static str =
        "LeCun et al., \"Gradient-Based Learning Applied to Document Recognition\", 1998";
    const PARAMETERS: &'static [ModelParameter] = &[];
    /// From the smallest that leaves a pixel up to a linear layer's matrix of some 10⁷ elements.
    const INPUTS: InputShapes = InputShapes {
        minimum: [16, 16, 1],
        maximum: [64, 64, 3],
    };
    const STANDARD_INPUT: [usize; 3] = [28, 28, 1];

    fn build(config: &ModelConfig, seed: u64, device: &Device) -> Self {
        LeNetConfig::new(config.classes)
            .with_input(config.input)
            .with_precision(config.precision)
            .init(seed, device)
    }

    /// `[batch, channels, height, width]` to `[batch, 500]`.
    fn features(&self, images: Tensor<4>) -> Tensor<2> {
        let images = images.permute([0, 2, 3, 1]); // [batch, height, width, channels]
        let images = match self.precision {
            Precision::F32 => images,
            Precision::Mixed => images.cast(DType::F16),
        };
        // ReLU after pooling is equivalent, with a quarter of the elements.
        let maps = relu(max_pool2d(self.conv1.forward(images)));
        let maps = relu(max_pool2d(self.conv2.forward(maps)));
        let rows = maps.cast(DType::F32).permute([0, 3, 1, 2]).flatten(1, 3); // as PyTorch's
        relu(self.fc1.forward(rows))
    }

    fn classify(&self, features: Tensor<2>) -> Tensor<2> {
        self.fc2.forward(features)
    }

    fn convolutions(&self, images: [usize; 4]) -> Vec<ConvolutionLayer> {
        let first = self.conv1.shape(images);
        let [batch, height, width, channels] = first.output();
        let second = self.conv2.shape([batch, height / 2, width / 2, channels]);
        let layers = [("conv1", first), ("conv2", second)];
        let layers = layers.map(|(name, shape)| ConvolutionLayer {
            name: name.to_owned(),
            shape,
            normalized: false,
        });
        layers.into()
    }

    fn read_config(shapes: &Shapes, config: ModelConfig) -> Result<ModelConfig, UnexpectedShape> {
        let [height, width, channels] = config.input;
        let flattened = pixels(height, width) * CHANNELS[1];
        for (name, expected) in [
            ("conv1.weight", &[CHANNELS[0], channels, KERNEL, KERNEL][..]),
            ("fc1.weight", &[FEATURES, flattened]),
        ] {
            if shapes[name] != expected {
                let expected = format!("{expected:?}");
                return Err(UnexpectedShape { name, expected });
            }
        }
        match *shapes["fc2.weight"] {
            [classes, FEATURES] if classes > 0 => Ok(ModelConfig { classes, ..config }),
            _ => Err(UnexpectedShape {
                name: "fc2.weight",
                expected: format!("[classes, {FEATURES}]"),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::named_tensors;

    #[test]
    fn the_network_for_mnist_has_the_published_number_of_parameters() {
        let device = Device::flex();
        let network = LeNetConfig::new(10).init(0, &device);
        assert_eq!(network.num_params(), 431_080);
        let network = LeNetConfig::new(10)
            .with_input([32, 32, 3])
            .init(0, &device);
        assert_eq!(
            network.num_params(),
            431_080 + 2 * 20 * 25 + (25 - 16) * 50 * 500
        );
    }

    #[test]
    fn names_are_those_of_pytorchs_example() {
        let network = LeNetConfig::new(10).init(0, &Device::flex());
        let names = named_tensors(&network).into_iter().map(|(name, _)| name);
        let layers = ["conv1", "conv2", "fc1", "fc2"];
        let expected = layers.map(|it| [format!("{it}.weight"), format!("{it}.bias")]);
        assert!(names.eq(expected.into_iter().flatten()));
    }

    #[test]
    fn features_are_what_the_last_layer_sees() {
        let device = Device::flex();
        let network = LeNetConfig::new(7).with_input([16, 21, 2]).init(0, &device);
        let images = Tensor::ones([3, 2, 16, 21], &device);
        let features = network.features(images.clone());
        assert_eq!(features.dims(), [3, 500]);
        let logits = network.fc2.forward(features).into_data();
        assert_eq!(logits, network.forward(images).into_data());
    }

    #[test]
    #[should_panic(expected = "16×16 pixels of a channel, found 10 and [15, 28, 1]")]
    fn images_of_which_nothing_would_be_left_are_refused() {
        LeNetConfig::new(10)
            .with_input([15, 28, 1])
            .init(0, &Device::flex());
    }
}
