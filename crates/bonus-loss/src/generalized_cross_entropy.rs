//! Generalized cross-entropy: between cross-entropy (q → 0) and the absolute error (q = 1).

use std::sync::Arc;

use burn::tensor::Tensor;

use crate::log_odds::OneVariable;
use crate::stable::{mean_decay, sigmoid, softplus, softplus_tensor, with_slope};
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
        let cross_entropy = softplus(-z);
        let scaled = self.q * cross_entropy; // −ln p^q
        if scaled < f64::MIN_POSITIVE {
            return cross_entropy;
        }
        cross_entropy * (-(-scaled).exp_m1() / scaled)
    }

    fn slope_at(&self, z: f64) -> f64 {
        -(-self.q * softplus(-z)).exp() * sigmoid(-z)
    }

    /// L = ℓ (1 − e^{−qℓ})/(qℓ) with ℓ = −ln p, which has no division by a small q; dL/dℓ = p^q.
    fn forward_at(&self, z: Tensor<1>) -> Tensor<1> {
        let cross_entropy = softplus_tensor(z.neg());
        let constant = cross_entropy.clone().detach();
        let scaled = constant.clone() * self.q;
        let power = scaled.clone().neg().exp();
        with_slope(cross_entropy, constant * mean_decay(scaled), power)
    }
}
