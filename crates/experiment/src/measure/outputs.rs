//! The inputs of metrics.

use bonus_loss::Loss;
use burn::tensor::{Int, Tensor};

/// The outputs of a network for a batch of images.
pub struct Outputs {
    /// `[batch, classes]`
    pub logits: Tensor<2>,
    /// The input of the last layer: `[batch, features]`.
    pub features: Tensor<2>,
    /// `[batch]`
    pub targets: Tensor<1, Int>,
    /// The targets, where they need not be read back.
    pub labels: Vec<i32>,
}

/// The losses that metrics are means of.
#[derive(Debug)]
pub struct Losses {
    /// What the network was trained with.
    pub trained: Loss,
    /// Measured whatever the network was trained with, so that networks of different losses can be compared.
    pub cross_entropy: Loss,
}
