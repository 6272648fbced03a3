//! The few functions that every loss is made of, in forms that neither overflow nor cancel.

use burn::tensor::Tensor;

/// ln(1 + eˣ). With z the log-odds of p: −ln p = softplus(−z) and −ln(1−p) = softplus(z).
pub fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// 1 / (1 + e⁻ˣ), exact to rounding in both tails.
pub fn sigmoid(x: f64) -> f64 {
    let small = (-x.abs()).exp();
    if x >= 0.0 {
        1.0 / (1.0 + small)
    } else {
        small / (1.0 + small)
    }
}

pub fn softmax(logits: &[f64]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let exponentials: Vec<f64> = logits.iter().map(|f| (f - largest).exp()).collect();
    let total: f64 = exponentials.iter().sum();
    exponentials.iter().map(|e| e / total).collect()
}

/// ln(1 + eˣ) of each element.
///
/// Written with |x|, whose derivative at 0 is 0 on every backend, so that the gradient there is
/// the exact ½; `max(x, 0) + …` would give 0 or 1.
pub fn softplus_tensor<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let magnitude = x.clone().abs();
    (x + magnitude.clone()).mul_scalar(0.5) + magnitude.neg().exp().log1p()
}

/// 1 / (1 + e⁻ˣ) of each element; its gradient keeps its precision where the sigmoid rounds to 1.
pub fn sigmoid_tensor<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    softplus_tensor(x.neg()).neg().exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softplus_and_sigmoid_hold_in_both_tails() {
        assert_eq!(softplus(1000.0), 1000.0);
        assert_eq!(softplus(-1000.0), 0.0);
        assert_eq!(sigmoid(-1000.0), 0.0);
        for x in [-50.0, -1.0, 0.0, 2.0, 30.0] {
            assert!((softplus(x) - softplus(-x) - x).abs() < 1e-14);
            assert!((sigmoid(x).ln() + softplus(-x)).abs() < 1e-14);
        }
    }

    #[test]
    fn softmax_of_large_logits_is_a_distribution() {
        let probabilities = softmax(&[1000.0, 1000.0, -1000.0]);
        assert_eq!(probabilities, [0.5, 0.5, 0.0]);
    }
}
