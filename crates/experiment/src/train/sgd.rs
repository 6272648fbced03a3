//! Stochastic gradient descent as PyTorch defines it, over a model's named parameters.

use std::collections::HashMap;

use anyhow::{Result, ensure};
use burn::module::{Module, Param};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use cifar_models::checkpoint::NamedTensors;
use cifar_models::{MapNamed, map_named, named_tensors};
use training_kernels::{SgdStep, Unscaling, scaled_sgd_step, sgd_step};

use crate::settings::TrainSettings;

/// SGD with momentum, Nesterov momentum and L2 weight decay; the formula is that of [`SgdStep`].
pub struct Sgd {
    momentum: f64,
    nesterov: bool,
    weight_decay: f64,
    decay_norm_and_bias: bool,
    velocities: HashMap<String, Tensor<1>>,
}

impl Sgd {
    pub fn new(settings: &TrainSettings) -> Self {
        Self {
            momentum: settings.momentum,
            nesterov: settings.nesterov,
            weight_decay: settings.weight_decay,
            decay_norm_and_bias: settings.decay_norm_and_bias,
            velocities: HashMap::new(),
        }
    }

    /// The model after one step along `gradients`, which are scaled where there is an `unscaling`.
    pub fn step<M: Module>(
        &mut self,
        model: M,
        gradients: Gradients,
        learning_rate: f64,
        unscaling: Option<&Unscaling>,
    ) -> M {
        let mut update = Update {
            optimizer: self,
            gradients,
            learning_rate,
            unscaling,
        };
        map_named(model, &mut update)
    }

    /// The velocities by the names of their parameters, each in one row.
    pub fn velocities(&self) -> NamedTensors {
        let velocities = self.velocities.iter();
        velocities
            .map(|(name, velocity)| (name.clone(), velocity.to_data().convert::<f32>()))
            .collect()
    }

    /// Takes back what [`Sgd::velocities`] gave after a step of `model`, onto `device`.
    ///
    /// # Errors
    /// When they are not the velocities of the model's parameters.
    pub fn restore<M: Module>(
        &mut self,
        model: &M,
        velocities: NamedTensors,
        device: &Device,
    ) -> Result<()> {
        let tensors: NamedTensors = named_tensors(model).into_iter().collect();
        let fits = |(name, velocity): (&String, &TensorData)| {
            let tensor = tensors.get(name);
            tensor.is_some_and(|tensor| velocity.shape().as_slice() == [tensor.num_elements()])
        };
        let moves = self.momentum > 0.0;
        let expected = if moves { model.num_params() } else { 0 };
        let found: usize = velocities.values().map(TensorData::num_elements).sum();
        ensure!(
            found == expected && velocities.iter().all(fits),
            "velocity: expected {expected} numbers under the names of the parameters, found {found}"
        );
        let tensors = velocities.into_iter();
        self.velocities = tensors
            .map(|(name, velocity)| (name, Tensor::from_data(velocity, device)))
            .collect();
        Ok(())
    }

    /// The parameter called `name` after a step along `gradient`.
    fn updated<const D: usize>(
        &mut self,
        name: &str,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        learning_rate: f64,
        unscaling: Option<&Unscaling>,
    ) -> Tensor<D> {
        // Matrices and kernels have two dimensions or more, batch norm's parameters and biases one.
        let decays = D > 1 || self.decay_norm_and_bias;
        let rule = SgdStep {
            learning_rate,
            momentum: self.momentum,
            nesterov: self.nesterov,
            weight_decay: if decays { self.weight_decay } else { 0.0 },
        };
        let shape = parameter.shape();
        let elements = shape.num_elements();
        let velocity = self.velocities.remove(name);
        let velocity = velocity.map(|velocity| velocity.reshape(shape));
        let [parameter, velocity] = match unscaling {
            None => sgd_step(parameter, gradient, velocity, rule),
            Some(unscaling) => scaled_sgd_step(parameter, gradient, velocity, unscaling, rule),
        };
        if self.momentum > 0.0 {
            let velocity = velocity.reshape([elements]);
            self.velocities.insert(name.to_owned(), velocity);
        }
        parameter
    }
}

/// One step's walk over the parameters.
struct Update<'a> {
    optimizer: &'a mut Sgd,
    gradients: Gradients,
    learning_rate: f64,
    unscaling: Option<&'a Unscaling>,
}

impl MapNamed for Update<'_> {
    fn map<const D: usize>(&mut self, name: &str, parameter: Param<Tensor<D>>) -> Param<Tensor<D>> {
        parameter.map(|tensor| {
            // Running statistics have no gradient and stay as they are.
            let Some(gradient) = tensor.grad_remove(&mut self.gradients) else {
                return tensor;
            };
            let value = self.optimizer.updated(
                name,
                tensor.inner(),
                gradient,
                self.learning_rate,
                self.unscaling,
            );
            Tensor::from_inner(value).require_grad()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::open_cpu;
    use crate::settings::BackendChoice;

    #[derive(Module, Debug)]
    struct Line {
        weight: Param<Tensor<2>>,
        bias: Param<Tensor<1>>,
    }

    /// A model with weight 2 and bias 1 whose loss is 3·weight + 5·bias, so the gradients are 3 and 5.
    fn steps(settings: &TrainSettings, count: usize) -> [f32; 2] {
        let device = open_cpu(BackendChoice::Flex).unwrap().autodiff();
        let mut model = Line {
            weight: Param::from_data([[2.0_f32]], &device),
            bias: Param::from_data([1.0_f32], &device),
        };
        let mut optimizer = Sgd::new(settings);
        for _ in 0..count {
            let loss = model.weight.val().reshape([1]) * 3.0 + model.bias.val() * 5.0;
            let gradients = loss.backward();
            model = optimizer.step(model, gradients, 0.1, None);
        }
        [
            model.weight.val().into_scalar(),
            model.bias.val().into_scalar(),
        ]
    }

    fn settings(momentum: f64, nesterov: bool, weight_decay: f64, all: bool) -> TrainSettings {
        TrainSettings {
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
