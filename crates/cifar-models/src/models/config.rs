//! The configuration of a model.

use std::collections::BTreeMap;

use burn::serde::{Deserialize, Serialize};
use burn::tensor::Device;

use super::{Model, ModelEntry};

/// The precision of a network. Parameters, their gradients, logits and running statistics are f32 in
/// both cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(crate = "burn::serde")]
pub enum Precision {
    /// Everything in f32.
    F32,
    /// Images and feature maps in f16, and therefore the convolutions, which GPUs compute several times as
    /// fast in f16; batch normalisation in f32 from f16 to f16; linear layers in f32. Source: Micikevicius
    /// et al., "Mixed Precision Training", ICLR 2018, with the casts of PyTorch's autocast.
    Mixed,
}

/// A model of the table, with its image shape, number of classes and parameters.
///
/// ```
/// use burn::tensor::Device;
/// use cifar_models::{ModelConfig, find};
///
/// let model = find("resnet18").expect("it is in the table");
/// let config = ModelConfig::new(model, 10).with("width", 8);
/// let network = config.init(42, &Device::flex());
/// # drop(network);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
    pub model: &'static ModelEntry,
    /// Number of classes, at least 1.
    pub classes: usize,
    /// Height × width × channels of the images.
    pub input: [usize; 3],
    pub precision: Precision,
    /// A value for each parameter of the model.
    pub(super) parameters: BTreeMap<&'static str, usize>,
}

impl ModelConfig {
    /// `model` in f32 with its parameters at their defaults, for images of the published size.
    pub fn new(model: &'static ModelEntry, classes: usize) -> Self {
        let parameters = model.parameters.iter();
        Self {
            model,
            classes,
            input: model.standard_input,
            precision: Precision::F32,
            parameters: parameters.map(|it| (it.name, it.default)).collect(),
        }
    }

    /// For images of height × width × channels.
    #[must_use]
    pub fn with_input(self, input: [usize; 3]) -> Self {
        Self { input, ..self }
    }

    /// Computes convolutions in `precision`.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// Sets the parameter called `name` to `value`.
    ///
    /// # Panics
    /// When the model has no such parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: usize) -> Self {
        let model = self.model.name;
        let parameter = self.parameters.get_mut(name);
        *parameter.unwrap_or_else(|| panic!("{model} has no parameter {name}")) = value;
        self
    }

    /// The value of the parameter called `name`.
    ///
    /// # Panics
    /// When the model has no such parameter.
    pub fn parameter(&self, name: &str) -> usize {
        let value = self.parameters.get(name);
        *value.unwrap_or_else(|| panic!("{} has no parameter {name}", self.model.name))
    }

    /// The smallest network of the model, for its tensors' names.
    pub(crate) fn smallest(&self) -> Self {
        let parameters = self.model.parameters.iter();
        Self {
            classes: 1,
            parameters: parameters.map(|it| (it.name, it.minimum)).collect(),
            ..self.clone()
        }
    }

    /// The network with PyTorch's default distribution of initial weights, a pure function of `seed` and
    /// bitwise identical on every device.
    ///
    /// # Panics
    /// When the model does not support the image shape, or there are no classes or a parameter is 0.
    pub fn init(&self, seed: u64, device: &Device) -> Model {
        let ModelEntry { name, inputs, .. } = self.model;
        assert!(
            inputs.contains(self.input),
            "{name}: expected images (height × width × channels) from {inputs}, found {:?}",
            self.input
        );
        (self.model.build)(self, seed, device)
    }
}
