//! The squared error of the class probabilities: the Brier score where they are a softmax.

use std::sync::Arc;

use burn::tensor::activation::softmax;
use burn::tensor::{Bool, Tensor};

use crate::LossEntry;
use crate::all_classes::{ACTIVATION, Activation, CLASSES, Classes, error_log_odds};
use crate::entry::Definition;
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

impl MeanSquaredError {
    fn residuals(&self, logits: &[f64], targets: &[f64]) -> impl Iterator<Item = f64> {
        let shares = self.activation.shares(logits).into_iter();
        shares.zip(targets).map(|(s, t)| s - t)
    }
}

impl Definition for MeanSquaredError {
    fn value(&self, logits: &[f64], targets: &[f64]) -> f64 {
        let squares = self.residuals(logits, targets).map(|r| r * r);
        squares.sum::<f64>() * self.classes.factor(logits.len())
    }

    fn gradient(&self, logits: &[f64], targets: &[f64]) -> Vec<f64> {
        let factor = 2.0 * self.classes.factor(logits.len());
        let slopes = self.residuals(logits, targets).map(|r| factor * r);
        self.activation.chain(logits, &slopes.collect::<Vec<_>>())
    }

    fn forward(&self, logits: Tensor<2>, is_target: Tensor<2, Bool>) -> Tensor<1> {
        let errors = match self.activation {
            Activation::Softmax => {
                let shares = softmax(logits, 1);
                shares.clone().mask_where(is_target, shares - 1.0)
            }
            Activation::Sigmoid => sigmoid_tensor(error_log_odds(logits, is_target)),
        };
        self.classes.reduce(errors.square())
    }
}
