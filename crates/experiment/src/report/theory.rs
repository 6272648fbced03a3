//! What a loss does at a confidence, in closed form.

use bonus_loss::Loss;

/// The loss and its gradient with respect to the target's logit at p = softmax(f)_y: ten classes, the other logits at 0,
/// so that `p = sigmoid(f_y − ln 9)`, and for a loss of p alone `∂L/∂f_y` is dL/dz.
pub fn value_and_gradient(loss: &Loss, p: f64) -> (f64, f64) {
    const CLASSES: usize = 10;
    let mut targets = [0.0; CLASSES];
    targets[0] = 1.0;
    let mut logits = [0.0; CLASSES];
    logits[0] = (p / (1.0 - p)).ln() + ((CLASSES - 1) as f64).ln();
    let value = loss.value(&logits, &targets) + 0.0; // −0 + 0 = 0
    (value, loss.gradient(&logits, &targets)[0])
}
