//! The squared error of the class probabilities: the Brier score if they are a softmax.

use burn::tensor::Tensor;
use burn::tensor::activation::softmax;

use crate::all_classes::{Activation, Classes, error_log_odds};
use crate::entry::Definition;
use crate::log_odds::{log_odds_tensor, others};
use crate::macros::loss;
use crate::stable::sigmoid_tensor;
use crate::targets::is_target;
use crate::{Context, Targets};

loss! {
    MeanSquaredError {
        name: "mean_squared_error",
        summary: "squared error of the class probabilities (Brier score)",
        formula: "L = Σ_k (s_k − t_k)², s = softmax(f) or sigmoid(f), t = one_hot(y); mean: L/K",
        gradient: "\
softmax: ∂L/∂f_k = 2 s_k (r_k − Σ_j r_j s_j), r = s − t
sigmoid: ∂L/∂f_k = 2 r_k s_k (1−s_k)",
        source: "Brier, Verification of Forecasts Expressed in Terms of Probability, Monthly Weather \
                 Review 78(1), 1950",
        recommended: [],
        parameters: {
            /// how the logits become the probabilities s: softmax over all classes, or one sigmoid
            /// per class
            activation: Activation = Activation::Softmax;
            /// whether the K terms of an example are added or averaged (which makes the gradient K
            /// times smaller)
            classes: Classes = Classes::Sum;
        },
    }
}

impl Definition for MeanSquaredError {
    fn value(&self, logits: &[f64], targets: &[f64], _: &Context) -> f64 {
        let residuals = self.activation.residuals(logits, targets);
        residuals.iter().map(|r| r * r).sum::<f64>() * self.classes.factor(logits.len())
    }

    fn gradient(&self, logits: &[f64], targets: &[f64], _: &Context) -> Vec<f64> {
        let factor = 2.0 * self.classes.factor(logits.len());
        let residuals = self.activation.residuals(logits, targets);
        let slopes: Vec<f64> = residuals.iter().map(|r| factor * r).collect();
        self.activation.vjp(logits, &slopes)
    }

    fn forward(&self, logits: Tensor<2>, targets: &Targets, _: &Context) -> Tensor<1> {
        let [_, classes] = logits.dims();
        let targets = match targets {
            Targets::Classes(targets) => is_target(targets, classes),
            Targets::Distribution(targets) => {
                let residuals = self.activation.tensor(logits) - targets.clone();
                return self.classes.reduce(residuals.square());
            }
        };
        match self.activation {
            // The other classes have s_k = (1−p) q_k, so that L = (1−p)² (1 + Σ_k q_k²), in which
            // nothing cancels for well-fitted examples.
            Activation::Softmax => {
                let others = others(logits.clone(), targets.clone());
                let spread = self.classes.reduce(softmax(others, 1).square());
                let rest = sigmoid_tensor(log_odds_tensor(logits, targets).neg());
                rest.square() * (spread + self.classes.factor(classes))
            }
            Activation::Sigmoid => {
                let errors = sigmoid_tensor(error_log_odds(logits, targets));
                self.classes.reduce(errors.square())
            }
        }
    }
}
