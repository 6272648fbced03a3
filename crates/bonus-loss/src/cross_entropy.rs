//! Cross-entropy, with label smoothing.

use std::sync::Arc;

use burn::tensor::{Bool, Tensor};

use crate::entry::Definition;
use crate::log_odds::{OneVariable, target_logits};
use crate::stable::{sigmoid, softplus, softplus_tensor};
use crate::{LossConfig, LossEntry, Parameter, ParameterKind, Value};

pub const ENTRY: LossEntry = LossEntry {
    name: "cross_entropy",
    summary: "the usual loss; its pull fades as an example becomes right",
    formula: "L = −ln p; with label smoothing ε: L = −Σ_k t_k ln p_k, t = (1−ε)·one_hot(y) + ε/K",
    gradient: "dL/dz = −(1−p); with label smoothing: ∂L/∂f_k = p_k − t_k",
    source: "maximum likelihood; label smoothing: Szegedy et al., Rethinking the Inception \
             Architecture for Computer Vision, CVPR 2016, arXiv 1512.00567",
    parameters: &[Parameter {
        name: "label_smoothing",
        kind: ParameterKind::closed(0.0, 1.0),
        default: Value::Number(0.0),
        description: "share ε of the target that is spread evenly over all K classes",
    }],
    build: |config| Arc::new(CrossEntropy::new(config)),
};

#[derive(Debug)]
struct CrossEntropy {
    label_smoothing: f64,
}

impl CrossEntropy {
    fn new(config: &LossConfig) -> Self {
        Self {
            label_smoothing: config.number("label_smoothing"),
        }
    }

    fn smooth(&self, targets: &[f64]) -> Vec<f64> {
        let floor = self.label_smoothing / targets.len() as f64;
        let keep = 1.0 - self.label_smoothing;
        targets.iter().map(|share| keep * share + floor).collect()
    }
}

impl Definition for CrossEntropy {
    fn value(&self, logits: &[f64], targets: &[f64]) -> f64 {
        NegativeLogLikelihood.value(logits, &self.smooth(targets))
    }

    fn gradient(&self, logits: &[f64], targets: &[f64]) -> Vec<f64> {
        NegativeLogLikelihood.gradient(logits, &self.smooth(targets))
    }

    /// −ln p_k = −ln p_y + f_y − f_k, so smoothing adds ε (f_y − mean_k f_k).
    fn forward(&self, logits: Tensor<2>, is_target: Tensor<2, Bool>) -> Tensor<1> {
        let loss = NegativeLogLikelihood.forward(logits.clone(), is_target.clone());
        if self.label_smoothing == 0.0 {
            return loss;
        }
        let [batch, _] = logits.dims();
        let mean = logits.clone().mean_dim(1).reshape([batch]);
        loss + (target_logits(logits, is_target) - mean) * self.label_smoothing
    }
}

/// −ln p.
#[derive(Debug)]
struct NegativeLogLikelihood;

impl OneVariable for NegativeLogLikelihood {
    fn value_at(&self, z: f64) -> f64 {
        softplus(-z)
    }

    fn slope_at(&self, z: f64) -> f64 {
        -sigmoid(-z)
    }

    fn forward_at(&self, z: Tensor<1>) -> Tensor<1> {
        softplus_tensor(z.neg())
    }
}
