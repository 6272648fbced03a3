//! The building blocks of all losses, in forms that neither overflow nor suffer cancellation.

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

/// −ln p − (1−p) at the log-odds z of p, which cancels where p is near 1.
pub fn log_remainder(z: f64) -> f64 {
    let rest = sigmoid(-z);
    if rest > LARGEST_REST {
        return softplus(-z) - rest;
    }
    // −ln(1−r) = 2 artanh(y) = 2 (y + y³/3 + y⁵/5 + …) with y = r/(2−r), and 2y − r = r y
    let y = rest / (2.0 - rest);
    let square = y * y;
    let series = ODD
        .iter()
        .rev()
        .fold(0.0, |sum, odd| sum * square + 1.0 / odd);
    rest * y + 2.0 * y * square * series
}

/// Up to this 1−p the series of [`log_remainder`] is accurate to rounding in float64.
const LARGEST_REST: f64 = 0.25;
/// The denominators of its terms: y² ≤ 1/49.
const ODD: [f64; 9] = [3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0, 17.0, 19.0];

/// `value` with the custom derivative `slope` with respect to `x`.
///
/// Autodiff of a function's parts can suffer cancellation even where the function itself does not.
pub fn with_slope<const D: usize>(x: Tensor<D>, value: Tensor<D>, slope: Tensor<D>) -> Tensor<D> {
    value.detach() + (x.clone() - x.detach()) * slope.detach()
}

/// ln(1 + eˣ) of each element, with the derivative sigmoid(x).
pub fn softplus_tensor<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let constant = x.clone().detach();
    let tail = constant.clone().abs().neg().exp();
    let value = constant.clone().clamp_min(0.0) + tail.log1p();
    with_slope(x, value, sigmoid_of(constant))
}

/// 1 / (1 + e⁻ˣ) of each element, with the derivative sigmoid(x) sigmoid(−x).
pub fn sigmoid_tensor<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let constant = x.clone().detach();
    let value = sigmoid_of(constant.clone());
    with_slope(x, value.clone(), value * sigmoid_of(constant.neg()))
}

/// Burn's own sigmoid is computed in float32 on some backends, and overflows in intermediate results.
fn sigmoid_of<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let tail = x.clone().abs().neg().exp();
    x.clamp_max(0.0).exp() / (tail + 1.0)
}

/// [`log_remainder`] of each z, with the derivative −(1−p)².
pub fn log_remainder_tensor<const D: usize>(z: Tensor<D>) -> Tensor<D> {
    let constant = z.clone().detach();
    let rest = sigmoid_of(constant.clone().neg());
    let direct = softplus_tensor(constant.neg()) - rest.clone();
    let y = rest.clone() / (rest.clone().neg() + 2.0);
    let square = y.clone().square();
    let zero = square.zeros_like();
    let series = ODD.iter().rev();
    let series = series.fold(zero, |sum, odd| sum * square.clone() + 1.0 / odd);
    let small = rest.clone() * y.clone() + y * square * series * 2.0;
    let value = small.mask_where(rest.clone().greater_scalar(LARGEST_REST), direct);
    with_slope(z, value, rest.square().neg())
}

/// (1 − e⁻ˣ)/x of each element, all of them at least 0, as a constant for autodiff.
///
/// Up to 1 from eˣ's diagonal Padé approximant of order 7, N(x)/N(−x), whose error 2e-16 x¹⁵ is
/// float64's rounding: it has no cancellation and needs only +, · and /, since
/// tensors have no exp(x) − 1.
pub fn mean_decay<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let x = x.detach();
    let small = x.clone().clamp_max(1.0);
    let square = small.clone().square();
    // N(x) = even + x·odd
    let odd = (square.clone() + 1512.0) * square.clone() + 277_200.0;
    let odd = odd * square.clone() + 8_648_640.0;
    let even = (square.clone() * 56.0 + 25_200.0) * square.clone() + 1_995_840.0;
    let even = even * square + 17_297_280.0;
    let near = odd.clone() * 2.0 / (even + small * odd);
    let large = x.clone().clamp_min(1.0);
    let far = (large.clone().neg().exp().neg() + 1.0) / large;
    near.mask_where(x.greater_scalar(1.0), far)
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
    fn the_remainder_of_the_logarithm_continues_where_its_series_ends() {
        for z in [1.09, 1.0986, 1.0987, 1.11] {
            let direct = softplus(-z) - sigmoid(-z);
            assert!((log_remainder(z) - direct).abs() < 1e-15, "{z}");
        }
        let rest = 1e-9_f64;
        let ratio = log_remainder(-rest.ln()) / (0.5 * rest * rest);
        assert!((ratio - 1.0).abs() < 1e-8, "{ratio}");
    }

    #[test]
    fn softmax_of_large_logits_is_a_distribution() {
        let probabilities = softmax(&[1000.0, 1000.0, -1000.0]);
        assert_eq!(probabilities, [0.5, 0.5, 0.0]);
    }
}
