//! The squared error of the class probabilities: the Brier score where they are a softmax.

use std::sync::Arc;

use burn::tensor::activation::softmax;
use burn::tensor::{Bool, Tensor};

use crate::LossEntry;
use crate::all_classes::{ACTIVATION, Activation, CLASSES, Classes, error_log_odds};
use crate::entry::Definition;
use crate::log_odds::{log_odds_tensor, others};
use crate::stable::sigmoid_tensor;

pub const ENTRY: LossEntry = LossEntry {
    name: "mean_squared_error",
    summary: "squared error of the class probabilities (Brier score)",
    formula: "L = Σ_k (s_k − t_k)², s = softmax(f) or sigmoid(f), t = one_hot(y); mean: L/K",
    gradient: "\
softmax: ∂L/∂f_k = 2 s_k (r_k − Σ_j r_j s_j), r = s − t
sigmoid: ∂L/∂f_k = 2 r_k s_k (1−s_k)",
    source: "Brier, Verification of Forecasts Expressed in Terms of Probability, Monthly Weather \
             Review 78(1), 1950",
    parameters: &[ACTIVATION, CLASSES],
    build: |config| {
        Arc::new(MeanSquaredError {
            activation: Activation::of(config),
            classes: Classes::of(config),
        })
    },
};

#[derive(Debug)]
struct MeanSquaredError {
    activation: Activation,
    classes: Classes,
}

impl Definition for MeanSquaredError {
    fn value(&self, logits: &[f64], targets: &[f64]) -> f64 {
        let residuals = self.activation.residuals(logits, targets);
        residuals.iter().map(|r| r * r).sum::<f64>() * self.classes.factor(logits.len())
    }

    fn gradient(&self, logits: &[f64], targets: &[f64]) -> Vec<f64> {
        let factor = 2.0 * self.classes.factor(logits.len());
        let residuals = self.activation.residuals(logits, targets);
        let slopes: Vec<f64> = residuals.iter().map(|r| factor * r).collect();
        self.activation.chain(logits, &slopes)
    }

    fn forward(&self, logits: Tensor<2>, is_target: Tensor<2, Bool>) -> Tensor<1> {
        let [_, classes] = logits.dims();
        match self.activation {
            // The other classes have s_k = (1−p) q_k, so that L = (1−p)² (1 + Σ_k q_k²), in which
            // nothing cancels where the example is right.
            Activation::Softmax => {
                let others = others(logits.clone(), is_target.clone());
                let spread = self.classes.reduce(softmax(others, 1).square());
                let rest = sigmoid_tensor(log_odds_tensor(logits, is_target).neg());
                rest.square() * (spread + self.classes.factor(classes))
            }
            Activation::Sigmoid => {
                let errors = sigmoid_tensor(error_log_odds(logits, is_target));
                self.classes.reduce(errors.square())
            }
        }
    }
}
