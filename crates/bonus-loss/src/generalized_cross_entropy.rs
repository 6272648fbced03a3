//! Generalized cross-entropy: between cross-entropy (q → 0) and the absolute error (q = 1).

use burn::tensor::Tensor;

use crate::Interval;
use crate::log_odds::LogOddsLoss;
use crate::macros::loss;
use crate::stable::{mean_decay, sigmoid, softplus, softplus_tensor, with_slope};

loss! {
    GeneralizedCrossEntropy {
        name: "generalized_cross_entropy",
        summary: "between cross-entropy (q → 0) and absolute error (q = 1): robust to label noise",
        formula: "L = (1 − p^q) / q",
        gradient: "dL/dz = −p^q (1−p)",
        source: "Zhang & Sabuncu, Generalized Cross Entropy Loss for Training Deep Neural Networks \
                 with Noisy Labels, NeurIPS 2018, arXiv 1805.07836",
        recommended: [
            { q = 0.7 } => "CIFAR-10 and CIFAR-100 with label noise (Zhang & Sabuncu)",
        ],
        parameters: {
            /// tends to cross-entropy towards 0; 1 is half the absolute error
            q: f64 = 0.7, Interval::left_open(0.0, 1.0);
        },
    }
}

impl LogOddsLoss for GeneralizedCrossEntropy {
    fn value_at(&self, z: f64) -> f64 {
        let cross_entropy = softplus(-z);
        let scaled = self.q * cross_entropy; // −ln p^q
        if scaled < f64::MIN_POSITIVE {
            return cross_entropy;
        }
        cross_entropy * (-(-scaled).exp_m1() / scaled)
    }

    fn derivative_at(&self, z: f64) -> f64 {
        -(-self.q * softplus(-z)).exp() * sigmoid(-z)
    }

    /// L = ℓ (1 − e^{−qℓ})/(qℓ) with ℓ = −ln p, which avoids dividing by a small q; dL/dℓ = p^q.
    fn forward_at(&self, z: Tensor<1>) -> Tensor<1> {
        let cross_entropy = softplus_tensor(z.neg());
        let constant = cross_entropy.clone().detach();
        let scaled = constant.clone() * self.q;
        let power = scaled.clone().neg().exp();
        with_slope(cross_entropy, constant * mean_decay(scaled), power)
    }
}
