//! Lookahead: every few steps the weights are drawn back to a slow average of themselves.

use std::collections::HashMap;

use anyhow::{Result, ensure};
use burn::module::Param;
use burn::tensor::{Device, Tensor};
use cifar_models::checkpoint::NamedTensors;
use cifar_models::{MapNamed, Model, map_named, named_tensors};

use crate::settings::TrainSettings;

/// The slow average of a network's weights and running statistics.
///
/// After every k-th of T steps, at step t: slow ← d · slow + (1 − d) · fast, and fast ← slow, with d = decayᵏ · (t/T)³.
/// After the last one fast ← slow. The state of the optimizer stays.
///
/// Sources: Zhang et al., "Lookahead Optimizer: k steps forward, 1 step back", NeurIPS 2019; the growing decay and the
/// running statistics are airbench94's.
pub struct Lookahead {
    decay: f64,
    interval: u64,
    /// By name, each in one row.
    slow: HashMap<String, Tensor<1>>,
}

impl Lookahead {
    /// Before the first step of `model`; `None` where the settings have no lookahead.
    pub fn new(settings: &TrainSettings, model: &Model) -> Option<Self> {
        let mut lookahead = Self {
            decay: settings.lookahead,
            interval: settings.lookahead_steps as u64,
            slow: HashMap::new(),
        };
        (lookahead.decay > 0.0).then(|| {
            lookahead.moved(model.clone(), 0.0);
            lookahead
        })
    }

    /// The model after `step` of so many `steps`.
    pub fn after(&mut self, model: Model, step: u64, steps: u64) -> Model {
        if step == steps {
            return self.moved(model, 1.0);
        }
        if !step.is_multiple_of(self.interval) {
            return model;
        }
        let fraction = step as f64 / steps as f64;
        self.moved(
            model,
            self.decay.powf(self.interval as f64) * fraction.powi(3),
        )
    }

    /// Moves the average towards `model`, which then equals it.
    fn moved(&mut self, model: Model, decay: f64) -> Model {
        let slow = &mut self.slow;
        map_named(model, &mut Move { slow, decay })
    }

    /// The average by name, in rows.
    pub fn tensors(&self) -> NamedTensors {
        let slow = self.slow.iter();
        slow.map(|(name, tensor)| (name.clone(), tensor.to_data().convert::<f32>()))
            .collect()
    }

    /// Restores the output of [`Lookahead::tensors`] after a step of `model`, on `device`.
    ///
    /// # Errors
    /// When it is not an average of such a model.
    pub fn restore(&mut self, model: &Model, stored: NamedTensors, device: &Device) -> Result<()> {
        let expected = named_tensors(model).into_iter();
        let expected: HashMap<String, usize> = expected
            .map(|(name, data)| (name, data.num_elements()))
            .collect();
        let found = stored.iter();
        let found: HashMap<String, usize> = found
            .map(|(name, data)| (name.clone(), data.num_elements()))
            .collect();
        ensure!(
            found == expected,
            "slow: expected an average of each of the model's {} tensors, found other tensors",
            expected.len()
        );
        let slow = stored.into_iter();
        self.slow = slow
            .map(|(name, data)| (name, Tensor::from_data(data, device)))
            .collect();
        Ok(())
    }
}

struct Move<'a> {
    slow: &'a mut HashMap<String, Tensor<1>>,
    decay: f64,
}

impl MapNamed for Move<'_> {
    fn map<const D: usize>(&mut self, name: &str, parameter: Param<Tensor<D>>) -> Param<Tensor<D>> {
        parameter.map(|tensor| {
            let fast = tensor.inner();
            let shape = fast.shape();
            let fast = fast.reshape([shape.num_elements()]);
            let slow = match self.slow.remove(name) {
                // Not 0 · fast, which may be NaN.
                Some(slow) if self.decay >= 1.0 => slow,
                Some(slow) => slow * self.decay + fast * (1.0 - self.decay),
                None => fast,
            };
            self.slow.insert(name.to_owned(), slow.clone());
            Tensor::from_inner(slow.reshape(shape)).require_grad()
        })
    }
}

#[cfg(test)]
mod tests {
    use cifar_models::{ModelConfig, find};

    use super::*;
    use crate::device::open_cpu;
    use crate::settings::BackendChoice;

    fn model(seed: u64) -> Model {
        let device = open_cpu(BackendChoice::Flex).unwrap().autodiff();
        let config = ModelConfig::new(find("resnet18").unwrap(), 10).with("width", 1);
        config.init(seed, &device)
    }

    fn lookahead(decay: f64, model: &Model) -> Option<Lookahead> {
        let settings = TrainSettings {
            lookahead: decay,
            lookahead_steps: 2,
            ..TrainSettings::default()
        };
        Lookahead::new(&settings, model)
    }

    fn numbers(model: &Model) -> Vec<f32> {
        let tensors = named_tensors(model).into_iter();
        tensors
            .flat_map(|(_, data)| data.try_to_vec::<f32>().unwrap())
            .collect()
    }

    #[test]
    fn weights_move_to_the_average_every_other_step_and_end_there() {
        let [start, first, second] = [1, 2, 3].map(model);
        let mut lookahead = lookahead(0.5, &start).unwrap();
        let kept = lookahead.after(first.clone(), 1, 5);
        assert_eq!(numbers(&kept), numbers(&first));
        let moved = numbers(&lookahead.after(first.clone(), 4, 5));
        // 0.5² · (4/5)³
        let decay = 0.128_f32;
        assert!(!moved.is_empty());
        for ((found, slow), fast) in moved.iter().zip(numbers(&start)).zip(numbers(&first)) {
            let expected = decay * slow + (1.0 - decay) * fast;
            assert!((found - expected).abs() < 1e-6, "{found} ≠ {expected}");
        }
        assert_eq!(numbers(&lookahead.after(second, 5, 5)), moved);
    }

    #[test]
    fn without_a_decay_there_is_none() {
        assert!(lookahead(0.0, &model(1)).is_none());
    }

    #[test]
    fn an_average_is_restored_and_another_models_is_refused() {
        let [start, other] = [1, 2].map(model);
        let device = open_cpu(BackendChoice::Flex).unwrap().device;
        let stored = lookahead(0.5, &start).unwrap().tensors();
        let mut restored = lookahead(0.5, &other).unwrap();
        restored.restore(&other, stored.clone(), &device).unwrap();
        assert_eq!(restored.tensors(), stored);
        let mut short = stored;
        short.pop_first();
        let error = restored.restore(&other, short, &device).unwrap_err();
        assert!(error.to_string().starts_with("slow: expected"), "{error}");
    }
}
