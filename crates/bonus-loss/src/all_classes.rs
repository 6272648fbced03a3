//! Common parts of the losses over all classes: the activation s of the logits, the reduction over the
//! K classes of an example, and the chain rule through both.

use burn::tensor::activation::softmax as softmax_tensor;
use burn::tensor::{Bool, Tensor};

use crate::macros::choice;
use crate::stable::{sigmoid, sigmoid_tensor, softmax};

choice! {
    /// How logits are converted to probabilities.
    Activation {
        /// Softmax over all classes: the probabilities of an example sum to 1.
        Softmax = "softmax",
        /// A separate sigmoid for each class.
        Sigmoid = "sigmoid",
    }
}

choice! {
    /// How the K terms of an example, one per class, are reduced.
    Classes {
        /// Their sum.
        Sum = "sum",
        /// Their mean, which makes the gradient K times smaller.
        Mean = "mean",
    }
}

impl Activation {
    pub(crate) fn probabilities(self, logits: &[f64]) -> Vec<f64> {
        match self {
            Self::Softmax => softmax(logits),
            Self::Sigmoid => logits.iter().copied().map(sigmoid).collect(),
        }
    }

    /// `[batch, classes]` → `[batch, classes]`.
    pub(crate) fn tensor(self, logits: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Softmax => softmax_tensor(logits, 1),
            Self::Sigmoid => sigmoid_tensor(logits),
        }
    }

    /// s − t, computed without cancellation where t is 1, from the probability that the class lacks.
    pub(crate) fn residuals(self, logits: &[f64], targets: &[f64]) -> Vec<f64> {
        let probabilities = self.probabilities(logits);
        let lacking = |class: usize| match self {
            Self::Softmax => {
                let others = probabilities
                    .iter()
                    .enumerate()
                    .filter(|(k, _)| *k != class);
                others.map(|(_, probability)| probability).sum()
            }
            Self::Sigmoid => sigmoid(-logits[class]),
        };
        let residual = |(class, target): (usize, &f64)| {
            if *target == 1.0 {
                -lacking(class)
            } else {
                probabilities[class] - target
            }
        };
        targets.iter().enumerate().map(residual).collect()
    }

    /// The vector-Jacobian product: ∂L/∂f from the `slopes` ∂L/∂s.
    pub(crate) fn vjp(self, logits: &[f64], slopes: &[f64]) -> Vec<f64> {
        let probabilities = self.probabilities(logits);
        let pairs = || probabilities.iter().zip(slopes);
        match self {
            // s_k Σ_j s_j (slope_k − slope_j) = s_k (slope_k − mean slope), where that would cancel
            Self::Softmax => pairs()
                .map(|(s, slope)| {
                    let differences =
                        pairs().map(|(other, other_slope)| other * (slope - other_slope));
                    s * differences.sum::<f64>()
                })
                .collect(),
            Self::Sigmoid => (pairs().zip(logits))
                .map(|((s, slope), logit)| slope * s * sigmoid(-logit))
                .collect(),
        }
    }
}

impl Classes {
    /// The factor of the sum over the classes.
    pub(crate) fn factor(self, classes: usize) -> f64 {
        match self {
            Self::Sum => 1.0,
            Self::Mean => 1.0 / classes as f64,
        }
    }

    /// `[batch, classes]` → `[batch]`.
    pub(crate) fn reduce(self, terms: Tensor<2>) -> Tensor<1> {
        let [batch, classes] = terms.dims();
        terms.sum_dim(1).reshape([batch]) * self.factor(classes)
    }
}

/// The log-odds of each class's error where every class has its own sigmoid: u_k = f_k, and −f_y
/// for the target, so that |s_k − t_k| = sigmoid(u_k) with no sign to find and nothing cancelled.
pub fn error_log_odds(logits: Tensor<2>, is_target: Tensor<2, Bool>) -> Tensor<2> {
    logits.clone().mask_where(is_target, logits.neg())
}
