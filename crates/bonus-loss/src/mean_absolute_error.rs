//! The absolute error of the class probabilities.

use std::sync::Arc;

use burn::tensor::{Bool, Tensor};

use crate::LossEntry;
use crate::all_classes::{ACTIVATION, Activation, CLASSES, Classes, error_log_odds};
use crate::entry::Definition;
use crate::log_odds::log_odds_tensor;
use crate::stable::sigmoid_tensor;

pub const ENTRY: LossEntry = LossEntry {
    name: "mean_absolute_error",
    summary: "absolute error of the class probabilities",
    formula: "\
L = Σ_k |s_k − t_k|, s = softmax(f) or sigmoid(f), t = one_hot(y); mean: L/K
softmax: L = 2(1−p)",
    gradient: "\
softmax: dL/dz = −2p(1−p)
sigmoid: ∂L/∂f_k = ±s_k (1−s_k), − for the target",
    source: "Ghosh, Kumar & Sastry, Robust Loss Functions under Label Noise for Deep Neural \
             Networks, AAAI 2017, arXiv 1712.09482",
    parameters: &[ACTIVATION, CLASSES],
    build: |config| {
        Arc::new(MeanAbsoluteError {
            activation: Activation::of(config),
            classes: Classes::of(config),
        })
    },
};

#[derive(Debug)]
struct MeanAbsoluteError {
    activation: Activation,
    classes: Classes,
}

impl Definition for MeanAbsoluteError {
    fn value(&self, logits: &[f64], targets: &[f64]) -> f64 {
        let shares = self.activation.shares(logits);
        let errors = shares.iter().zip(targets).map(|(s, t)| (s - t).abs());
        errors.sum::<f64>() * self.classes.factor(logits.len())
    }

    fn gradient(&self, logits: &[f64], targets: &[f64]) -> Vec<f64> {
        let factor = self.classes.factor(logits.len());
        let shares = self.activation.shares(logits);
        // A share that rounds to its target 1 still lies below it.
        let slope = |(s, t): (&f64, &f64)| if s > t || *t == 0.0 { factor } else { -factor };
        let slopes: Vec<f64> = shares.iter().zip(targets).map(slope).collect();
        self.activation.chain(logits, &slopes)
    }

    fn forward(&self, logits: Tensor<2>, is_target: Tensor<2, Bool>) -> Tensor<1> {
        let [_, classes] = logits.dims();
        match self.activation {
            Activation::Softmax => {
                let error = sigmoid_tensor(log_odds_tensor(logits, is_target).neg()); // 1−p
                error * (2.0 * self.classes.factor(classes))
            }
            Activation::Sigmoid => {
                let errors = sigmoid_tensor(error_log_odds(logits, is_target));
                self.classes.reduce(errors)
            }
        }
    }
}
