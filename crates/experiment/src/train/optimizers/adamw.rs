//! AdamW as PyTorch defines it.

use burn::tensor::{Device, Tensor};
use training_kernels::{AdamWStep, adamw_step};

use super::{Parameter, Rule, Strength};
use crate::settings::TrainSettings;

/// Adam with decoupled weight decay; the formula is that of [`AdamWStep`].
pub struct AdamW {
    betas: [f64; 2],
    epsilon: f64,
    /// 1 − β₁ᵗ and 1 − β₂ᵗ of the current step, `[1]` each.
    corrections: [Tensor<1>; 2],
}

impl AdamW {
    pub fn new(settings: &TrainSettings, device: &Device) -> Self {
        Self {
            betas: [settings.beta1, settings.beta2],
            epsilon: settings.epsilon,
            corrections: [(); 2].map(|()| Tensor::zeros([1], device)),
        }
    }
}

impl Rule for AdamW {
    const COUNTS_STEPS: bool = true;

    fn state_names(&self) -> &'static [&'static str] {
        &["exp_avg", "exp_avg_sq"]
    }

    fn begin_step(&mut self, number: Tensor<1>) {
        self.corrections = self.betas.map(|beta| correction(number.clone(), beta));
    }

    fn update<const D: usize>(
        &self,
        before: Parameter<D>,
        gradient: Tensor<D>,
        strength: Strength,
    ) -> Parameter<D> {
        let rule = AdamWStep {
            learning_rate: strength.learning_rate,
            betas: self.betas,
            epsilon: self.epsilon,
            weight_decay: strength.weight_decay,
        };
        let mut state = before.state.into_iter();
        let moments = [(); 2].map(|()| state.next().unwrap_or_else(|| gradient.zeros_like()));
        let [value, mean, mean_square] =
            adamw_step(before.value, gradient, moments, &self.corrections, rule);
        Parameter {
            value,
            state: vec![mean, mean_square],
        }
    }
}

/// 1 − βᵗ for the number t of a step, `[1]`, to the rounding of f32.
///
/// That is −(eˣ − 1) with x = t ln β, which would cancel near x = 0: there it is the series x + x²/2! + x³/3! + ….
fn correction(number: Tensor<1>, beta: f64) -> Tensor<1> {
    /// Below this magnitude of x nine terms leave less than 1e-9.
    const SERIES: f32 = 0.5;
    const TERMS: u32 = 9;
    // ln 0 is not finite, and 0ᵗ is 0 as this power is.
    let x = number * beta.ln().max(-1e3);
    let series = (2..=TERMS).rev().fold(x.ones_like(), |rest, term| {
        rest * x.clone() / f64::from(term) + 1.0
    });
    let near_zero = x.clone().greater_elem(-SERIES);
    let directly = x.clone().exp() - 1.0;
    -directly.mask_where(near_zero, x * series)
}

#[cfg(test)]
mod tests {
    use training_kernels::Unscaling;

    use super::super::testing::{Training, cpu};
    use super::*;
    use crate::settings::OptimizerName;

    fn training(settings: &TrainSettings) -> Training<AdamW> {
        Training::new(AdamW::new(settings, &cpu()), settings)
    }

    const LEARNING_RATE: f64 = 0.1;

    fn settings() -> TrainSettings {
        TrainSettings {
            beta1: 0.8,
            beta2: 0.99,
            epsilon: 1e-3,
            learning_rate: LEARNING_RATE,
            weight_decay: 0.5,
            optimizer: OptimizerName::AdamW,
            ..TrainSettings::default()
        }
    }

    const GRADIENTS: [[f32; 3]; 3] = [[3.0, -0.5, 5.0], [-1.0, 0.25, 0.0], [1e-4, 2.0, -7.0]];

    /// A number after steps along `gradients`, by the definition in float64.
    fn in_double(
        settings: &TrainSettings,
        mut number: f64,
        gradients: &[f64],
        decays: bool,
    ) -> f64 {
        let [mut m, mut v] = [0.0; 2];
        let TrainSettings {
            beta1,
            beta2,
            epsilon,
            ..
        } = *settings;
        for (gradient, t) in gradients.iter().zip(1..) {
            let decay = if decays { settings.weight_decay } else { 0.0 };
            number -= LEARNING_RATE * decay * number;
            m = beta1 * m + (1.0 - beta1) * gradient;
            v = beta2 * v + (1.0 - beta2) * gradient * gradient;
            let [m, v] = [m / (1.0 - beta1.powi(t)), v / (1.0 - beta2.powi(t))];
            number -= LEARNING_RATE * m / (v.sqrt() + epsilon);
        }
        number
    }

    #[test]
    fn steps_are_those_of_the_definition() {
        for decay_norm_and_bias in [true, false] {
            let settings = TrainSettings {
                decay_norm_and_bias,
                ..settings()
            };
            let mut training = training(&settings);
            for gradients in GRADIENTS {
                training.step(gradients, None);
            }
            let starts = [2.0, -1.0, 1.0];
            let found = training.numbers();
            for (index, start) in starts.into_iter().enumerate() {
                let gradients = GRADIENTS.map(|gradients| f64::from(gradients[index]));
                let decays = index < 2 || decay_norm_and_bias;
                let expected = in_double(&settings, start, &gradients, decays);
                let error = (f64::from(found[index]) - expected).abs();
                assert!(error < 1e-6, "{} ≠ {expected}", found[index]);
            }
        }
    }

    #[test]
    fn a_scaled_step_is_that_of_the_gradient_itself_and_a_skipped_one_changes_nothing() {
        let unscaling = |skip: f32| Unscaling {
            scale: Tensor::from_floats([4096.0], &cpu()),
            skip: Tensor::from_floats([skip], &cpu()),
        };
        let [mut scaled, mut plain] = [(); 2].map(|()| training(&settings()));
        for gradients in GRADIENTS {
            let before = scaled.numbers();
            // Before the first step there is no state yet.
            for gradient in [f32::NAN, f32::INFINITY, 3.0] {
                assert_eq!(scaled.step([gradient; 3], Some(&unscaling(1.0))), before);
            }
            let multiplied = gradients.map(|gradient| 4096.0 * gradient);
            let expected = plain.step(gradients, None);
            assert_ne!(before, expected);
            assert_eq!(scaled.step(multiplied, Some(&unscaling(0.0))), expected);
        }
    }

    #[test]
    fn bias_corrections_are_right_to_the_rounding_of_their_power() {
        for beta in [0.0, 0.5, 0.9, 0.999, 0.999_999] {
            for number in [1, 2, 3, 10, 500, 1000, 12_345, 16_000_000] {
                let tensor = Tensor::from_floats([number as f32], &cpu());
                let found: f32 = correction(tensor, beta).into_scalar();
                let expected = -(f64::from(number) * beta.ln()).exp_m1();
                let error = (f64::from(found) / expected - 1.0).abs();
                assert!(error < 5e-7, "1 − {beta}^{number}: {found} ≠ {expected}");
            }
        }
    }
}
