//! Stochastic gradient descent as PyTorch defines it.

use burn::tensor::Tensor;
use training_kernels::{SgdStep, Unscaling, scaled_sgd_step, sgd_step};

use super::{Parameter, Rule, Strength};
use crate::settings::TrainSettings;

/// SGD with momentum, Nesterov momentum and L2 weight decay; the formula is that of [`SgdStep`].
pub struct Sgd {
    momentum: f64,
    nesterov: bool,
}

impl Sgd {
    pub fn new(settings: &TrainSettings) -> Self {
        Self {
            momentum: settings.momentum,
            nesterov: settings.nesterov,
        }
    }

    fn step(&self, strength: Strength) -> SgdStep {
        SgdStep {
            learning_rate: strength.learning_rate,
            momentum: self.momentum,
            nesterov: self.nesterov,
            weight_decay: strength.weight_decay,
        }
    }

    /// What a kernel gave, without a velocity where nothing is kept of it.
    fn parameter<const D: usize>(&self, [value, velocity]: [Tensor<D>; 2]) -> Parameter<D> {
        let keeps = self.momentum > 0.0;
        Parameter {
            value,
            state: keeps.then_some(velocity).into_iter().collect(),
        }
    }
}

impl Rule for Sgd {
    fn state_names(&self) -> &'static [&'static str] {
        if self.momentum > 0.0 {
            &["velocity"]
        } else {
            &[]
        }
    }

    fn update<const D: usize>(
        &self,
        before: Parameter<D>,
        gradient: Tensor<D>,
        strength: Strength,
    ) -> Parameter<D> {
        let velocity = before.state.into_iter().next();
        self.parameter(sgd_step(
            before.value,
            gradient,
            velocity,
            self.step(strength),
        ))
    }

    /// In the same kernel.
    fn scaled_update<const D: usize>(
        &self,
        before: Parameter<D>,
        gradient: Tensor<D>,
        strength: Strength,
        unscaling: &Unscaling,
    ) -> Parameter<D> {
        let velocity = before.state.into_iter().next();
        let rule = self.step(strength);
        self.parameter(scaled_sgd_step(
            before.value,
            gradient,
            velocity,
            unscaling,
            rule,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Training;
    use super::*;

    /// A weight of 2 and a bias of 1 after steps along gradients of 3 and 5.
    fn steps(settings: &TrainSettings, count: usize) -> [f32; 2] {
        let mut training = Training::new(Sgd::new(settings), settings);
        for _ in 0..count {
            training.step([3.0, 0.0, 5.0], None);
        }
        let [weight, _, bias] = training.numbers();
        [weight, bias]
    }

    fn settings(momentum: f64, nesterov: bool, weight_decay: f64, all: bool) -> TrainSettings {
        TrainSettings {
            learning_rate: 0.1,
            momentum,
            nesterov,
            weight_decay,
            decay_norm_and_bias: all,
            ..TrainSettings::default()
        }
    }

    fn close(actual: [f32; 2], expected: [f64; 2]) {
        for (actual, expected) in actual.into_iter().zip(expected) {
            assert!(
                (f64::from(actual) - expected).abs() < 1e-5,
                "{actual} ≠ {expected}"
            );
        }
    }

    #[test]
    fn plain_steps_follow_the_gradient() {
        close(steps(&settings(0.0, false, 0.0, true), 2), [1.4, 0.0]);
    }

    #[test]
    fn momentum_starts_at_the_gradient_without_dampening() {
        // velocities 3, 5.7 and 5, 9.5
        close(
            steps(&settings(0.9, false, 0.0, true), 2),
            [2.0 - 0.87, 1.0 - 1.45],
        );
    }

    #[test]
    fn nesterov_looks_ahead() {
        // directions 3 + 0.9·3, 3 + 0.9·5.7 and the same for 5
        close(
            steps(&settings(0.9, true, 0.0, true), 2),
            [2.0 - 0.57 - 0.813, 1.0 - 0.95 - 1.355],
        );
    }

    #[test]
    fn weight_decay_can_leave_out_norm_and_bias() {
        close(
            steps(&settings(0.0, false, 0.5, true), 1),
            [2.0 - 0.4, 1.0 - 0.55],
        );
        close(
            steps(&settings(0.0, false, 0.5, false), 1),
            [2.0 - 0.4, 1.0 - 0.5],
        );
    }
}
