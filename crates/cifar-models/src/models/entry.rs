//! A row of the table of models, and the trait that each model implements.

use std::collections::BTreeMap;
use std::fmt;

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::{Model, ModelConfig};

/// An image classifier in the table: the texts and numbers that describe it, its construction, and
/// its computation.
///
/// Convolutions compute in the configured [`Precision`](crate::Precision); features and logits are f32.
pub trait Classifier: Module {
    /// The name in sweep files, lower case.
    const NAME: &'static str;
    /// A one-line description.
    const SUMMARY: &'static str;
    /// Where it was published.
    const SOURCE: &'static str;
    /// Its configurable parameters.
    const PARAMETERS: &'static [ModelParameter];
    /// The images that it can classify.
    const INPUTS: InputShapes;
    /// Height × width × channels of the images that it was published for.
    const STANDARD_INPUT: [usize; 3];

    /// The network that `config` describes, whose image shape and parameters were checked, with the initial
    /// weights of `seed`.
    fn build(config: &ModelConfig, seed: u64, device: &Device) -> Self;

    /// Logits of `images`: `[batch, channels, height, width]` to `[batch, classes]`.
    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.classify(self.features(images))
    }

    /// The input of the last layer: `[batch, channels, height, width]` to `[batch, features]`.
    fn features(&self, images: Tensor<4>) -> Tensor<2>;

    /// The last layer: `[batch, features]` to logits `[batch, classes]`.
    fn classify(&self, features: Tensor<2>) -> Tensor<2>;

    /// Every convolution of images `[batch, height, width, channels]`, in their order.
    fn convolutions(&self, images: [usize; 4]) -> Vec<ConvolutionLayer>;

    /// `config` with the classes and parameters of the network whose tensors have these `shapes`. They are
    /// the network's by name, and `config` has the image shape.
    ///
    /// # Errors
    /// The first tensor whose shape fits no such network.
    fn read_config(shapes: &Shapes, config: ModelConfig) -> Result<ModelConfig, UnexpectedShape>;
}

/// A row of the table: the description that a [`Classifier`] provides.
#[derive(Clone, Copy)]
pub struct ModelEntry {
    pub name: &'static str,
    pub summary: &'static str,
    pub source: &'static str,
    pub parameters: &'static [ModelParameter],
    pub inputs: InputShapes,
    /// Height × width × channels of the images that it was published for.
    pub standard_input: [usize; 3],
    pub(super) build: fn(&ModelConfig, u64, &Device) -> Model,
    pub(crate) read_config: fn(&Shapes, ModelConfig) -> Result<ModelConfig, UnexpectedShape>,
}

impl ModelEntry {
    pub(super) const fn of<M: Classifier>(build: fn(&ModelConfig, u64, &Device) -> Model) -> Self {
        Self {
            name: M::NAME,
            summary: M::SUMMARY,
            source: M::SOURCE,
            parameters: M::PARAMETERS,
            inputs: M::INPUTS,
            standard_input: M::STANDARD_INPUT,
            build,
            read_config: M::read_config,
        }
    }

    /// The parameter called `name`, if the model has it.
    pub fn parameter(&self, name: &str) -> Option<&'static ModelParameter> {
        (self.parameters.iter()).find(|parameter| parameter.name == name)
    }
}

impl PartialEq for ModelEntry {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl fmt::Debug for ModelEntry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

/// An integer parameter of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelParameter {
    pub name: &'static str,
    pub description: &'static str,
    pub default: usize,
    pub minimum: usize,
    pub maximum: usize,
}

/// Channels of the first stage of a network, which determine those of the other stages.
pub const WIDTH: ModelParameter = ModelParameter {
    name: "width",
    description: "Channels of the first stage; 64 is the standard network.",
    default: 64,
    minimum: 1,
    maximum: 1024,
};

/// The image shapes that a model supports: height × width × channels, each from its minimum to its maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputShapes {
    pub minimum: [usize; 3],
    pub maximum: [usize; 3],
}

impl InputShapes {
    /// Whether images of height × width × channels are among them.
    pub fn contains(&self, image: [usize; 3]) -> bool {
        (0..3).all(|axis| (self.minimum[axis]..=self.maximum[axis]).contains(&image[axis]))
    }
}

impl fmt::Display for InputShapes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [minimum, maximum] =
            [self.minimum, self.maximum].map(|shape| shape.map(|n| n.to_string()));
        write!(formatter, "{} to {}", minimum.join("×"), maximum.join("×"))
    }
}

/// A convolution of a network, by the name of its layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvolutionLayer {
    pub name: String,
    pub shape: training_kernels::Convolution,
    /// Whether its output is batch-normalised.
    pub normalized: bool,
}

/// Shapes of a network's tensors by their names.
pub type Shapes = BTreeMap<String, Vec<usize>>;

/// A tensor whose shape fits no network of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnexpectedShape {
    pub name: &'static str,
    /// The shape that was expected, such as `[classes, 512]`.
    pub expected: String,
}
