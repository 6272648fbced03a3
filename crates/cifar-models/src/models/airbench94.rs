//! The network of airbench94: a whitening layer, then three blocks of 3×3 convolutions.

use burn::config::Config;
use burn::module::Module;
use burn::tensor::{DType, Device, Tensor};
use training_kernels::{Epilogue, gelu, max_pool};

use super::{
    Classifier, ConvolutionLayer, InputShapes, ModelConfig, ModelParameter, Precision, Shapes,
    UnexpectedShape, WIDTH,
};
use crate::{BatchNorm2d, Convolution, InitialWeights, Linear, Whitening};

/// Weight of a batch in the running statistics, and what is added to the variance.
const MOMENTUM: f64 = 0.4;
const EPSILON: f64 = 1e-12;
/// Channels of the second and third block for each of the first.
const WIDER: usize = 4;
/// Pixels along each side of the last feature maps, of which the largest value counts.
const LAST_MAPS: usize = 3;
/// By which the last layer's outputs are multiplied.
const SCALE: f64 = 1.0 / 9.0;

/// The shape of an [`Airbench94`].
#[derive(Config, Debug)]
pub struct Airbench94Config {
    /// Number of classes, at least 1.
    pub classes: usize,
    /// Channels of the first block, at least 1; the others have four times as many. 64 is the published network.
    #[config(default = 64)]
    pub width: usize,
    /// Channels of the images, at least 1.
    #[config(default = 3)]
    pub channels: usize,
    /// Precision of the convolutions.
    #[config(default = "Precision::F32")]
    pub precision: Precision,
}

/// The network of Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU" (2024): a [`Whitening`] layer and GELU; three
/// blocks of a 3×3 convolution, 2×2 max-pooling, batch norm, GELU and once more all but the pooling; 3×3 max-pooling, and a
/// linear layer without bias, divided by 9.
///
/// Batch norm has no weight to train and averages its statistics over fewer batches than PyTorch's default. The first
/// filters of each 3×3 convolution start as copies of its input's channels.
#[derive(Module, Debug)]
pub struct Airbench94 {
    whiten: Whitening,
    block1: Block,
    block2: Block,
    block3: Block,
    head: Linear,
    #[module(skip)]
    precision: Precision,
}

impl Airbench94Config {
    /// A network whose initial weights, but for the copies, have PyTorch's default distribution, a pure function of `seed`
    /// and bitwise identical on every device.
    ///
    /// # Panics
    /// When `classes` or `width` is 0.
    pub fn init(&self, seed: u64, device: &Device) -> Airbench94 {
        let Self {
            classes,
            width,
            channels,
            precision,
        } = *self;
        assert!(
            classes > 0 && width > 0,
            "an Airbench94 needs at least one class and width 1, found {classes} and {width}"
        );
        let weights = InitialWeights::new(seed, device);
        let whiten = Whitening::new("whiten", channels, weights);
        let whitened = whiten.shape([1, 2, 2, channels]).output()[3];
        Airbench94 {
            whiten,
            block1: Block::new("block1", whitened, width, weights),
            block2: Block::new("block2", width, WIDER * width, weights),
            block3: Block::new("block3", WIDER * width, WIDER * width, weights),
            head: Linear::new("head", WIDER * width, classes, weights).without_bias(),
            precision,
        }
    }
}

impl Airbench94 {
    fn blocks(&self) -> [(&'static str, &Block); 3] {
        [
            ("block1", &self.block1),
            ("block2", &self.block2),
            ("block3", &self.block3),
        ]
    }
}

impl Classifier for Airbench94 {
    const NAME: &'static str = "airbench94";
    const SUMMARY: &'static str =
        "whitening layer and three blocks of 3×3 convolutions, for 94 % on CIFAR-10 in ten epochs";
    const SOURCE: &'static str =
        "Jordan, \"94% on CIFAR-10 in 3.29 Seconds on a Single GPU\", 2024";
    const PARAMETERS: &'static [ModelParameter] = &[WIDTH];
    /// Those whose last feature maps are 3×3.
    const INPUTS: InputShapes = InputShapes {
        minimum: [25, 25, 1],
        maximum: [32, 32, 3],
    };
    const STANDARD_INPUT: [usize; 3] = [32, 32, 3];
    const IMAGES_BEFORE_TRAINING: usize = 5_000;

    fn build(config: &ModelConfig, seed: u64, device: &Device) -> Self {
        Airbench94Config::new(config.classes)
            .with_width(config.parameter(WIDTH.name))
            .with_channels(config.input[2])
            .with_precision(config.precision)
            .init(seed, device)
    }

    fn adapted_to(self, images: Tensor<4>, device: &Device) -> Self {
        Self {
            whiten: self.whiten.of(images, device),
            ..self
        }
    }

    /// `[batch, channels, height, width]` to `[batch, 4 · width]`.
    fn features(&self, images: Tensor<4>) -> Tensor<2> {
        let images = images.permute([0, 2, 3, 1]); // [batch, height, width, channels]
        let images = match self.precision {
            Precision::F32 => images,
            Precision::Mixed => images.cast(DType::F16),
        };
        let whitened = gelu(self.whiten.forward(images));
        let blocks = self.blocks().into_iter();
        let maps = blocks.fold(whitened, |maps, (_, block)| block.forward(maps));
        let maps = max_pool(maps, LAST_MAPS); // [batch, 1, 1, 4 · width]
        maps.cast(DType::F32).flatten(1, 3)
    }

    fn classify(&self, features: Tensor<2>) -> Tensor<2> {
        self.head.forward(features) * SCALE
    }

    fn convolutions(&self, images: [usize; 4]) -> Vec<ConvolutionLayer> {
        let whiten = self.whiten.shape(images);
        let mut maps = whiten.output();
        let mut convolutions = vec![ConvolutionLayer {
            name: "whiten".to_owned(),
            shape: whiten,
            normalized: false,
        }];
        for (name, block) in self.blocks() {
            let first = block.conv1.shape(maps);
            let [batch, height, width, channels] = first.output();
            maps = [batch, height / 2, width / 2, channels];
            for (layer, shape) in [("conv1", first), ("conv2", block.conv2.shape(maps))] {
                convolutions.push(ConvolutionLayer {
                    name: format!("{name}.{layer}"),
                    shape,
                    // Of the first what is pooled is normalised.
                    normalized: layer == "conv2",
                });
            }
        }
        convolutions
    }

    fn read_config(shapes: &Shapes, config: ModelConfig) -> Result<ModelConfig, UnexpectedShape> {
        let unexpected = |name, expected| UnexpectedShape { name, expected };
        let (first, last) = ("block1.conv1.weight", "head.weight");
        let whitened = 8 * config.input[2];
        let width = match *shapes[first] {
            [width, channels, 3, 3] if channels == whitened && width > 0 => width,
            _ => return Err(unexpected(first, format!("[width, {whitened}, 3, 3]"))),
        };
        match *shapes[last] {
            [classes, features] if features == WIDER * width && classes > 0 => {
                Ok(ModelConfig { classes, ..config }.with(WIDTH.name, width))
            }
            _ => Err(unexpected(last, format!("[classes, {}]", WIDER * width))),
        }
    }
}

/// A 3×3 convolution with pooling and one without, each with batch norm and GELU.
#[derive(Module, Debug)]
struct Block {
    conv1: Convolution,
    norm1: BatchNorm2d,
    conv2: Convolution,
    norm2: BatchNorm2d,
}

impl Block {
    /// A block whose parameters are drawn under `name`.
    fn new(name: &str, channels_in: usize, channels: usize, weights: InitialWeights<'_>) -> Self {
        let convolution = |layer: &str, channels_in| {
            let name = format!("{name}.{layer}");
            Convolution::new(&name, [channels_in, channels], 3, 1, weights)
                .with_dirac(&name, weights)
        };
        let norm = || {
            BatchNorm2d::new(channels, weights.device())
                .without_weight()
                .with_momentum(MOMENTUM)
                .with_epsilon(EPSILON)
        };
        Self {
            conv1: convolution("conv1", channels_in),
            norm1: norm(),
            conv2: convolution("conv2", channels),
            norm2: norm(),
        }
    }

    /// `[batch, height, width, channels_in]` to `[batch, ⌊height/2⌋, ⌊width/2⌋, channels]`.
    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let maps = max_pool(self.conv1.forward(input), 2);
        let maps = gelu(self.norm1.forward(maps, Epilogue::Nothing));
        gelu(
            self.norm2
                .forward(self.conv2.forward(maps), Epilogue::Nothing),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::named_tensors;

    #[test]
    fn the_standard_network_has_the_published_number_of_parameters() {
        let device = Device::flex();
        let network = Airbench94Config::new(10).init(0, &device);
        let convolutions = 9 * (24 * 64 + 64 * 64 + 64 * 256 + 3 * 256 * 256);
        let biases = 24 + 2 * (64 + 256 + 256);
        assert_eq!(network.num_params(), convolutions + biases + 10 * 256);
    }

    #[test]
    fn logits_and_features_have_their_shapes() {
        let device = Device::flex();
        let network = Airbench94Config::new(7).with_width(2).init(0, &device);
        let images = Tensor::zeros([3, 3, 32, 32], &device);
        assert_eq!(network.features(images.clone()).dims(), [3, 8]);
        assert_eq!(network.forward(images).dims(), [3, 7]);
    }

    #[test]
    fn the_first_filters_copy_the_channels_of_their_input() {
        let network = Airbench94Config::new(10)
            .with_width(8)
            .init(3, &Device::flex());
        let tensors = named_tensors(&network);
        let (_, weight) = tensors
            .iter()
            .find(|(name, _)| name == "block2.conv1.weight")
            .unwrap();
        assert_eq!(weight.shape().as_slice(), [32, 8, 3, 3]);
        let weight = weight.try_to_vec::<f32>().unwrap();
        for (index, value) in weight[..8 * 8 * 9].iter().enumerate() {
            let is_copy = index / 72 == index % 72 / 9 && index % 9 == 4;
            assert_eq!(*value, f32::from(u8::from(is_copy)));
        }
        assert!(
            weight[8 * 8 * 9..]
                .iter()
                .all(|value| *value != 0.0 && value.abs() <= 1.0)
        );
    }

    #[test]
    #[should_panic(expected = "at least one class and width 1, found 10 and 0")]
    fn width_zero_is_refused() {
        Airbench94Config::new(10)
            .with_width(0)
            .init(0, &Device::flex());
    }
}
