//! A rule applied to all parameters of a model, with its state for them.

use std::collections::HashMap;

use anyhow::{Result, ensure};
use burn::module::{Module, Param};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use cifar_models::checkpoint::NamedTensors;
use cifar_models::{MapNamed, Model, map_named, named_tensors};
use training_kernels::Unscaling;

use super::{Parameter, Rule, Strength};
use crate::settings::TrainSettings;
use crate::train::stored::number;

/// What training needs of an optimizer.
pub trait Optimizer {
    /// The model after one step along `gradients`, which are scaled where there is an `unscaling`. Nothing is read
    /// back from the device.
    fn step(
        &mut self,
        model: Model,
        gradients: Gradients,
        learning_rate: f64,
        unscaling: Option<&Unscaling>,
    ) -> Model;

    /// The state by name, such as `velocity.conv1.weight`; what is kept for a parameter has one row.
    fn tensors(&self) -> NamedTensors;

    /// Restores the output of [`Optimizer::tensors`] after a step of `model`, on `device`.
    ///
    /// # Errors
    /// When it does not match.
    fn restore(&mut self, model: &Model, tensors: NamedTensors, device: &Device) -> Result<()>;
}

/// The name of the number of steps taken.
const STEP: &str = "step";

/// The optimizer that applies a rule.
pub struct Stateful<R> {
    rule: R,
    weight_decay: f64,
    decay_norm_and_bias: bool,
    /// Steps taken, without those that were skipped, `[1]`, where the rule counts them; f32 counts to 2²⁴ and stays.
    count: Option<Tensor<1>>,
    /// By the names of the parameters, each tensor in one row.
    state: HashMap<String, Vec<Tensor<1>>>,
}

impl<R: Rule> Stateful<R> {
    pub fn new(rule: R, settings: &TrainSettings, device: &Device) -> Self {
        Self {
            rule,
            weight_decay: settings.weight_decay,
            decay_norm_and_bias: settings.decay_norm_and_bias,
            count: R::COUNTS_STEPS.then(|| Tensor::zeros([1], device)),
            state: HashMap::new(),
        }
    }

    /// [`Optimizer::step`] of any module.
    pub fn stepped<M: Module>(
        &mut self,
        model: M,
        gradients: Gradients,
        learning_rate: f64,
        unscaling: Option<&Unscaling>,
    ) -> M {
        if let Some(count) = &mut self.count {
            *count = match unscaling {
                None => count.clone() + 1.0,
                Some(unscaling) => count.clone() + 1.0 - unscaling.skip.clone(),
            };
            self.rule.begin_step(count.clone());
        }
        let mut walk = Walk {
            optimizer: self,
            gradients,
            learning_rate,
            unscaling,
        };
        map_named(model, &mut walk)
    }

    /// The parameter called `name` after a step along `gradient`.
    fn updated<const D: usize>(
        &mut self,
        name: &str,
        value: Tensor<D>,
        gradient: Tensor<D>,
        learning_rate: f64,
        unscaling: Option<&Unscaling>,
    ) -> Tensor<D> {
        // Matrices and kernels have two dimensions or more, batch norm's parameters and biases one.
        let decays = D > 1 || self.decay_norm_and_bias;
        let strength = Strength {
            learning_rate,
            weight_decay: if decays { self.weight_decay } else { 0.0 },
        };
        let shape = value.shape();
        let elements = shape.num_elements();
        let state = self.state.remove(name).unwrap_or_default().into_iter();
        let state = state.map(|tensor| tensor.reshape(shape.clone())).collect();
        let before = Parameter { value, state };
        let after = match unscaling {
            None => self.rule.update(before, gradient, strength),
            Some(unscaling) => (self.rule).scaled_update(before, gradient, strength, unscaling),
        };
        let state = after.state.into_iter();
        let state = state.map(|tensor| tensor.reshape([elements])).collect();
        self.state.insert(name.to_owned(), state);
        after.value
    }
}

impl<R: Rule> Optimizer for Stateful<R> {
    fn step(
        &mut self,
        model: Model,
        gradients: Gradients,
        learning_rate: f64,
        unscaling: Option<&Unscaling>,
    ) -> Model {
        self.stepped(model, gradients, learning_rate, unscaling)
    }

    fn tensors(&self) -> NamedTensors {
        let data = |tensor: &Tensor<1>| tensor.to_data().convert::<f32>();
        let count = (self.count.iter()).map(|count| (STEP.to_owned(), data(count)));
        let mut tensors: NamedTensors = count.collect();
        for (parameter, state) in &self.state {
            let named = self.rule.state_names().iter().zip(state);
            tensors
                .extend(named.map(|(name, tensor)| (format!("{name}.{parameter}"), data(tensor))));
        }
        tensors
    }

    fn restore(&mut self, model: &Model, mut tensors: NamedTensors, device: &Device) -> Result<()> {
        if let Some(count) = &mut self.count {
            *count = Tensor::from_data(number(STEP, tensors.remove(STEP))?, device);
        }
        self.state.clear();
        for name in self.rule.state_names() {
            for (parameter, data) in state_of_all(name, model, &mut tensors)? {
                let tensor = Tensor::from_data(data, device);
                self.state.entry(parameter).or_default().push(tensor);
            }
        }
        let unknown: Vec<&String> = tensors.keys().collect();
        ensure!(unknown.is_empty(), "unexpected tensors: {unknown:?}");
        Ok(())
    }
}

/// The state called `state` out of `tensors`, by the names of the parameters.
fn state_of_all(
    state: &str,
    model: &Model,
    tensors: &mut NamedTensors,
) -> Result<Vec<(String, TensorData)>> {
    let prefix = format!("{state}.");
    let found = tensors.extract_if(.., |name, _| name.starts_with(&prefix));
    let found: Vec<(String, TensorData)> = found
        .map(|(name, tensor)| (name[prefix.len()..].to_owned(), tensor))
        .collect();
    let parameters: NamedTensors = named_tensors(model).into_iter().collect();
    let fits = |(name, tensor): &(String, TensorData)| {
        let parameter = parameters.get(name);
        parameter.is_some_and(|parameter| tensor.shape().as_slice() == [parameter.num_elements()])
    };
    let expected = model.num_params();
    let count: usize = found.iter().map(|(_, tensor)| tensor.num_elements()).sum();
    ensure!(
        count == expected && found.iter().all(fits),
        "{state}: expected {expected} numbers under the names of the parameters, found {count}"
    );
    Ok(found)
}

/// One step's walk over the parameters.
struct Walk<'a, R> {
    optimizer: &'a mut Stateful<R>,
    gradients: Gradients,
    learning_rate: f64,
    unscaling: Option<&'a Unscaling>,
}

impl<R: Rule> MapNamed for Walk<'_, R> {
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
