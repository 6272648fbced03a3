//! The one-variable form: losses that depend on the logits f only through p = softmax(f)_y.
//!
//! With the log-odds of the target, z = f_y − logsumexp_{k≠y} f_k,
//!
//! ```text
//! p = sigmoid(z)        −ln p = softplus(−z)        −ln(1−p) = softplus(z)
//! ∂L/∂f_y = dL/dz       ∂L/∂f_k = −dL/dz · q_k      q = softmax over the classes k ≠ y
//! ```
//!
//! which is exact and needs no clamp. Such a loss defines L(z), dL/dz and L as tensor operations.
//! For a target distribution t, the loss is its expectation, Σ_k t_k L(z_k).

use std::fmt::Debug;

use burn::tensor::{Bool, Int, Tensor};

use crate::entry::Definition;
use crate::stable::softmax;
use crate::targets::is_target;
use crate::{Context, Targets};

/// A loss of the log-odds z of the target.
pub trait LogOddsLoss: Debug + Send + Sync {
    fn value_at(&self, z: f64) -> f64;

    /// dL/dz.
    fn derivative_at(&self, z: f64) -> f64;

    /// L for each z, both `[examples]`.
    fn forward_at(&self, z: Tensor<1>) -> Tensor<1>;
}

impl<L: LogOddsLoss> Definition for L {
    fn value(&self, logits: &[f64], targets: &[f64], _: &Context) -> f64 {
        support(targets)
            .map(|(class, t)| t * self.value_at(log_odds(logits, class)))
            .sum()
    }

    fn gradient(&self, logits: &[f64], targets: &[f64], _: &Context) -> Vec<f64> {
        let mut gradient = vec![0.0; logits.len()];
        for (class, t) in support(targets) {
            let derivative = t * self.derivative_at(log_odds(logits, class));
            let mut others = logits.to_vec();
            others[class] = f64::NEG_INFINITY;
            for (sum, q) in gradient.iter_mut().zip(softmax(&others)) {
                *sum -= derivative * q;
            }
            gradient[class] += derivative;
        }
        gradient
    }

    fn forward(&self, logits: Tensor<2>, targets: &Targets, _: &Context) -> Tensor<1> {
        let [batch, classes] = logits.dims();
        match targets {
            Targets::Classes(targets) => {
                self.forward_at(log_odds_tensor(logits, is_target(targets, classes)))
            }
            Targets::Distribution(targets) => {
                let losses = self.forward_at(log_odds_of_all(logits));
                let losses = losses.reshape([batch, classes]) * targets.clone();
                losses.sum_dim(1).reshape([batch])
            }
        }
    }
}

/// The classes with nonzero target probability, and these probabilities.
fn support(targets: &[f64]) -> impl Iterator<Item = (usize, f64)> {
    let targets = targets.iter().copied().enumerate();
    targets.filter(|(_, t)| *t != 0.0)
}

/// z of `class`: its logit minus the logsumexp of the others.
fn log_odds(logits: &[f64], class: usize) -> f64 {
    let others = || (0..logits.len()).filter(|k| *k != class).map(|k| logits[k]);
    let largest = others().fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = others().map(|logit| (logit - largest).exp()).sum();
    (logits[class] - largest) - total.ln()
}

/// Masks the target's logit in a softmax: its exponential is 0. Below every logit, but finite,
/// since shader languages do not guarantee infinities.
const HIDDEN: f64 = f32::MIN as f64;

/// z of each example: `[batch, classes]` → `[batch]`.
pub fn log_odds_tensor(logits: Tensor<2>, is_target: Tensor<2, Bool>) -> Tensor<1> {
    let [batch, _] = logits.dims();
    let target = target_logits(logits.clone(), is_target.clone());
    let others = others(logits, is_target);
    // A constant shift: logsumexp has the same gradient with and without it.
    let largest = others.clone().detach().max_dim(1);
    let total = (others - largest.clone()).exp().sum_dim(1);
    (target - largest.reshape([batch])) - total.log().reshape([batch])
}

/// z of each class of each example, as if it were the target: `[batch, classes]` →
/// `[batch · classes]`. Every class has a separate row of logits, since computing z from one
/// shared logsumexp suffers cancellation where p is near 1.
fn log_odds_of_all(logits: Tensor<2>) -> Tensor<1> {
    let [batch, classes] = logits.dims();
    let device = logits.device();
    let rows = logits.reshape([batch, 1, classes]);
    let rows = rows.expand([batch, classes, classes]); // [example, target, class]
    let targets = Tensor::<1, Int>::arange(0..classes as i64, &device);
    let targets = targets.reshape([1, classes]).expand([batch, classes]);
    let is_target = is_target(&targets.reshape([batch * classes]), classes);
    log_odds_tensor(rows.reshape([batch * classes, classes]), is_target)
}

/// The logits with the target's masked: `[batch, classes]`.
pub fn others(logits: Tensor<2>, is_target: Tensor<2, Bool>) -> Tensor<2> {
    logits.mask_fill(is_target, HIDDEN)
}

/// f_y of each example: `[batch, classes]` → `[batch]`.
pub fn target_logits(logits: Tensor<2>, is_target: Tensor<2, Bool>) -> Tensor<1> {
    let [batch, _] = logits.dims();
    let only_target = logits.mask_fill(is_target.bool_not(), 0.0);
    only_target.sum_dim(1).reshape([batch])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_odds_of_equal_logits_count_the_other_classes() {
        for classes in [2, 10, 100] {
            let z = log_odds(&vec![700.0; classes], 1);
            assert!((z + ((classes - 1) as f64).ln()).abs() < 1e-13);
        }
    }

    #[test]
    fn log_odds_keep_their_precision_where_p_rounds_to_one() {
        assert_eq!(log_odds(&[300.0, -300.0], 0), 600.0);
    }
}
