//! A loss ready for use: what a [`LossConfig`] makes.

use std::sync::Arc;

use burn::module::Module;
use burn::nn::loss::Reduction;
use burn::tensor::{Bool, DType, FloatDType, Int, Tensor};

use crate::LossConfig;
use crate::entry::Definition;

/// A classification loss, for tensors of any device; holds no parameters to learn.
///
/// Made by [`LossConfig::init`].
#[derive(Module, Debug)]
pub struct Loss {
    #[module(skip)]
    definition: Arc<dyn Definition>,
}

impl LossConfig {
    /// The loss with these parameters.
    pub fn init(&self) -> Loss {
        Loss {
            definition: (self.entry.build)(self),
        }
    }
}

impl Loss {
    /// The losses of a batch, reduced: their mean (`Mean`, `BatchMean`, `Auto`) or `Sum`.
    ///
    /// Logits `[batch, classes]`, targets `[batch]` → `[1]`. Precision and panics as in
    /// [`Self::forward_no_reduction`].
    #[allow(clippy::needless_pass_by_value)] // the signature of Burn's own losses
    pub fn forward(
        &self,
        logits: Tensor<2>,
        targets: Tensor<1, Int>,
        reduction: Reduction,
    ) -> Tensor<1> {
        let losses = self.forward_no_reduction(logits, targets);
        // Not `sum` and `mean`: on a GPU these may add in any order and differ from run to run.
        match reduction {
            Reduction::Sum => losses.sum_dim(0),
            Reduction::Mean | Reduction::BatchMean | Reduction::Auto => losses.mean_dim(0),
        }
    }

    /// The loss of each example.
    ///
    /// Logits `[batch, classes]`, targets `[batch]`, each in `0..classes` → `[batch]`. Half
    /// precision logits are cast to float32 first: in bfloat16, p rounds to 1 from z = 6.2 on.
    /// Nothing is read back from the device, so targets are not checked: one that is no class
    /// gives a meaningless loss.
    ///
    /// # Panics
    /// If there are fewer than two classes, or not one target for each row of logits.
    pub fn forward_no_reduction(&self, logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
        let [batch, classes] = logits.dims();
        assert!(
            classes >= 2,
            "a loss needs at least two classes, found logits of shape [{batch}, {classes}]"
        );
        assert!(
            targets.dims() == [batch],
            "expected a target for each row of logits, found logits of shape [{batch}, {classes}] \
             and targets of shape {:?}",
            targets.dims()
        );
        let is_target = is_target(targets, classes);
        self.definition.forward(at_least_float32(logits), is_target)
    }

    /// The loss of one example in float64, its class given as a distribution over the classes.
    ///
    /// Losses of p alone are the expected loss, Σ_k targets_k · L(class k); those over all classes
    /// compare each share with `targets`.
    ///
    /// # Panics
    /// If there are fewer than two classes, or not one target for each logit.
    pub fn value(&self, logits: &[f64], targets: &[f64]) -> f64 {
        check_example(logits, targets);
        self.definition.value(logits, targets)
    }

    /// The gradient of [`Self::value`] by each logit, in closed form.
    ///
    /// # Panics
    /// As [`Self::value`].
    pub fn gradient(&self, logits: &[f64], targets: &[f64]) -> Vec<f64> {
        check_example(logits, targets);
        self.definition.gradient(logits, targets)
    }
}

/// `[batch]` → `[batch, classes]`. Burn's own `one_hot` reads the targets back from the device.
fn is_target(targets: Tensor<1, Int>, classes: usize) -> Tensor<2, Bool> {
    let [batch] = targets.dims();
    let options = (&targets.device(), targets.dtype());
    let indices = Tensor::<1, Int>::arange(0..classes as i64, options);
    let indices = indices.reshape([1, classes]).expand([batch, classes]);
    indices.equal(targets.reshape([batch, 1]).expand([batch, classes]))
}

fn at_least_float32(logits: Tensor<2>) -> Tensor<2> {
    match logits.dtype() {
        DType::F16 | DType::BF16 => logits.cast(FloatDType::F32),
        _ => logits,
    }
}

fn check_example(logits: &[f64], targets: &[f64]) {
    assert!(
        logits.len() >= 2 && logits.len() == targets.len(),
        "a loss needs at least two classes and a target for each, found {} logits and {} targets",
        logits.len(),
        targets.len()
    );
}
