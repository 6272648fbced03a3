//! A loss ready for use, created from a [`LossConfig`].

use std::sync::Arc;

use burn::module::Module;
use burn::nn::loss::Reduction;
use burn::tensor::{DType, FloatDType, Tensor};

use crate::entry::Definition;
use crate::{Context, LossConfig, Targets};

/// A classification loss for tensors on any device; it has no learnable parameters.
///
/// Created by [`LossConfig::init`] and by the type of each loss.
#[derive(Module, Debug)]
pub struct Loss {
    #[module(skip)]
    definition: Arc<dyn Definition>,
    #[module(skip)]
    context: Context,
}

impl LossConfig {
    /// The loss with these parameters.
    pub fn init(&self) -> Loss {
        Loss {
            definition: (self.entry.build)(self),
            context: Context::default(),
        }
    }
}

impl Loss {
    /// The same loss at this point of training.
    #[must_use]
    pub fn at(&self, context: Context) -> Self {
        let definition = self.definition.clone();
        Self {
            definition,
            context,
        }
    }

    /// The losses of a batch, reduced: their mean (`Mean`, `BatchMean`, `Auto`) or `Sum`.
    ///
    /// Logits `[batch, classes]`, targets as in [`Targets`] → `[1]`. Precision and panics as in
    /// [`Self::forward_no_reduction`].
    #[allow(clippy::needless_pass_by_value)] // the signature of Burn's own losses
    pub fn forward(
        &self,
        logits: Tensor<2>,
        targets: impl Into<Targets>,
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
    /// Logits `[batch, classes]` → `[batch]`. Targets are classes `[batch]`, each in `0..classes`,
    /// or distributions over the classes `[batch, classes]`. A loss that depends only on p is then the expected
    /// loss, Σ_k targets_k · L(class k), and needs memory for `batch · classes²` numbers; a loss over
    /// all classes compares each probability with its target.
    ///
    /// Half precision logits are cast to float32 first: in bfloat16, p rounds to 1 for z ≥ 6.2.
    /// Nothing is read back from the device, so the values of targets are not checked: a target that is not
    /// a class, or not a distribution, gives a meaningless loss.
    ///
    /// # Panics
    /// If there are fewer than two classes, or the numbers of targets and rows of logits differ.
    pub fn forward_no_reduction(
        &self,
        logits: Tensor<2>,
        targets: impl Into<Targets>,
    ) -> Tensor<1> {
        let [batch, classes] = logits.dims();
        assert!(
            classes >= 2,
            "a loss needs at least two classes, found logits of shape [{batch}, {classes}]"
        );
        let targets = targets.into();
        targets.check([batch, classes]);
        let logits = at_least_float32(logits);
        let targets = targets.cast(logits.dtype());
        self.definition.forward(logits, &targets, &self.context)
    }

    /// The loss of one example in float64, with the target as a distribution over the classes.
    ///
    /// # Panics
    /// If there are fewer than two classes, or the numbers of targets and logits differ.
    pub fn value(&self, logits: &[f64], targets: &[f64]) -> f64 {
        check_example(logits, targets);
        self.definition.value(logits, targets, &self.context)
    }

    /// The gradient of [`Self::value`] with respect to each logit, in closed form.
    ///
    /// # Panics
    /// As [`Self::value`].
    pub fn gradient(&self, logits: &[f64], targets: &[f64]) -> Vec<f64> {
        check_example(logits, targets);
        self.definition.gradient(logits, targets, &self.context)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A loss whose value is the number of the epoch.
    #[derive(Debug)]
    struct Epoch;

    impl Definition for Epoch {
        fn value(&self, _: &[f64], _: &[f64], context: &Context) -> f64 {
            context.epoch as f64
        }

        fn gradient(&self, logits: &[f64], _: &[f64], _: &Context) -> Vec<f64> {
            vec![0.0; logits.len()]
        }

        fn forward(&self, logits: Tensor<2>, _: &Targets, context: &Context) -> Tensor<1> {
            logits.sum_dim(1).squeeze_dim(1) * 0.0 + context.epoch as f64
        }
    }

    #[test]
    fn a_loss_sees_the_point_of_training_that_it_was_given() {
        let first = Loss {
            definition: Arc::new(Epoch),
            context: Context::default(),
        };
        let third = first.at(Context {
            epoch: 3,
            epochs: 10,
            class_counts: Some(Arc::new([5, 5])),
        });
        assert_eq!(first.value(&[0.0; 2], &[1.0, 0.0]), 1.0);
        assert_eq!(third.value(&[0.0; 2], &[1.0, 0.0]), 3.0);
        let logits = Tensor::<2>::zeros([1, 2], &burn::tensor::Device::flex());
        let losses = third.forward_no_reduction(logits.clone(), logits);
        assert_eq!(losses.into_data().iter::<f64>().collect::<Vec<_>>(), [3.0]);
    }
}
