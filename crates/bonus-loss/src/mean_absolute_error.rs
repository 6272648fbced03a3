//! The absolute error of the class probabilities.

use burn::tensor::Tensor;

use crate::all_classes::{Activation, Classes, error_log_odds};
use crate::entry::Definition;
use crate::log_odds::log_odds_tensor;
use crate::macros::loss;
use crate::stable::sigmoid_tensor;
use crate::targets::is_target;
use crate::{Context, Targets};

loss! {
    MeanAbsoluteError {
        name: "mean_absolute_error",
        summary: "absolute error of the class probabilities",
        formula: "\
L = Σ_k |s_k − t_k|, s = softmax(f) or sigmoid(f), t = one_hot(y); mean: L/K
softmax: L = 2(1−p)",
        gradient: "\
softmax: dL/dz = −2p(1−p)
sigmoid: ∂L/∂f_k = ±s_k (1−s_k), − for the target",
        source: "Ghosh, Kumar & Sastry, Robust Loss Functions under Label Noise for Deep Neural \
                 Networks, AAAI 2017, arXiv 1712.09482",
        recommended: [],
        parameters: {
            /// how the logits become the probabilities s: softmax over all classes, or one sigmoid
            /// per class
            activation: Activation = Activation::Softmax;
            /// whether the K terms of an example are added or averaged (which makes the gradient K
            /// times smaller)
            classes: Classes = Classes::Sum;
        },
    }
}

impl Definition for MeanAbsoluteError {
    fn value(&self, logits: &[f64], targets: &[f64], _: &Context) -> f64 {
        let residuals = self.activation.residuals(logits, targets);
        let errors: f64 = residuals.iter().map(|r| r.abs()).sum();
        errors * self.classes.factor(logits.len())
    }

    fn gradient(&self, logits: &[f64], targets: &[f64], _: &Context) -> Vec<f64> {
        let factor = self.classes.factor(logits.len());
        let probabilities = self.activation.probabilities(logits);
        // A probability that rounds to its target 1 is still below it.
        let slope = |(s, t): (&f64, &f64)| if s > t || *t == 0.0 { factor } else { -factor };
        let slopes: Vec<f64> = probabilities.iter().zip(targets).map(slope).collect();
        self.activation.vjp(logits, &slopes)
    }

    fn forward(&self, logits: Tensor<2>, targets: &Targets, _: &Context) -> Tensor<1> {
        let [_, classes] = logits.dims();
        let targets = match targets {
            Targets::Classes(targets) => is_target(targets, classes),
            Targets::Distribution(targets) => {
                let residuals = self.activation.tensor(logits) - targets.clone();
                return self.classes.reduce(residuals.abs());
            }
        };
        match self.activation {
            Activation::Softmax => {
                let error = sigmoid_tensor(log_odds_tensor(logits, targets).neg()); // 1−p
                error * (2.0 * self.classes.factor(classes))
            }
            Activation::Sigmoid => {
                let errors = sigmoid_tensor(error_log_odds(logits, targets));
                self.classes.reduce(errors)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::stable::sigmoid;
    use crate::{Loss, LossConfig};

    fn one_vs_all(name: &str) -> Loss {
        let config = LossConfig::new(name).unwrap();
        config.with("activation", "sigmoid").unwrap().init()
    }

    #[test]
    fn error_and_mirror_bonus_give_twice_the_absolute_error_less_one_per_class() {
        let (target, mirror) = ([1.0, 0.0], [0.0, 1.0]);
        let absolute = one_vs_all("mean_absolute_error");
        for name in ["mean_squared_error", "mean_absolute_error"] {
            let loss = one_vs_all(name);
            for logits in [[0.0, 0.0], [2.0, -1.0], [-3.0, 0.5]] {
                let encouraged = loss.value(&logits, &target) - loss.value(&logits, &mirror);
                let expected = 2.0 * absolute.value(&logits, &target) - 2.0;
                assert!((encouraged - expected).abs() < 1e-14, "{name}");
            }
        }
    }

    #[test]
    fn binary_gradients_are_those_of_the_blog() {
        let squared = one_vs_all("mean_squared_error");
        let absolute = one_vs_all("mean_absolute_error");
        let cross_entropy = LossConfig::new("binary_cross_entropy").unwrap().init();
        let targets = [1.0, 0.0];
        for logits in [[0.3, -0.2], [4.0, 4.0], [-2.0, 1.0]] {
            for (k, y) in targets.into_iter().enumerate() {
                let p = sigmoid(logits[k]);
                let slope = |loss: &Loss| loss.gradient(&logits, &targets)[k];
                assert!((slope(&squared) - 2.0 * (p - y) * p * (1.0 - p)).abs() < 1e-15);
                assert!((slope(&absolute) - (p - y).signum() * p * (1.0 - p)).abs() < 1e-15);
                assert!((slope(&cross_entropy) - (p - y)).abs() < 1e-15);
            }
        }
    }

    #[test]
    fn softmax_error_is_twice_what_the_target_lacks() {
        let loss = LossConfig::new("mean_absolute_error").unwrap().init();
        let z: f64 = 1.5;
        let value = loss.value(&[z, 0.0], &[1.0, 0.0]);
        assert!((value - 2.0 * sigmoid(-z)).abs() < 1e-15);
    }
}
