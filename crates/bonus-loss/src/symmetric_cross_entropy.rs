//! Symmetric cross-entropy: cross-entropy plus reverse cross-entropy, with a finite value for ln 0.

use burn::tensor::Tensor;

use crate::Interval;
use crate::log_odds::LogOddsLoss;
use crate::macros::loss;
use crate::stable::{sigmoid, sigmoid_tensor, softplus, softplus_tensor};

loss! {
    SymmetricCrossEntropy {
        name: "symmetric_cross_entropy",
        summary: "cross-entropy plus reverse cross-entropy: robust to label noise",
        formula: "\
L = α·CE + β·RCE, CE = −ln p, RCE = −Σ_k p_k ln t_k with ln 0 = A, t = one_hot(y)
  = −α ln p − βA(1−p)",
        gradient: "dL/dz = −(1−p)(α − βA p)",
        source: "Wang et al., Symmetric Cross Entropy for Robust Learning with Noisy Labels, ICCV \
                 2019, arXiv 1908.06112",
        recommended: [
            { alpha = 0.1, beta = 1.0 } => "CIFAR-10 with label noise (Wang et al.)",
            { alpha = 6.0, beta = 0.1 } => "CIFAR-100 with label noise (Wang et al.)",
            { log_zero = -9.210_340_371_976_182 } => "ln 1e-4, the authors' published code",
        ],
        parameters: {
            /// weight α of cross-entropy
            alpha: f64 = 0.1, Interval::from(0.0);
            /// weight β of reverse cross-entropy
            beta: f64 = 1.0, Interval::from(0.0);
            /// A, the value used for ln 0 in reverse cross-entropy
            log_zero: f64 = -4.0, Interval::below(0.0);
        },
    }
}

impl SymmetricCrossEntropy {
    /// −βA, the factor of 1−p.
    fn reverse(self) -> f64 {
        -self.beta * self.log_zero
    }
}

impl LogOddsLoss for SymmetricCrossEntropy {
    fn value_at(&self, z: f64) -> f64 {
        self.alpha * softplus(-z) + self.reverse() * sigmoid(-z)
    }

    fn derivative_at(&self, z: f64) -> f64 {
        -sigmoid(-z) * (self.alpha + self.reverse() * sigmoid(z))
    }

    fn forward_at(&self, z: Tensor<1>) -> Tensor<1> {
        let rest = sigmoid_tensor(z.clone().neg()); // 1−p
        softplus_tensor(z.neg()) * self.alpha + rest * self.reverse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Loss, MeanAbsoluteError, Poly1};

    const LOGITS: [f64; 3] = [1.5, -0.25, 0.5];
    const TARGETS: [f64; 3] = [0.0, 1.0, 0.0];

    fn value(loss: &Loss) -> f64 {
        loss.value(&LOGITS, &TARGETS)
    }

    #[test]
    fn it_is_the_sum_of_cross_entropy_and_reverse_cross_entropy() {
        let loss = SymmetricCrossEntropy::new()
            .alpha(0.5)
            .beta(2.0)
            .log_zero(-6.0);
        let p = LOGITS.map(|logit| logit.exp() / LOGITS.iter().map(|f| f.exp()).sum::<f64>());
        let reverse: f64 = [-6.0, 0.0, -6.0]
            .iter()
            .zip(p)
            .map(|(log, p)| -p * log)
            .sum();
        let expected = 0.5 * -p[1].ln() + 2.0 * reverse;
        assert!((value(&loss.init()) - expected).abs() < 1e-14);
    }

    #[test]
    fn it_is_poly1_and_absolute_error_in_its_limits() {
        let poly1 = SymmetricCrossEntropy::new().alpha(1.0).beta(0.5).init();
        assert!((value(&poly1) - value(&Poly1::new().epsilon(2.0).init())).abs() < 1e-14);
        let absolute = SymmetricCrossEntropy::new()
            .alpha(0.0)
            .log_zero(-2.0)
            .init();
        assert!((value(&absolute) - value(&MeanAbsoluteError::new().init())).abs() < 1e-14);
    }
}
