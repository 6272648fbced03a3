//! Poly-1: cross-entropy with another coefficient on the first term of its series in 1−p.

use std::sync::Arc;

use burn::tensor::Tensor;

use crate::log_odds::OneVariable;
use crate::stable::{sigmoid, sigmoid_tensor, softplus, softplus_tensor};
use crate::{LossEntry, Parameter, ParameterKind, Value};

pub const ENTRY: LossEntry = LossEntry {
    name: "poly1",
    summary: "cross-entropy plus ε(1−p): a stronger pull at middling p",
    formula: "L = −ln p + ε(1−p)",
    gradient: "dL/dz = −(1−p)(1 + ε p)",
    source: "Leng et al., PolyLoss: A Polynomial Expansion Perspective of Classification Loss \
             Functions, ICLR 2022, arXiv 2204.12511",
    parameters: &[Parameter {
        name: "epsilon",
        kind: ParameterKind::at_least(-1.0),
        default: Value::Number(1.0),
        description: "added to the coefficient of 1−p in −ln p = Σ_j (1−p)^j / j",
    }],
    build: |config| {
        Arc::new(Poly1 {
            epsilon: config.number("epsilon"),
        })
    },
};

#[derive(Debug)]
struct Poly1 {
    epsilon: f64,
}

impl OneVariable for Poly1 {
    fn value_at(&self, z: f64) -> f64 {
        softplus(-z) + self.epsilon * sigmoid(-z)
    }

    fn slope_at(&self, z: f64) -> f64 {
        -sigmoid(-z) * (1.0 + self.epsilon * sigmoid(z))
    }

    fn forward_at(&self, z: Tensor<1>) -> Tensor<1> {
        softplus_tensor(z.clone().neg()) + sigmoid_tensor(z.neg()) * self.epsilon
    }
}
