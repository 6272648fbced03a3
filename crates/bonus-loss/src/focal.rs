//! The focal loss: cross-entropy that turns away from examples that are right.

use std::sync::Arc;

use burn::tensor::Tensor;

use crate::log_odds::OneVariable;
use crate::stable::{sigmoid, softplus, softplus_tensor};
use crate::{LossEntry, Parameter, ParameterKind, Value};

pub const ENTRY: LossEntry = LossEntry {
    name: "focal",
    summary: "cross-entropy weighted by (1−p)^γ: turns away from examples that are right",
    formula: "L = −(1−p)^γ ln p",
    gradient: "dL/dz = (1−p)^γ (γ p ln p − (1−p))",
    source: "Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, arXiv 1708.02002",
    parameters: &[Parameter {
        name: "gamma",
        kind: ParameterKind::at_least(0.0),
        default: Value::Number(2.0),
        description: "how strongly examples that are right are left alone; 0 is cross-entropy",
    }],
    build: |config| {
        Arc::new(Focal {
            gamma: config.number("gamma"),
        })
    },
};

#[derive(Debug)]
struct Focal {
    gamma: f64,
}

impl OneVariable for Focal {
    fn value_at(&self, z: f64) -> f64 {
        (-self.gamma * softplus(z)).exp() * softplus(-z)
    }

    fn slope_at(&self, z: f64) -> f64 {
        let weight = (-self.gamma * softplus(z)).exp();
        -weight * (self.gamma * sigmoid(z) * softplus(-z) + sigmoid(-z))
    }

    fn forward_at(&self, z: Tensor<1>) -> Tensor<1> {
        let weight = (softplus_tensor(z.clone()) * -self.gamma).exp();
        weight * softplus_tensor(z.neg())
    }
}
