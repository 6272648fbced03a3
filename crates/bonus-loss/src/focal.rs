//! The focal loss: cross-entropy that down-weights well-classified examples.

use burn::tensor::Tensor;

use crate::Interval;
use crate::log_odds::LogOddsLoss;
use crate::macros::loss;
use crate::stable::{sigmoid, softplus, softplus_tensor};

loss! {
    Focal {
        name: "focal",
        summary: "cross-entropy weighted by (1−p)^γ: down-weights well-classified examples",
        formula: "L = −(1−p)^γ ln p",
        gradient: "dL/dz = (1−p)^γ (γ p ln p − (1−p))",
        source: "Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, arXiv 1708.02002",
        recommended: [
            { gamma = 2.0 } => "object detection on COCO (Lin et al.)",
        ],
        parameters: {
            /// how strongly well-classified examples are down-weighted; 0 is cross-entropy
            gamma: f64 = 2.0, Interval::from(0.0);
        },
    }
}

impl LogOddsLoss for Focal {
    fn value_at(&self, z: f64) -> f64 {
        (-self.gamma * softplus(z)).exp() * softplus(-z)
    }

    fn derivative_at(&self, z: f64) -> f64 {
        let weight = (-self.gamma * softplus(z)).exp();
        -weight * (self.gamma * sigmoid(z) * softplus(-z) + sigmoid(-z))
    }

    fn forward_at(&self, z: Tensor<1>) -> Tensor<1> {
        let weight = (softplus_tensor(z.clone()) * -self.gamma).exp();
        weight * softplus_tensor(z.neg())
    }
}
