//! Dynamic loss scaling: scales gradients into the range of f16, and skips steps that overflow it.

use anyhow::Result;
use burn::module::Module;
use burn::tensor::{Device, Gradients, Tensor};
use cifar_models::checkpoint::NamedTensors;
use cifar_models::named_gradients;
use training_kernels::{Unscaling, are_finite};

use super::stored::number;
use crate::measure::read_values;

/// The start, the interval, and the factors 2 and ½ are PyTorch's.
const START: f32 = 65_536.0;
const GROWTH_INTERVAL: f32 = 2000.0;
/// Below 1 a scale would lower gradients that f32 training takes as they are.
const SMALLEST: f32 = 1.0;
/// The smallest number of f16 above 0 is 2⁻²⁴: this scale lifts it to 1.
const LARGEST: f32 = 16_777_216.0;

/// The factor by which a loss is multiplied before its gradients are taken, and how it changes.
///
/// Numbers of f16 end at 65504 and those below 2⁻²⁴ become 0, so gradients are those of s · loss and are
/// divided by s, the scale, in f32. With n the good steps since the scale last changed, a step is
///
/// - good where every gradient is finite: n ← n + 1, and at n = 2000 s ← min(2 s, 2²⁴) and n ← 0;
/// - skipped where one is not: parameters and the state of the optimizer stay, s ← max(s / 2, 1) and n ← 0.
///
/// At s = 1 nothing is skipped: there the gradient itself is not finite, and the next loss shows it as
/// it does in f32. So no training is skipped for ever. All of this stays on the device, and no step
/// waits for it.
///
/// Sources: `torch.amp.GradScaler` (torch/amp/grad_scaler.py of PyTorch 2, without the two bounds);
/// Micikevicius et al., "Mixed Precision Training", ICLR 2018, section 3.2.
pub struct LossScale {
    /// s, `[1]`
    scale: Tensor<1>,
    /// n, `[1]`
    good_steps: Tensor<1>,
    /// Of the whole trial, `[1]`.
    skipped_steps: Tensor<1>,
}

impl LossScale {
    /// Before the first step, on `device`, which records no gradients.
    pub fn new(device: &Device) -> Self {
        Self {
            scale: Tensor::from_floats([START], device),
            good_steps: Tensor::zeros([1], device),
            skipped_steps: Tensor::zeros([1], device),
        }
    }

    /// s · loss, whose gradients [`LossScale::judge`] takes.
    pub fn scaled(&self, loss: Tensor<1>) -> Tensor<1> {
        loss * Tensor::from_inner(self.scale.clone())
    }

    /// Of the norm of scaled gradients, that of the gradients themselves.
    pub fn unscaled(&self, norm: Tensor<1>) -> Tensor<1> {
        norm / self.scale.clone()
    }

    /// Decides whether the step along these scaled gradients of `model` is taken, and moves the scale.
    pub fn judge<M: Module>(&mut self, model: &M, gradients: &Gradients) -> Unscaling {
        let gradients = named_gradients(model, gradients).into_iter();
        let overflown = are_finite(gradients.map(|(_, gradient)| gradient).collect()).bool_not();
        let skip = overflown
            .clone()
            .bool_and(self.scale.clone().greater_elem(SMALLEST))
            .float();
        let unscaling = Unscaling {
            scale: self.scale.clone(),
            skip: skip.clone(),
        };
        let good_steps = (self.good_steps.clone() + 1.0).mask_fill(overflown.clone(), 0.0);
        let grows = good_steps.clone().equal_elem(GROWTH_INTERVAL);
        let [twice, half] = [2.0, 0.5].map(|factor| self.scale.clone() * factor);
        self.scale = (self.scale.clone())
            .mask_where(grows.clone(), twice)
            .mask_where(overflown, half)
            .clamp(SMALLEST, LARGEST);
        self.good_steps = good_steps.mask_fill(grows, 0.0);
        self.skipped_steps = self.skipped_steps.clone() + skip;
        unscaling
    }

    /// All of it, for a checkpoint.
    pub fn tensors(&self) -> NamedTensors {
        [
            ("scale", &self.scale),
            ("good_steps", &self.good_steps),
            ("skipped_steps", &self.skipped_steps),
        ]
        .map(|(name, tensor)| (name.to_owned(), tensor.to_data().convert::<f32>()))
        .into()
    }

    /// Restores the output of [`LossScale::tensors`], on `device`.
    ///
    /// # Errors
    /// When it does not match.
    pub fn restore(&mut self, tensors: &NamedTensors, device: &Device) -> Result<()> {
        for (name, tensor) in [
            ("scale", &mut self.scale),
            ("good_steps", &mut self.good_steps),
            ("skipped_steps", &mut self.skipped_steps),
        ] {
            let stored = tensors.get(name).cloned();
            *tensor = Tensor::from_data(number(&format!("loss_scale.{name}"), stored)?, device);
        }
        Ok(())
    }

    /// Steps skipped so far. Waits for the device.
    ///
    /// # Errors
    /// When the device fails.
    pub fn skipped_steps(&self) -> Result<u64> {
        Ok(read_values(self.skipped_steps.clone())?[0] as u64)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;

    use super::super::optimizers::Sgd;
    use super::super::optimizers::testing::{self, cpu};
    use super::*;
    use crate::settings::TrainSettings;

    /// Numbers 2, −1 and 1 with a learning rate and a momentum of ½, and what moves them.
    struct Training {
        plain: testing::Training<Sgd>,
        loss_scale: LossScale,
    }

    impl Training {
        /// Before the first step, but for the scale and the good steps.
        fn at(scale: f32, good_steps: f32) -> Self {
            let settings = TrainSettings {
                learning_rate: 0.5,
                momentum: 0.5,
                weight_decay: 0.0,
                ..TrainSettings::default()
            };
            Self {
                plain: testing::Training::new(Sgd::new(&settings), &settings),
                loss_scale: LossScale {
                    scale: Tensor::from_floats([scale], &cpu()),
                    good_steps: Tensor::from_floats([good_steps], &cpu()),
                    skipped_steps: Tensor::zeros([1], &cpu()),
                },
            }
        }

        /// Takes a step of a loss whose gradient by each number is `slope`, and gives the numbers.
        fn step(&mut self, slope: f32) -> [f32; 3] {
            let model = &self.plain.model;
            let gradients = self.loss_scale.scaled(model.loss([slope; 3])).backward();
            let unscaling = self.loss_scale.judge(model, &gradients);
            self.plain.follow(gradients, Some(&unscaling))
        }

        /// Scale, good steps and skipped steps.
        fn state(&self) -> [f32; 3] {
            let LossScale {
                scale,
                good_steps,
                skipped_steps,
            } = &self.loss_scale;
            [scale, good_steps, skipped_steps].map(|tensor| tensor.clone().into_scalar())
        }
    }

    #[test]
    fn a_good_step_is_that_of_the_gradient_without_scale() {
        let mut training = Training::at(START, 0.0);
        assert_eq!(training.step(1.0), [1.5, -1.5, 0.5]);
        assert_eq!(training.step(1.0), [0.75, -2.25, -0.25]);
        assert_eq!(training.state(), [65_536.0, 2.0, 0.0]);
    }

    #[test]
    fn a_gradient_that_is_not_finite_skips_the_step_and_halves_the_scale() {
        // The last one is finite until it is scaled.
        for slope in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e35] {
            let mut training = Training::at(START, 1999.0);
            assert_eq!(training.step(slope), [2.0, -1.0, 1.0]);
            assert_eq!(training.state(), [32_768.0, 0.0, 1.0]);
            assert_eq!(training.step(1.0), [1.5, -1.5, 0.5]);
            assert_eq!(training.step(slope), [1.5, -1.5, 0.5]);
            assert_eq!(training.state(), [16_384.0, 0.0, 2.0]);
            // The velocity is still that of the first step that was taken.
            assert_eq!(training.step(1.0), [0.75, -2.25, -0.25]);
            assert_eq!(training.loss_scale.skipped_steps().unwrap(), 2);
        }
    }

    #[test]
    fn the_scale_doubles_after_2000_good_steps_in_a_row_and_counts_anew() {
        let mut training = Training::at(4.0, 1998.0);
        for expected in [[4.0, 1999.0, 0.0], [8.0, 0.0, 0.0], [8.0, 1.0, 0.0]] {
            training.step(1.0);
            assert_eq!(training.state(), expected);
        }
    }

    #[test]
    fn the_scale_never_rises_above_its_largest() {
        let mut training = Training::at(LARGEST, 1999.0);
        training.step(1.0);
        assert_eq!(training.state(), [LARGEST, 0.0, 0.0]);
    }

    #[test]
    fn at_a_scale_of_1_a_gradient_that_is_not_finite_is_taken_so_that_the_loss_shows_it() {
        let mut training = Training::at(2.0, 0.0);
        assert_eq!(training.step(f32::INFINITY), [2.0, -1.0, 1.0]);
        assert_eq!(training.state(), [1.0, 0.0, 1.0]);
        let numbers = training.step(f32::INFINITY);
        assert!(numbers.iter().all(|number| !number.is_finite()));
        assert_eq!(training.state(), [1.0, 0.0, 1.0]);
    }

    #[test]
    fn a_state_that_is_not_one_number_each_is_refused() {
        let mut loss_scale = Training::at(START, 0.0).loss_scale;
        let whole = loss_scale.tensors();
        loss_scale.restore(&whole, &cpu()).unwrap();
        let mut refused = |tensors: &NamedTensors| {
            let error = loss_scale.restore(tensors, &cpu()).unwrap_err();
            error.to_string()
        };
        let mut missing = whole.clone();
        missing.remove("scale");
        assert_eq!(
            refused(&missing),
            "loss_scale.scale: expected a number, found none"
        );
        let mut matrix = whole;
        let data = TensorData::new(vec![1.0_f32], [1, 1]);
        matrix.insert("good_steps".to_owned(), data);
        assert_eq!(
            refused(&matrix),
            "loss_scale.good_steps: expected a number of shape [1], found shape [1, 1]"
        );
    }
}
