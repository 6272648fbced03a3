//! `ResNet18` as in pytorch-cifar: a 3×3 stem without max-pooling, then four stages.

use burn::config::Config;
use burn::module::Module;
use burn::tensor::{DType, Device, Tensor};
use training_kernels::Epilogue;

use super::{
    Classifier, ConvolutionLayer, InputShapes, ModelConfig, ModelParameter, Precision, Shapes,
    UnexpectedShape, WIDTH,
};
use crate::{BatchNorm2d, Convolution, InitialWeights, Linear, Shortcut};

/// The shape of a [`ResNet18`].
#[derive(Config, Debug)]
pub struct ResNet18Config {
    /// Number of classes, at least 1.
    pub classes: usize,
    /// Channels of the first stage, at least 1; the later ones have two, four and eight times as
    /// many. 64 is the published network.
    #[config(default = 64)]
    pub width: usize,
    /// Channels of the images, at least 1.
    #[config(default = 3)]
    pub channels: usize,
    /// Precision of the convolutions.
    #[config(default = "Precision::F32")]
    pub precision: Precision,
}

/// Deep residual network of 18 layers (He et al., "Deep Residual Learning for Image Recognition",
/// CVPR 2016) in pytorch-cifar's form for 32×32 images.
///
/// The paths of its parameters are the names of pytorch-cifar's `state_dict`. On an autodiff device
/// batch normalisation uses the batch's statistics and updates the running ones; `valid()` gives
/// the network for evaluation.
#[derive(Module, Debug)]
pub struct ResNet18 {
    conv1: Convolution,
    bn1: BatchNorm2d,
    layer1: [BasicBlock; 2],
    layer2: [BasicBlock; 2],
    layer3: [BasicBlock; 2],
    layer4: [BasicBlock; 2],
    linear: Linear,
    #[module(skip)]
    precision: Precision,
}

impl ResNet18Config {
    /// A network with PyTorch's default distribution of initial weights, a pure function of `seed`
    /// and bitwise identical on every device.
    ///
    /// # Panics
    /// When `classes` or `width` is 0.
    pub fn init(&self, seed: u64, device: &Device) -> ResNet18 {
        let Self {
            classes,
            width,
            channels,
            precision,
        } = *self;
        assert!(
            classes > 0 && width > 0,
            "a ResNet18 needs at least one class and width 1, found {classes} and {width}"
        );
        let weights = InitialWeights::new(seed, device);
        let stage = |name: &str, channels_in: usize, channels: usize, stride: usize| {
            [
                BasicBlock::new(&format!("{name}.0"), channels_in, channels, stride, weights),
                BasicBlock::new(&format!("{name}.1"), channels, channels, 1, weights),
            ]
        };
        ResNet18 {
            conv1: Convolution::new("conv1", [channels, width], 3, 1, weights),
            bn1: BatchNorm2d::new(width, device),
            layer1: stage("layer1", width, width, 1),
            layer2: stage("layer2", width, 2 * width, 2),
            layer3: stage("layer3", 2 * width, 4 * width, 2),
            layer4: stage("layer4", 4 * width, 8 * width, 2),
            linear: Linear::new("linear", 8 * width, classes, weights),
            precision,
        }
    }
}

impl Classifier for ResNet18 {
    const NAME: &'static str = "resnet18";
    const SUMMARY: &'static str = "18-layer residual network, as in pytorch-cifar";
    const SOURCE: &'static str =
        "He et al., \"Deep Residual Learning for Image Recognition\", CVPR 2016";
    const PARAMETERS: &'static [ModelParameter] = &[WIDTH];
    /// Those whose last feature maps are 4×4, as pytorch-cifar's average pooling expects.
    const INPUTS: InputShapes = InputShapes {
        minimum: [25, 25, 1],
        maximum: [32, 32, 3],
    };
    const STANDARD_INPUT: [usize; 3] = [32, 32, 3];

    fn build(config: &ModelConfig, seed: u64, device: &Device) -> Self {
        ResNet18Config::new(config.classes)
            .with_width(config.parameter(WIDTH.name))
            .with_channels(config.input[2])
            .with_precision(config.precision)
            .init(seed, device)
    }

    /// `[batch, channels, height, width]` to `[batch, 8 · width]`.
    fn features(&self, images: Tensor<4>) -> Tensor<2> {
        // Internally, images are channels last: the fastest layout on every device.
        let images = images.permute([0, 2, 3, 1]); // [batch, height, width, channels]
        // A convolution computes in the precision of its input, and batch normalisation keeps it.
        let images = match self.precision {
            Precision::F32 => images,
            Precision::Mixed => images.cast(DType::F16),
        };
        let stem = (self.bn1).forward(self.conv1.forward(images), Epilogue::Relu);
        let maps = [&self.layer1, &self.layer2, &self.layer3, &self.layer4]
            .into_iter()
            .flatten()
            .fold(stem, |maps, block| block.forward(maps));
        let [batch, height, width, channels] = maps.dims();
        maps.cast(DType::F32)
            .reshape([batch, height * width, channels])
            .mean_dim(1)
            .reshape([batch, channels])
    }

    fn classify(&self, features: Tensor<2>) -> Tensor<2> {
        self.linear.forward(features)
    }

    fn convolutions(&self, images: [usize; 4]) -> Vec<ConvolutionLayer> {
        let normalized = |name: String, shape| ConvolutionLayer {
            name,
            shape,
            normalized: true,
        };
        let stem = self.conv1.shape(images);
        let mut maps = stem.output();
        let mut convolutions = vec![normalized("conv1".to_owned(), stem)];
        let stages = [&self.layer1, &self.layer2, &self.layer3, &self.layer4];
        for (stage, blocks) in (1..).zip(stages) {
            for (index, block) in blocks.iter().enumerate() {
                let name = |layer| format!("layer{stage}.{index}.{layer}");
                let first = block.conv1.shape(maps);
                let second = block.conv2.shape(first.output());
                convolutions.push(normalized(name("conv1"), first));
                convolutions.push(normalized(name("conv2"), second));
                if let Some(shortcut) = block.shortcut.convolution() {
                    convolutions.push(normalized(name("shortcut.0"), shortcut.shape(maps)));
                }
                maps = second.output();
            }
        }
        convolutions
    }

    fn read_config(shapes: &Shapes, config: ModelConfig) -> Result<ModelConfig, UnexpectedShape> {
        let unexpected = |name, expected| UnexpectedShape { name, expected };
        let (first, last) = ("conv1.weight", "linear.weight");
        let width = match *shapes[first] {
            [width, channels, 3, 3] if channels == config.input[2] => width,
            _ => {
                let expected = format!("[width, {}, 3, 3]", config.input[2]);
                return Err(unexpected(first, expected));
            }
        };
        match *shapes[last] {
            [classes, features] if features == 8 * width && width > 0 && classes > 0 => {
                Ok(ModelConfig { classes, ..config }.with(WIDTH.name, width))
            }
            _ => Err(unexpected(last, format!("[classes, {}]", 8 * width))),
        }
    }
}

/// Two 3×3 convolutions and a shortcut.
#[derive(Module, Debug)]
pub struct BasicBlock {
    conv1: Convolution,
    bn1: BatchNorm2d,
    conv2: Convolution,
    bn2: BatchNorm2d,
    shortcut: Shortcut,
}

impl BasicBlock {
    /// A block whose parameters are drawn under `name`; the shortcut is the identity where the
    /// shape allows it.
    fn new(
        name: &str,
        channels_in: usize,
        channels: usize,
        stride: usize,
        weights: InitialWeights<'_>,
    ) -> Self {
        let convolution = |layer: &str, channels_in, stride| {
            let name = format!("{name}.{layer}");
            Convolution::new(&name, [channels_in, channels], 3, stride, weights)
        };
        let batch_norm = || BatchNorm2d::new(channels, weights.device());
        Self {
            conv1: convolution("conv1", channels_in, stride),
            bn1: batch_norm(),
            conv2: convolution("conv2", channels, 1),
            bn2: batch_norm(),
            shortcut: Shortcut::new(
                &format!("{name}.shortcut"),
                [channels_in, channels],
                stride,
                weights,
            ),
        }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let inner = self.conv1.forward(input.clone());
        let inner = self.bn1.forward(inner, Epilogue::Relu);
        let inner = self.conv2.forward(inner);
        (self.bn2).forward(inner, Epilogue::AddRelu(self.shortcut.forward(input)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::named_tensors;

    #[test]
    fn standard_network_has_the_published_number_of_parameters() {
        let device = Device::flex();
        let parameters = |classes| ResNet18Config::new(classes).init(0, &device).num_params();
        assert_eq!(parameters(10), 11_173_962);
        assert_eq!(parameters(100), 11_173_962 + 90 * 513);
    }

    #[test]
    fn logits_and_features_have_their_shapes() {
        let device = Device::flex();
        let network = ResNet18Config::new(7).with_width(2).init(0, &device);
        let images = Tensor::zeros([3, 3, 32, 32], &device);
        assert_eq!(network.features(images.clone()).dims(), [3, 16]);
        assert_eq!(network.forward(images).dims(), [3, 7]);
    }

    #[test]
    #[expect(
        deprecated,
        reason = "NdArray is the second implementation to compare with"
    )]
    fn initial_weights_are_bit_equal_on_every_device_and_differ_between_seeds() {
        let config = ResNet18Config::new(10).with_width(4);
        let weights = |seed, device: Device| named_tensors(&config.init(seed, &device));
        let expected = weights(1, Device::flex());
        assert_eq!(expected, weights(1, Device::ndarray()));
        assert_eq!(expected, weights(1, Device::flex().autodiff()));
        assert_ne!(expected, weights(2, Device::flex()));
    }

    #[test]
    fn initial_weights_have_pytorchs_range_and_spread() {
        let network = ResNet18Config::new(10).with_width(16);
        for (name, values) in named_tensors(&network.init(3, &Device::flex())) {
            let fan_in = match values.shape().as_slice() {
                [_, channels, height, width] => channels * height * width,
                [_, features] => *features,
                _ => continue,
            };
            let bound = 1.0 / (fan_in as f32).sqrt();
            let values = values.try_to_vec::<f32>().unwrap();
            assert!(values.iter().all(|value| value.abs() <= bound), "{name}");
            // a uniform distribution's variance is a third of its squared bound; its estimate from
            // n draws has a relative standard deviation of √(0.8/n)
            let count = values.len() as f32;
            let variance = values.iter().map(|value| value * value).sum::<f32>() / count;
            let deviation = variance / (bound * bound / 3.0) - 1.0;
            assert!(deviation.abs() < 5.0 * (0.8 / count).sqrt(), "{name}");
        }
    }

    #[test]
    fn convolutions_are_listed_with_their_shapes() {
        let network = ResNet18Config::new(10)
            .with_width(2)
            .init(0, &Device::flex());
        let convolutions = network.convolutions([4, 32, 32, 3]);
        let parameters: usize = convolutions
            .iter()
            .map(|layer| layer.shape.weight_len())
            .sum();
        let weights = named_tensors(&network);
        let kernels = weights
            .iter()
            .filter(|(_, values)| values.shape().num_dims() == 4);
        assert_eq!(convolutions.len(), kernels.clone().count());
        let elements = kernels.map(|(_, values)| values.num_elements());
        assert_eq!(parameters, elements.sum::<usize>());
        let last = convolutions.last().unwrap();
        assert_eq!(
            (last.name.as_str(), last.shape.output()),
            ("layer4.1.conv2", [4, 4, 4, 16])
        );
    }

    #[test]
    #[should_panic(expected = "at least one class and width 1, found 10 and 0")]
    fn width_zero_is_refused() {
        ResNet18Config::new(10)
            .with_width(0)
            .init(0, &Device::flex());
    }
}
