//! The same training on a device and on the CPU: one step, then ten.

use anyhow::Result;
use bonus_loss::LossConfig;
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Int, Tensor, TensorData};
use cifar_models::ResNet18;
use cifar_models::checkpoint::named_tensors;
use cifar_models::random::Stream;
use serde::{Deserialize, Serialize};

use super::check::Check;
use crate::measure::{read_sums, read_values};
use crate::sweep::TrainSettings;
use crate::train::{Learner, build_model};

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

/// The network and batch that are trained on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scale {
    pub width: usize,
    pub batch: usize,
}

/// What training of one scale gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkReport {
    #[serde(flatten)]
    pub scale: Scale,
    pub checks: Vec<Check>,
    /// Ten steps from the same start gave the same bits twice.
    pub deterministic: bool,
}

/// Trains on `device` and on `cpu` from the same weights on the same batch.
///
/// # Errors
/// When a device fails.
pub fn compare(scale: Scale, cpu: &Device, device: &Device) -> Result<NetworkReport> {
    let expected = Trained::on(cpu, scale)?;
    let found = Trained::on(device, scale)?;
    let again = ten_steps(&device.clone().autodiff(), scale)?;
    let mut checks = vec![Check::new(
        "logits of the first step",
        &expected.logits,
        &found.logits,
        LOGITS,
    )];
    checks.extend(named(
        &expected.gradients,
        &found.gradients,
        GRADIENTS,
        |name| format!("gradient of {name}"),
    ));
    let (expected, found) = (expected.after, found.after);
    checks.push(Check::new(
        "losses of ten steps",
        &expected.losses,
        &found.losses,
        TRAINED,
    ));
    checks.extend(named(&expected.weights, &found.weights, TRAINED, |name| {
        format!("{name} after ten steps")
    }));
    Ok(NetworkReport {
        scale,
        checks,
        deterministic: found == again,
    })
}

type Named = Vec<(String, Vec<f32>)>;

fn named(
    expected: &Named,
    found: &Named,
    tolerance: f64,
    what: impl Fn(&str) -> String,
) -> Vec<Check> {
    (expected.iter().zip(found))
        .map(|((name, expected), (_, found))| Check::new(what(name), expected, found, tolerance))
        .collect()
}

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
    fn on(device: &Device, scale: Scale) -> Result<Self> {
        let device = device.clone().autodiff();
        let model = build_model(&settings(scale), CLASSES, 0, &device);
        let (images, targets) = batch(&device, scale.batch);
        let logits = model.forward(images);
        let losses = cross_entropy()?
            .init()
            .forward_no_reduction(logits.clone(), targets);
        let gradients = (losses.sum_dim(0) / scale.batch as f64).backward();
        let mut collect = CollectGradients {
            path: Vec::new(),
            gradients: &gradients,
            found: Ok(Vec::new()),
        };
        model.visit(&mut collect);
        Ok(Self {
            logits: read_values(logits)?,
            gradients: collect.found?,
            after: ten_steps(&device, scale)?,
        })
    }
}

fn ten_steps(device: &Device, scale: Scale) -> Result<AfterTenSteps> {
    let loss = cross_entropy()?;
    let mut learner = Learner::new(&settings(scale), &loss, CLASSES, 0, device);
    let (images, targets) = batch(device, scale.batch);
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

fn weights(model: &ResNet18) -> Named {
    let tensors = named_tensors(&model.valid()).into_iter();
    tensors
        .map(|(name, data)| (name, data.try_to_vec().expect("checkpoints hold float32")))
        .collect()
}

fn settings(scale: Scale) -> TrainSettings {
    TrainSettings {
        width: scale.width,
        batch_size: scale.batch,
        ..TrainSettings::default()
    }
}

fn cross_entropy() -> Result<LossConfig> {
    Ok(LossConfig::new("cross_entropy")?)
}

/// Images of noise `[batch, 3, 32, 32]` and labels `[batch]` that go round the classes.
fn batch(device: &Device, batch: usize) -> (Tensor<4>, Tensor<1, Int>) {
    let mut noise = Stream::new(0, "doctor", 0);
    let pixels: Vec<f32> = (0..batch * 3 * 32 * 32).map(|_| noise.normal()).collect();
    let labels: Vec<i32> = (0..batch).map(|index| (index % CLASSES) as i32).collect();
    (
        Tensor::from_data(TensorData::new(pixels, [batch, 3, 32, 32]), device),
        Tensor::from_data(TensorData::new(labels, [batch]), device),
    )
}

struct CollectGradients<'a> {
    path: Vec<String>,
    gradients: &'a Gradients,
    found: Result<Named>,
}

impl ModuleVisitor for CollectGradients<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
        // Running statistics have no gradient.
        let Some(gradient) = parameter.val().grad(self.gradients) else {
            return;
        };
        let name = self.path.join(".");
        match (&mut self.found, read_values(gradient)) {
            (Ok(found), Ok(values)) => found.push((name, values)),
            (Ok(_), Err(error)) => self.found = Err(error),
            (Err(_), _) => {}
        }
    }
}
