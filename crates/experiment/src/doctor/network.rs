//! The same training on a device and on the CPU: one step, then ten.

use anyhow::Result;
use bonus_loss::LossConfig;
use burn::module::Module;
use burn::tensor::Device;
use cifar_models::{ConvolutionLayer, Model, ModelConfig, WIDTH, named_gradients, named_tensors};
use serde::{Deserialize, Serialize};

use super::check::{Check, check_all};
use crate::measure::{read_sums, read_values};
use crate::settings::{PrecisionName, TrainSettings};
use crate::synthetic;
use crate::train::{Learner, model_config};

const CLASSES: usize = 10;
const STEPS: usize = 10;
/// Small enough for ten steps not to amplify rounding beyond the tolerances below.
const LEARNING_RATE: f64 = 0.01;

/// Float32 has 24 bits, so sums of up to 4608 products in another order differ by some 1e-6 of the
/// largest, and twenty layers forward and backward make some 1e-5 of it. A kernel that is wrong is off
/// by a tenth or more.
const LOGITS: f64 = 1e-4;
const GRADIENTS: f64 = 1e-3;
/// Ten steps amplify: a ReLU that rounds to the other side changes what comes after it.
const TRAINED: f64 = 5e-3;
/// In mixed precision numbers near zero are rounded over ReLU's edge, so single gradients may be far off
/// (a fifth of a tensor's length, measured with f16 on the CPU), and training goes another way: one of a
/// batch of two is off by a sixth of the loss after ten steps. The operations are compared more closely.
const MIXED_LOGITS: f64 = 5e-2;
const MIXED_LOSSES: f64 = 0.3;

/// The network and batch that are trained on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scale {
    /// A model of the table, by its name.
    pub model: String,
    /// `null` if the model has none.
    pub width: Option<usize>,
    pub batch: usize,
}

/// What training of one scale gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkReport {
    #[serde(flatten)]
    pub scale: Scale,
    pub checks: Vec<Check>,
    /// Ten steps from the same start gave bitwise identical results twice.
    pub deterministic: bool,
}

/// Trains on `device` in `precision` and on `cpu` in f32 from the same weights on the same batch.
///
/// # Errors
/// When a device fails.
pub fn compare(
    precision: PrecisionName,
    scale: &Scale,
    cpu: &Device,
    device: &Device,
) -> Result<NetworkReport> {
    let expected = Trained::on(cpu, scale, PrecisionName::F32)?;
    let found = Trained::on(device, scale, precision)?;
    let again = ten_steps(&device.clone().autodiff(), scale, precision)?;
    let model = &scale.model;
    let checks = match precision {
        PrecisionName::F32 => {
            let mut checks = expected.outputs(&found, model, [LOGITS, TRAINED]);
            checks.extend(expected.tensors(&found, model));
            checks
        }
        PrecisionName::Mixed => expected.outputs(&found, model, [MIXED_LOGITS, MIXED_LOSSES]),
    };
    Ok(NetworkReport {
        scale: scale.clone(),
        checks,
        deterministic: found.after == again,
    })
}

/// Every convolution of the network, with its shape in a batch.
pub fn convolutions(scale: &Scale, cpu: &Device) -> Vec<ConvolutionLayer> {
    let config = config(&settings(scale, PrecisionName::F32));
    let [height, width, channels] = config.input;
    (config.init(0, cpu)).convolutions([scale.batch, height, width, channels])
}

type Named = Vec<(String, Vec<f32>)>;

struct Trained {
    logits: Vec<f32>,
    gradients: Named,
    after: AfterTenSteps,
}

#[derive(PartialEq)]
struct AfterTenSteps {
    losses: Vec<f32>,
    /// Parameters and running statistics.
    weights: Named,
}

impl Trained {
    /// Compares logits and losses of `found`, of the same `model`, with these.
    fn outputs(&self, found: &Self, model: &str, [logits, losses]: [f64; 2]) -> Vec<Check> {
        let first = format!("{model}: logits of the first step");
        let steps = format!("{model}: losses of ten steps");
        vec![
            Check::new(first, &self.logits, &found.logits, logits),
            Check::new(steps, &self.after.losses, &found.after.losses, losses),
        ]
    }

    /// Compares the gradients of the first step, and the weights after ten, with these.
    fn tensors(&self, found: &Self, model: &str) -> Vec<Check> {
        let mut checks = check_all(&self.gradients, &found.gradients, GRADIENTS, |name| {
            format!("{model}: gradient of {name}")
        });
        let [expected, found] = [self, found].map(|trained| &trained.after.weights);
        checks.extend(check_all(expected, found, TRAINED, |name| {
            format!("{model}: {name} after ten steps")
        }));
        checks
    }

    fn on(device: &Device, scale: &Scale, precision: PrecisionName) -> Result<Self> {
        let device = device.clone().autodiff();
        let config = config(&settings(scale, precision));
        let model = config.init(0, &device);
        let (images, targets) = synthetic::batch("doctor", scale.batch, &config, &device);
        let logits = model.forward(images);
        let losses = cross_entropy()?
            .init()
            .forward_no_reduction(logits.clone(), targets);
        let gradients = (losses.sum_dim(0) / scale.batch as f64).backward();
        let gradients = named_gradients(&model, &gradients).into_iter();
        let gradients = gradients.map(|(name, gradient)| Ok((name, read_values(gradient)?)));
        Ok(Self {
            logits: read_values(logits)?,
            gradients: gradients.collect::<Result<_>>()?,
            after: ten_steps(&device, scale, precision)?,
        })
    }
}

fn ten_steps(device: &Device, scale: &Scale, precision: PrecisionName) -> Result<AfterTenSteps> {
    let loss = cross_entropy()?;
    let settings = settings(scale, precision);
    let config = config(&settings);
    let mut learner = Learner::new(&settings, &loss, &config, 0, device);
    let (images, targets) = synthetic::batch("doctor", scale.batch, &config, device);
    let mut losses = Vec::new();
    for _ in 0..STEPS {
        let sums;
        (learner, sums) = learner.step(images.clone(), targets.clone(), LEARNING_RATE);
        losses.push(sums);
    }
    let losses = read_sums(losses)?;
    Ok(AfterTenSteps {
        losses: losses.iter().map(|[loss, _]| *loss as f32).collect(),
        weights: weights(&learner.model),
    })
}

fn weights(model: &Model) -> Named {
    let tensors = named_tensors(&model.valid()).into_iter();
    tensors
        .map(|(name, data)| (name, data.try_to_vec().expect("checkpoints hold float32")))
        .collect()
}

/// For the images of the model's published form, so that kernels are compared, and tuned, that training will use.
fn config(settings: &TrainSettings) -> ModelConfig {
    model_config(settings, CLASSES, settings.model.standard_input)
}

fn settings(scale: &Scale, precision: PrecisionName) -> TrainSettings {
    TrainSettings {
        model: cifar_models::find(&scale.model).expect("a scale is of a model of the table"),
        width: scale.width.unwrap_or(WIDTH.default),
        batch_size: scale.batch,
        precision,
        ..TrainSettings::default()
    }
}

fn cross_entropy() -> Result<LossConfig> {
    Ok(LossConfig::new("cross_entropy")?)
}
