//! One training step: forward, loss, backward, update.

use std::path::Path;

use anyhow::{Context, Result};
use bonus_loss::{Loss, LossConfig};
use burn::tensor::{Device, Int, Tensor};
use cifar_models::checkpoint::{NamedTensors, replace};
use cifar_models::{Model, ModelConfig, Precision, named_tensors};

use super::gradient_norm::gradient_norm;
use super::loss_scale::LossScale;
use super::optimizers::{self, Optimizer};
use crate::measure::sums;
use crate::settings::{PrecisionName, Setting, TrainKey, TrainSettings};

/// A network in training, with everything that a step changes.
pub struct Learner {
    pub model: Model,
    pub loss: Loss,
    optimizer: Box<dyn Optimizer>,
    /// Only in mixed precision.
    loss_scale: Option<LossScale>,
}

/// What the names of a model's tensors begin with among those of a learner.
const MODEL: &str = "model.";
/// As [`MODEL`].
const LOSS_SCALE: &str = "loss_scale.";

/// The parts of a step, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Forward,
    Backward,
    Optimizer,
}

/// The model that `settings` name with its parameters, for images of height × width × channels.
pub fn model_config(settings: &TrainSettings, classes: usize, input: [usize; 3]) -> ModelConfig {
    let config = ModelConfig::new(settings.model, classes)
        .with_input(input)
        .with_precision(match settings.precision {
            PrecisionName::F32 => Precision::F32,
            PrecisionName::Mixed => Precision::Mixed,
        });
    let parameters = settings.model.parameters.iter();
    parameters.fold(config, |config, parameter| {
        let key = TrainKey::find(parameter.name).map(|key| (key.get)(settings));
        match key {
            Some(Setting::Whole(value)) => config.with(parameter.name, value),
            _ => panic!("expected an integer key for {}", parameter.name),
        }
    })
}

impl Learner {
    /// Before the first step, with the initial weights of `seed`, on `device`, which must record gradients.
    pub fn new(
        settings: &TrainSettings,
        loss: &LossConfig,
        model: &ModelConfig,
        seed: u64,
        device: &Device,
    ) -> Self {
        let without_gradients = device.clone().without_autodiff();
        Self {
            model: model.init(seed, device),
            loss: loss.init(),
            optimizer: optimizers::init(settings, &without_gradients),
            loss_scale: match settings.precision {
                PrecisionName::F32 => None,
                PrecisionName::Mixed => Some(LossScale::new(&without_gradients)),
            },
        }
    }

    /// Takes a step along the gradient of the mean loss and returns the batch's [`sums`] from
    /// before it. Nothing is read back from the device. In mixed precision a step whose scaled
    /// gradients overflow changes nothing.
    pub fn step(
        self,
        images: Tensor<4>,
        targets: Tensor<1, Int>,
        learning_rate: f64,
    ) -> (Self, Tensor<1>) {
        self.step_and(images, targets, learning_rate, |_| ())
    }

    /// As [`Learner::step`], and calls `after` when a phase has been asked of the device.
    pub fn step_and(
        self,
        images: Tensor<4>,
        targets: Tensor<1, Int>,
        learning_rate: f64,
        after: impl FnMut(Phase),
    ) -> (Self, Tensor<1>) {
        let (learner, sums, _) = self.step_measured(images, targets, learning_rate, false, after);
        (learner, sums)
    }

    /// As [`Learner::step_and`], and returns the norm of the gradient, `[1]`, if asked to measure it.
    pub fn step_measured(
        mut self,
        images: Tensor<4>,
        targets: Tensor<1, Int>,
        learning_rate: f64,
        measures_norm: bool,
        mut after: impl FnMut(Phase),
    ) -> (Self, Tensor<1>, Option<Tensor<1>>) {
        let count = targets.dims()[0];
        let logits = self.model.forward(images);
        let losses = self
            .loss
            .forward_no_reduction(logits.clone(), targets.clone());
        let sums = sums(losses.clone().inner(), logits.inner(), targets.inner());
        let loss = losses.sum_dim(0) / count as f64;
        let loss = match &self.loss_scale {
            None => loss,
            Some(loss_scale) => loss_scale.scaled(loss),
        };
        after(Phase::Forward);
        let gradients = loss.backward();
        after(Phase::Backward);
        let norm = measures_norm.then(|| {
            let norm = gradient_norm(&self.model, &gradients);
            match &self.loss_scale {
                None => norm,
                Some(loss_scale) => loss_scale.unscaled(norm),
            }
        });
        let unscaling =
            (self.loss_scale.as_mut()).map(|loss_scale| loss_scale.judge(&self.model, &gradients));
        let unscaling = unscaling.as_ref();
        self.model = (self.optimizer).step(self.model, gradients, learning_rate, unscaling);
        after(Phase::Optimizer);
        (self, sums, norm)
    }

    /// Steps so far that changed nothing, in mixed precision. Waits for the device.
    ///
    /// # Errors
    /// When the device fails.
    pub fn skipped_steps(&self) -> Result<Option<u64>> {
        let skipped = self.loss_scale.as_ref().map(LossScale::skipped_steps);
        skipped.transpose()
    }

    /// All that steps change, as named tensors. What is listed here, [`Learner::restored`] takes back.
    pub fn tensors(&self) -> NamedTensors {
        let model = named_tensors(&self.model).into_iter().collect();
        let loss_scale = self.loss_scale.as_ref().map(LossScale::tensors);
        let mut tensors = self.optimizer.tensors();
        for (part, named) in [(MODEL, model), (LOSS_SCALE, loss_scale.unwrap_or_default())] {
            let named: NamedTensors = named;
            let named = named.into_iter();
            tensors.extend(named.map(|(name, tensor)| (format!("{part}{name}"), tensor)));
        }
        tensors
    }

    /// A new learner with the [`Learner::tensors`] that the file at `path` holds, on `device`, which
    /// records no gradients.
    ///
    /// # Errors
    /// When they are not a learner's of these settings.
    pub fn restored(
        mut self,
        mut tensors: NamedTensors,
        path: &Path,
        device: &Device,
    ) -> Result<Self> {
        let mut part = |prefix: &str| -> NamedTensors {
            let named = tensors.extract_if(.., |name, _| name.starts_with(prefix));
            named
                .map(|(name, tensor)| (name[prefix.len()..].to_owned(), tensor))
                .collect()
        };
        self.model = replace(self.model, part(MODEL), path)?;
        if let Some(loss_scale) = &mut self.loss_scale {
            loss_scale
                .restore(&part(LOSS_SCALE), device)
                .with_context(|| path.display().to_string())?;
        }
        self.optimizer
            .restore(&self.model, tensors, device)
            .with_context(|| path.display().to_string())?;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use burn::tensor::TensorData;
    use cifar_models::{MODELS, checkpoint};

    use super::*;
    use crate::device::open_cpu;
    use crate::measure::read_sums;
    use crate::settings::{BackendChoice, Kind, OptimizerName};

    const TARGETS: [i32; 8] = [3, 1, 4, 1, 5, 9, 2, 6];

    /// The images of the parity fixture, from the integer hash of its `make_parity.py`.
    fn fixture_images(device: &Device) -> Tensor<4> {
        const IMAGE: u32 = 3 * 32 * 32;
        let pixel = |index: u32| {
            let hashed = index.wrapping_mul(2_654_435_761);
            let hashed = (hashed ^ (hashed >> 15)).wrapping_mul(2_246_822_519);
            let byte = (hashed ^ (hashed >> 13)) & 255;
            (byte as f32 - 127.5) / 64.0 + ((index / IMAGE) as f32 - 3.5) / 4.0
        };
        let pixels: Vec<f32> = (0..8 * IMAGE).map(pixel).collect();
        Tensor::from_data(TensorData::new(pixels, [8, 3, 32, 32]), device)
    }

    #[test]
    fn every_parameter_of_a_model_is_a_key_with_its_default_and_range() {
        for model in MODELS {
            let settings = TrainSettings {
                model,
                ..TrainSettings::default()
            };
            let config = model_config(&settings, 10, model.standard_input);
            assert_eq!(config, ModelConfig::new(model, 10));
            for parameter in model.parameters {
                let key = TrainKey::find(parameter.name).unwrap();
                let range = Kind::Whole(parameter.minimum, parameter.maximum);
                assert_eq!(key.kind, range, "{}", parameter.name);
                assert!(key.counts(&settings), "{}", parameter.name);
            }
        }
    }

    #[test]
    fn ten_steps_have_the_losses_of_pytorch() {
        let settings = TrainSettings {
            learning_rate: 0.02,
            ..TrainSettings::default()
        };
        assert_losses(&losses(&settings), &parity()["losses"]);
    }

    fn defaults_with(optimizer: OptimizerName) -> TrainSettings {
        let settings = TrainSettings {
            optimizer,
            ..TrainSettings::default()
        };
        settings.with_defaults_that_follow()
    }

    #[test]
    fn ten_steps_of_adamw_have_the_losses_of_pytorch_with_its_defaults_too() {
        let cases = parity()["adamw"].as_array().unwrap().clone();
        assert_eq!(cases.len(), 2);
        let defaults = defaults_with(OptimizerName::AdamW);
        for (case, is_default) in cases.iter().zip([true, false]) {
            let number = |key: &str| case[key].as_f64().unwrap();
            let settings = TrainSettings {
                learning_rate: number("learning_rate"),
                beta1: number("beta1"),
                beta2: number("beta2"),
                epsilon: number("epsilon"),
                weight_decay: number("weight_decay"),
                ..defaults.clone()
            };
            assert_eq!(settings == defaults, is_default);
            assert_losses(&losses(&settings), &case["losses"]);
        }
    }

    #[test]
    fn ten_steps_in_mixed_precision_have_nearly_the_losses_of_f32() {
        for optimizer in OptimizerName::NAMES {
            let optimizer = OptimizerName::from_name(optimizer).unwrap();
            let defaults = defaults_with(optimizer);
            let [mixed, f32] = [PrecisionName::Mixed, PrecisionName::F32].map(|precision| {
                losses(&TrainSettings {
                    precision,
                    // At higher rates steps magnify what f16 rounds, differently with each way of adding up.
                    learning_rate: 0.002_f64.min(defaults.learning_rate),
                    ..defaults.clone()
                })
            });
            assert!(f32[STEPS - 1] < 0.9 * f32[0], "{f32:?}");
            for (found, expected) in mixed.iter().zip(&f32) {
                let error = (found - expected).abs();
                assert!(error < 0.02 * expected, "{optimizer}: {mixed:?} ≠ {f32:?}");
            }
        }
    }

    #[track_caller]
    fn assert_losses(found: &[f64], expected: &serde_json::Value) {
        let expected = expected.as_array().unwrap();
        assert_eq!([found.len(), expected.len()], [STEPS; 2]);
        for (found, expected) in found.iter().zip(expected) {
            let expected = expected.as_f64().unwrap();
            let error = (found - expected).abs();
            assert!(error < 1e-4 * expected, "{found} ≠ {expected}");
        }
    }

    const STEPS: usize = 10;
    /// Each skip halves the loss scale; these gradients are far from overflow at an eighth of it.
    const MOST_SKIPPED: u64 = 3;
    const FIXTURES: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../cifar-models/tests/fixtures"
    );

    fn parity() -> serde_json::Value {
        let text = std::fs::read_to_string(format!("{FIXTURES}/parity.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn the_tensors_of_a_checkpoint_keep_their_names() {
        let sgd = TrainSettings::default();
        let expected: [(TrainSettings, &[&str]); 3] = [
            (
                TrainSettings {
                    precision: PrecisionName::Mixed,
                    ..sgd.clone()
                },
                &["loss_scale", "model", "velocity"],
            ),
            (
                TrainSettings {
                    momentum: 0.0,
                    ..sgd
                },
                &["model"],
            ),
            (
                defaults_with(OptimizerName::AdamW),
                &["exp_avg", "exp_avg_sq", "model", "step"],
            ),
        ];
        for (settings, expected) in expected {
            let (learner, device) = learner(&settings);
            let targets = Tensor::from_data(TARGETS, &device);
            let (learner, _) = learner.step(fixture_images(&device), targets, 0.1);
            let names: Vec<String> = learner.tensors().into_keys().collect();
            let parts = names.iter().map(|name| name.split('.').next().unwrap());
            let parts: BTreeSet<&str> = parts.collect();
            assert_eq!(parts.into_iter().collect::<Vec<_>>(), expected);
            let of = |part: &str| {
                let names = names.iter().filter_map(|name| name.strip_prefix(part));
                let parameters = names.filter(|name| !name.contains("running_"));
                parameters.collect::<Vec<_>>()
            };
            for state in ["velocity.", "exp_avg.", "exp_avg_sq."] {
                let is_kept = expected.contains(&state.trim_end_matches('.'));
                assert_eq!(of(state), if is_kept { of("model.") } else { vec![] });
            }
        }
    }

    /// The loss before each step from PyTorch's weights. A step that was skipped, since its scaled gradients
    /// overflowed, is taken again; whether the first one overflows depends on the order of f16 sums.
    fn losses(settings: &TrainSettings) -> Vec<f64> {
        let (mut learner, device) = learner(settings);
        let weights = format!("{FIXTURES}/parity.pth");
        learner.model = checkpoint::load(learner.model, weights.as_ref()).unwrap();
        let mut losses = Vec::new();
        let mut skipped = 0;
        while losses.len() < STEPS {
            let targets = Tensor::from_data(TARGETS, &device);
            let sums;
            (learner, sums) =
                learner.step(fixture_images(&device), targets, settings.learning_rate);
            let skipped_before = skipped;
            skipped = learner.skipped_steps().unwrap().unwrap_or(0);
            assert!(skipped <= MOST_SKIPPED, "{losses:?}");
            if skipped == skipped_before {
                losses.push(read_sums(vec![sums]).unwrap()[0][0] / 8.0);
            }
        }
        losses
    }

    /// A network of width 2 before its first step, and its device.
    fn learner(settings: &TrainSettings) -> (Learner, Device) {
        let device = open_cpu(BackendChoice::Flex).unwrap().autodiff();
        let settings = TrainSettings {
            width: 2,
            ..settings.clone()
        };
        let loss = LossConfig::new("cross_entropy").unwrap();
        let model = model_config(&settings, 10, [32, 32, 3]);
        (Learner::new(&settings, &loss, &model, 0, &device), device)
    }
}
