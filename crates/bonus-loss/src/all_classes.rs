//! What the losses over all classes share: the activation s of the logits, the reduction over the
//! K classes of an example, and the chain rule through both.

use burn::tensor::{Bool, Tensor};

use crate::stable::{sigmoid, softmax};
use crate::{LossConfig, Parameter, ParameterKind, Value};

pub const ACTIVATION: Parameter = Parameter {
    name: "activation",
    kind: ParameterKind::Choice(&["softmax", "sigmoid"]),
    default: Value::Choice("softmax"),
    description: "s, what turns the logits into shares: over all classes, or each class alone",
};

pub const CLASSES: Parameter = Parameter {
    name: "classes",
    kind: ParameterKind::Choice(&["sum", "mean"]),
    default: Value::Choice("sum"),
    description: "whether the K terms of an example are added or averaged (the gradient is K \
                  times smaller then)",
};

#[derive(Clone, Copy, Debug)]
pub enum Activation {
    Softmax,
    Sigmoid,
}

impl Activation {
    pub fn of(config: &LossConfig) -> Self {
        match config.choice(ACTIVATION.name) {
            "sigmoid" => Self::Sigmoid,
            _ => Self::Softmax,
        }
    }

    pub fn shares(self, logits: &[f64]) -> Vec<f64> {
        match self {
            Self::Softmax => softmax(logits),
            Self::Sigmoid => logits.iter().copied().map(sigmoid).collect(),
        }
    }

    /// s − t, and where t is 1 the sum of what the class lacks, which does not cancel.
    pub fn residuals(self, logits: &[f64], targets: &[f64]) -> Vec<f64> {
        let shares = self.shares(logits);
        let lacking = |class: usize| match self {
            Self::Softmax => {
                let others = shares.iter().enumerate().filter(|(k, _)| *k != class);
                others.map(|(_, share)| share).sum()
            }
            Self::Sigmoid => sigmoid(-logits[class]),
        };
        let residual = |(class, target): (usize, &f64)| {
            if *target == 1.0 {
                -lacking(class)
            } else {
                shares[class] - target
            }
        };
        targets.iter().enumerate().map(residual).collect()
    }

    /// ∂L/∂f from the `slopes` ∂L/∂s.
    pub fn chain(self, logits: &[f64], slopes: &[f64]) -> Vec<f64> {
        let shares = self.shares(logits);
        let pairs = || shares.iter().zip(slopes);
        match self {
            // s_k Σ_j s_j (slope_k − slope_j) = s_k (slope_k − mean slope), where that would cancel
            Self::Softmax => pairs()
                .map(|(share, slope)| {
                    let differences =
                        pairs().map(|(other, other_slope)| other * (slope - other_slope));
                    share * differences.sum::<f64>()
                })
                .collect(),
            Self::Sigmoid => (pairs().zip(logits))
                .map(|((share, slope), logit)| slope * share * sigmoid(-logit))
                .collect(),
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub enum Classes {
    Sum,
    Mean,
}

impl Classes {
    pub fn of(config: &LossConfig) -> Self {
        match config.choice(CLASSES.name) {
            "mean" => Self::Mean,
            _ => Self::Sum,
        }
    }

    /// The factor of the sum over the classes.
    pub fn factor(self, classes: usize) -> f64 {
        match self {
            Self::Sum => 1.0,
            Self::Mean => 1.0 / classes as f64,
        }
    }

    /// `[batch, classes]` → `[batch]`.
    pub fn reduce(self, terms: Tensor<2>) -> Tensor<1> {
        let [batch, classes] = terms.dims();
        terms.sum_dim(1).reshape([batch]) * self.factor(classes)
    }
}

/// The log-odds of each class's error where every class has its own sigmoid: u_k = f_k, and −f_y
/// for the target, so that |s_k − t_k| = sigmoid(u_k) with no sign to find and nothing cancelled.
pub fn error_log_odds(logits: Tensor<2>, is_target: Tensor<2, Bool>) -> Tensor<2> {
    logits.clone().mask_where(is_target, logits.neg())
}
