//! One training step: forward, loss, backward, update.

use bonus_loss::Loss;
use burn::tensor::{Int, Tensor};
use cifar_models::ResNet18;

use super::Sgd;
use crate::measure::sums;

/// A network in training, with all that a step changes.
pub struct Learner {
    /// Always there; taken out only while a step replaces it.
    pub model: ResNet18,
    pub optimizer: Sgd,
    pub loss: Loss,
}

impl Learner {
    /// Takes a step along the gradient of the mean loss and returns the batch's [`sums`] from
    /// before it. Nothing is read back from the device.
    pub fn step(
        mut self,
        images: Tensor<4>,
        targets: Tensor<1, Int>,
        learning_rate: f64,
    ) -> (Self, Tensor<1>) {
        let count = targets.dims()[0];
        let logits = self.model.forward(images);
        let losses = self
            .loss
            .forward_no_reduction(logits.clone(), targets.clone());
        let sums = sums(losses.clone().inner(), logits.inner(), targets.inner());
        let gradients = (losses.sum_dim(0) / count as f64).backward();
        self.model = self.optimizer.step(self.model, gradients, learning_rate);
        (self, sums)
    }
}
