//! Generalized cross-entropy: between cross-entropy (q → 0) and the absolute error (q = 1).

use std::sync::Arc;

use burn::tensor::Tensor;

use crate::log_odds::OneVariable;
use crate::stable::{sigmoid, softplus, softplus_tensor};
use crate::{LossEntry, Parameter, ParameterKind, Value};

pub const ENTRY: LossEntry = LossEntry {
    name: "generalized_cross_entropy",
    summary: "between cross-entropy (q → 0) and absolute error (q = 1): bears noisy labels",
    formula: "L = (1 − p^q) / q",
    gradient: "dL/dz = −p^q (1−p)",
    source: "Zhang & Sabuncu, Generalized Cross Entropy Loss for Training Deep Neural Networks \
             with Noisy Labels, NeurIPS 2018, arXiv 1805.07836",
    parameters: &[Parameter {
        name: "q",
        kind: ParameterKind::Number {
            minimum: 0.0,
            maximum: 1.0,
            minimum_included: false,
        },
        default: Value::Number(0.7),
        description: "towards 0 as cross-entropy, 1 is half the absolute error",
    }],
    build: |config| {
        Arc::new(GeneralizedCrossEntropy {
            q: config.number("q"),
        })
    },
};

#[derive(Debug)]
struct GeneralizedCrossEntropy {
    q: f64,
}

impl OneVariable for GeneralizedCrossEntropy {
    fn value_at(&self, z: f64) -> f64 {
        -(-self.q * softplus(-z)).exp_m1() / self.q
    }

    fn slope_at(&self, z: f64) -> f64 {
        -(-self.q * softplus(-z)).exp() * sigmoid(-z)
    }

    /// Tensors have no exp(x) − 1: the value rounds at 6e-8/q in float32; the gradient does not.
    fn forward_at(&self, z: Tensor<1>) -> Tensor<1> {
        let power = (softplus_tensor(z.neg()) * -self.q).exp(); // p^q
        (power.neg() + 1.0) * self.q.recip()
    }
}
