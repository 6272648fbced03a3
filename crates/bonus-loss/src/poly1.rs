//! Poly-1: cross-entropy with a changed coefficient of the first term of its series in 1−p.

use burn::tensor::Tensor;

use crate::Interval;
use crate::log_odds::LogOddsLoss;
use crate::macros::loss;
use crate::stable::{
    log_remainder, log_remainder_tensor, sigmoid, sigmoid_tensor, softplus, softplus_tensor,
};

loss! {
    Poly1 {
        name: "poly1",
        summary: "cross-entropy plus ε(1−p): a larger gradient at mid-range p",
        formula: "L = −ln p + ε(1−p)",
        gradient: "dL/dz = −(1−p)(1 + ε p)",
        source: "Leng et al., PolyLoss: A Polynomial Expansion Perspective of Classification Loss \
                 Functions, ICLR 2022, arXiv 2204.12511",
        recommended: [
            { epsilon = 2.0 } => "image classification on ImageNet (Leng et al.)",
        ],
        parameters: {
            /// added to the coefficient of 1−p in −ln p = Σ_j (1−p)^j / j
            epsilon: f64 = 1.0, Interval::from(-1.0);
        },
    }
}

/// With ε < 0 the two terms cancel where p is near 1, so it is then
/// L = −(1+ε) ln p − ε (−ln p − (1−p)), whose terms have the same sign.
impl LogOddsLoss for Poly1 {
    fn value_at(&self, z: f64) -> f64 {
        if self.epsilon < 0.0 {
            return (1.0 + self.epsilon) * softplus(-z) - self.epsilon * log_remainder(z);
        }
        softplus(-z) + self.epsilon * sigmoid(-z)
    }

    fn derivative_at(&self, z: f64) -> f64 {
        let rest = sigmoid(-z);
        if self.epsilon < 0.0 {
            return -rest * (1.0 + self.epsilon - self.epsilon * rest);
        }
        -rest * (1.0 + self.epsilon * sigmoid(z))
    }

    fn forward_at(&self, z: Tensor<1>) -> Tensor<1> {
        let cross_entropy = softplus_tensor(z.clone().neg());
        if self.epsilon < 0.0 {
            let remainder = log_remainder_tensor(z);
            return cross_entropy * (1.0 + self.epsilon) - remainder * self.epsilon;
        }
        cross_entropy + sigmoid_tensor(z.neg()) * self.epsilon
    }
}
