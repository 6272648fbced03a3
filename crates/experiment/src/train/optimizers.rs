//! The table of optimizers. A new one is one file below `optimizers/`, its module and its row here, and its name and
//! its keys in `settings/train.rs`.

mod adamw;
mod sgd;
mod stateful;
#[cfg(test)]
pub mod testing;

use burn::tensor::{Device, Tensor};
use training_kernels::{Unscaling, unscaled_step};

use self::adamw::AdamW;
pub use self::sgd::Sgd;
pub use self::stateful::{Optimizer, Stateful};
use crate::settings::{OptimizerName, TrainSettings};

/// The optimizer that `settings` name, before its first step, for parameters on `device`, which records no gradients.
pub fn init(settings: &TrainSettings, device: &Device) -> Box<dyn Optimizer> {
    match settings.optimizer {
        OptimizerName::Sgd => Box::new(Stateful::new(Sgd::new(settings), settings, device)),
        OptimizerName::AdamW => Box::new(Stateful::new(
            AdamW::new(settings, device),
            settings,
            device,
        )),
    }
}

/// How an optimizer updates one parameter. The list of parameters and mixed precision are handled elsewhere.
pub trait Rule {
    /// Whether the rule needs to know how many steps were taken.
    const COUNTS_STEPS: bool = false;

    /// The names, in checkpoints, of the tensors that are kept for each parameter.
    fn state_names(&self) -> &'static [&'static str];

    /// Prepares the step of this number, `[1]`, counted from 1; called only where the rule counts steps.
    fn begin_step(&mut self, _number: Tensor<1>) {}

    /// The parameter and its state after a step along `gradient`.
    fn update<const D: usize>(
        &self,
        before: Parameter<D>,
        gradient: Tensor<D>,
        strength: Strength,
    ) -> Parameter<D>;

    /// As [`Rule::update`], along a gradient that was multiplied by a loss scale; nothing changes where the step is
    /// skipped.
    fn scaled_update<const D: usize>(
        &self,
        before: Parameter<D>,
        gradient: Tensor<D>,
        strength: Strength,
        unscaling: &Unscaling,
    ) -> Parameter<D> {
        let Parameter { value, state } = before;
        let step = |value: Tensor<D>, state, gradient| {
            let after = self.update(Parameter { value, state }, gradient, strength);
            (after.value, after.state)
        };
        let (value, state) = unscaled_step(value, state, gradient, unscaling, step);
        Parameter { value, state }
    }
}

/// A parameter and its optimizer state.
#[derive(Clone, Debug)]
pub struct Parameter<const D: usize> {
    pub value: Tensor<D>,
    /// In the order of [`Rule::state_names`], each of the parameter's shape; empty before the first step.
    pub state: Vec<Tensor<D>>,
}

/// The size of a step.
#[derive(Clone, Copy, Debug)]
pub struct Strength {
    pub learning_rate: f64,
    /// 0 for a parameter that does not decay.
    pub weight_decay: f64,
}
