//! Which images the gradient of a loss comes from.

use serde::{Deserialize, Serialize};

/// Bins of p, the target's probability: `(0, 0.1]`, …, `(0.9, 1]`; p = 0 is in the first.
pub const BINS: usize = 10;

/// How much each of some training images contributes to the gradient of the loss, by the confidence of the network: with
/// z the log-odds of the target, |dL/dz| of a loss of z alone, and half the sum of |∂L/∂f_k| over the logits in general.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GradientSample {
    /// Images in each bin. One without a probability is in none, and leaves no other number.
    pub images: [u32; BINS],
    /// The share of the total that each bin contributes; they sum to 1. `None` if the total is 0 or not finite.
    pub shares: Option<[f64; BINS]>,
    /// As `shares`, of the images with p > 0.99.
    pub share_above_99: Option<f64>,
    /// Over the images; `None` if it is not finite.
    pub mean: Option<f64>,
}
