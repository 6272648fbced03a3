//! The network against PyTorch, from the fixture of tests/fixtures/make_parity.py.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::tensor::activation::log_softmax;
use burn::tensor::{DType, Device, Gradients, Int, Tensor, TensorData};
use cifar_models::{
    Classifier, Precision, ResNet18, ResNet18Config, checkpoint, named_gradients, named_tensors,
};

const TARGETS: [i32; 8] = [3, 1, 4, 1, 5, 9, 2, 6];
const LEARNING_RATE: f64 = 0.02;
const MOMENTUM: f64 = 0.9;
const WEIGHT_DECAY: f64 = 5e-4;
/// What the fixture's results may differ by, relative to each number or to a tensor's largest.
const TOLERANCE: f64 = 1e-4;
/// What each of logits, loss and running statistics of mixed precision may differ from that of f32 by:
/// the distance, relative to the length. Numbers of f16 are rounded by up to 2⁻¹¹ = 5e-4, many times on
/// their way.
const MIXED_TOLERANCE: f64 = 5e-3;
/// The same of the gradient, all parameters taken together. A number near 0 that rounding moves to the
/// other side passes ReLU or does not, with all of its gradient: in f32, nothing but the weights
/// rounded to f16 moves the gradient of this network's first layer by 0.11, mixed precision by 0.18.
const MIXED_GRADIENT_TOLERANCE: f64 = 0.25;

#[test]
fn flex_equals_pytorch() {
    assert_parity(&Device::flex());
}

#[test]
#[expect(
    deprecated,
    reason = "NdArray is the second implementation to compare with"
)]
fn ndarray_equals_pytorch() {
    assert_parity(&Device::ndarray());
}

#[test]
fn a_training_step_on_wgpu_equals_flex() {
    let Some(software) = software() else {
        return;
    };
    let step = |device: &Device| {
        let mut network = network(&device.clone().autodiff());
        let (loss, gradients) = loss_and_gradients(&network);
        network = Sgd::default().step(network, gradients);
        (loss, named_tensors(&network.valid()))
    };
    let (expected_loss, expected) = step(&Device::flex());
    let (loss, found) = step(&software);
    assert_relative("loss", loss, expected_loss);
    for (name, found, expected) in pairs(&found, &expected) {
        assert_tensor(name, found, expected);
    }
}

#[test]
fn mixed_precision_on_flex_is_near_f32() {
    assert_mixed_is_near_f32(&Device::flex());
}

#[test]
fn mixed_precision_on_wgpu_is_near_f32() {
    match software() {
        Some(software) if software.supports_dtype(DType::F16) => {
            assert_mixed_is_near_f32(&software);
        }
        Some(_) => {
            // The test harness keeps `eprintln!` to itself when a test passes.
            let skipped = "skipped: the software adapter does not compute in f16";
            writeln!(io::stderr(), "{skipped}").unwrap();
        }
        None => {}
    }
}

/// Mesa's software Vulkan or another software adapter, where there is one; opened once in a process.
fn software() -> Option<Device> {
    static DEVICE: OnceLock<Option<Device>> = OnceLock::new();
    DEVICE.get_or_init(gpu_device::software).clone()
}

/// Logits in evaluation, and loss, gradients and running statistics of a training step.
fn assert_mixed_is_near_f32(device: &Device) {
    let results = |precision| {
        let load = |device: &Device| {
            let network = config().with_precision(precision).init(0, device);
            checkpoint::load(network, &fixture("parity.pth")).unwrap()
        };
        let logits = load(device).forward(images(device)).into_data();
        let network = load(&device.clone().autodiff());
        let (loss, gradients) = loss_and_gradients(&network);
        let gradient: Vec<f32> = (named_gradients(&network, &gradients).into_iter())
            .flat_map(|(_, gradient)| numbers(&gradient.into_data()))
            .collect();
        let mut values = named_tensors(&network.valid());
        values.push(("logits".to_owned(), logits));
        values.push(("loss".to_owned(), TensorData::from([loss as f32])));
        (values, gradient)
    };
    let (expected, expected_gradient) = results(Precision::F32);
    let (found, gradient) = results(Precision::Mixed);
    for (name, found, expected) in pairs(&found, &expected) {
        let deviation = distance(&numbers(found), &numbers(expected));
        assert!(
            deviation < MIXED_TOLERANCE,
            "{name}: deviates by {deviation:.1e}"
        );
    }
    let deviation = distance(&gradient, &expected_gradient);
    assert!(
        deviation < MIXED_GRADIENT_TOLERANCE,
        "gradient: deviates by {deviation:.1e}"
    );
}

fn numbers(tensor: &TensorData) -> Vec<f32> {
    tensor.try_to_vec().expect("f32")
}

/// The tensors of both sides under their common names.
fn pairs<'a>(
    found: &'a [(String, TensorData)],
    expected: &'a [(String, TensorData)],
) -> impl Iterator<Item = (&'a str, &'a TensorData, &'a TensorData)> {
    let names = |side: &'a [(String, TensorData)]| side.iter().map(|(name, _)| name);
    assert!(names(found).eq(names(expected)), "the tensors' names");
    assert!(!expected.is_empty(), "no tensors to compare");
    let pairs = found.iter().zip(expected);
    pairs.map(|((name, found), (_, expected))| (name.as_str(), found, expected))
}

/// ‖found − expected‖ / ‖expected‖; NaN where a difference is NaN.
fn distance(found: &[f32], expected: &[f32]) -> f64 {
    let squares = differences(found, expected).map(|value| value.powi(2));
    let lengths = expected.iter().map(|value| f64::from(*value).powi(2));
    (squares.sum::<f64>() / lengths.sum::<f64>()).sqrt()
}

/// The largest difference, relative to the largest magnitude expected; NaN where a difference is NaN.
fn error(found: &[f32], expected: &[f32]) -> f64 {
    let magnitude = largest(expected.iter().map(|value| f64::from(value.abs())));
    largest(differences(found, expected)) / magnitude
}

/// # Panics
/// When there is nothing to compare, or more on one side.
fn differences(found: &[f32], expected: &[f32]) -> impl Iterator<Item = f64> {
    assert_eq!(found.len(), expected.len(), "numbers to compare");
    assert!(!expected.is_empty(), "no numbers to compare");
    let pairs = found.iter().zip(expected);
    pairs.map(|(found, expected)| (f64::from(*found) - f64::from(*expected)).abs())
}

/// The largest of `magnitudes`; NaN where one is, which `f64::max` would ignore.
fn largest(magnitudes: impl Iterator<Item = f64>) -> f64 {
    magnitudes.fold(0.0, |largest, value| {
        if value > largest || value.is_nan() {
            value
        } else {
            largest
        }
    })
}

#[test]
fn a_difference_that_is_not_a_number_is_within_no_tolerance() {
    let nan = f32::NAN;
    for (found, expected) in [
        ([nan, nan], [1.0, 2.0]),
        ([nan, 2.0], [1.0, 2.0]),
        ([1.0, nan], [1.0, 2.0]),
        ([1.0, 2.0], [nan, 2.0]),
        ([1.0, 2.0], [1.0, f32::INFINITY]),
    ] {
        assert!(error(&found, &expected).is_nan(), "{found:?} {expected:?}");
        assert!(
            distance(&found, &expected).is_nan(),
            "{found:?} {expected:?}"
        );
    }
    assert_eq!(error(&[1.5, -4.0], &[1.0, -4.0]), 0.125);
    assert_eq!(distance(&[3.0, 0.0], &[0.0, 4.0]), 1.25);
}

#[test]
#[should_panic(expected = "deviates by NaN")]
fn a_tensor_that_is_not_finite_is_not_equal_to_a_finite_one() {
    let tensor = |value: f32| TensorData::from([value, value]);
    assert_tensor("weight", &tensor(f32::NAN), &tensor(1.0));
}

#[test]
#[should_panic(expected = "no numbers to compare")]
fn nothing_is_not_equal_to_nothing() {
    error(&[], &[]);
}

#[test]
#[should_panic(expected = "the tensors' names")]
fn a_tensor_that_is_missing_is_not_equal_to_one() {
    let tensors = [("weight".to_owned(), TensorData::from([1.0_f32]))];
    pairs(&[], &tensors).for_each(drop);
}

/// Logits, losses, gradients and running statistics as PyTorch's.
fn assert_parity(device: &Device) {
    let text = std::fs::read_to_string(fixture("parity.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_str(&text).unwrap();
    let numbers = |value: &serde_json::Value| -> Vec<f64> {
        let numbers = value.as_array().unwrap().iter();
        numbers.map(|number| number.as_f64().unwrap()).collect()
    };

    let logits = network(device).forward(images(device)).into_data();
    let logits = logits.try_to_vec::<f32>().unwrap();
    let expected_logits = expected["logits"].as_array().unwrap().iter();
    let expected_logits: Vec<f64> = expected_logits.flat_map(numbers).collect();
    assert_eq!((logits.len(), expected_logits.len()), (80, 80));
    for (index, (found, expected)) in logits.iter().zip(expected_logits).enumerate() {
        assert_relative(&format!("logit {index}"), f64::from(*found), expected);
    }

    let mut network = network(&device.clone().autodiff());
    let mut sgd = Sgd::default();
    let of_pytorch = after_training(device);
    let losses = numbers(&expected["losses"]);
    assert_eq!(losses.len(), 10);
    for (step, expected) in losses.into_iter().enumerate() {
        let (loss, gradients) = loss_and_gradients(&network);
        assert_relative(&format!("loss of step {step}"), loss, expected);
        if step == 0 {
            let gradients = named_gradients(&network, &gradients);
            assert_eq!(gradients.len(), 62);
            for (name, gradient) in gradients {
                assert_tensor(&name, &gradient.into_data(), &of_pytorch[&name]);
            }
        }
        network = sgd.step(network, gradients);
    }
    let mut statistics = named_tensors(&network);
    statistics.retain(|(name, _)| name.contains("running"));
    assert_eq!(statistics.len(), 40);
    for (name, found) in statistics {
        assert_tensor(&name, &found, &of_pytorch[&name]);
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

fn config() -> ResNet18Config {
    ResNet18Config::new(10).with_width(2)
}

/// The fixture's network before training.
fn network(device: &Device) -> ResNet18 {
    checkpoint::load(config().init(0, device), &fixture("parity.pth")).unwrap()
}

/// Gradients of the first step under the parameters' names, and running statistics after ten; a
/// file that safetensors' own library wrote.
fn after_training(device: &Device) -> HashMap<String, TensorData> {
    let file = fixture("parity.safetensors");
    let tensors = checkpoint::load(config().init(0, device), &file).unwrap();
    named_tensors(&tensors).into_iter().collect()
}

/// The images of the fixture, from the same integer hash.
fn images(device: &Device) -> Tensor<4> {
    let per_image = 3 * 32 * 32;
    let pixel = |index: u32| {
        let hashed = index.wrapping_mul(2_654_435_761);
        let hashed = (hashed ^ (hashed >> 15)).wrapping_mul(2_246_822_519);
        let byte = (hashed ^ (hashed >> 13)) & 255;
        let offset = ((index / per_image) as f32 - 3.5) / 4.0;
        (byte as f32 - 127.5) / 64.0 + offset
    };
    let pixels: Vec<f32> = (0..8 * per_image).map(pixel).collect();
    Tensor::from_data(TensorData::new(pixels, [8, 3, 32, 32]), device)
}

/// Mean cross-entropy in training mode.
fn loss_and_gradients(network: &ResNet18) -> (f64, Gradients) {
    let device = &network.devices()[0];
    let targets = Tensor::<1, Int>::from_data(TARGETS, device).reshape([8, 1]);
    let logits = network.forward(images(&device.clone().autodiff()));
    let loss = -log_softmax(logits, 1).gather(1, targets).mean();
    (
        f64::from(loss.clone().into_scalar::<f32>()),
        loss.backward(),
    )
}

/// PyTorch's SGD with momentum and weight decay, without dampening.
#[derive(Default)]
struct Sgd {
    gradients: Option<Gradients>,
    velocity: HashMap<ParamId, Tensor<1>>,
}

impl Sgd {
    fn step(&mut self, network: ResNet18, gradients: Gradients) -> ResNet18 {
        self.gradients = Some(gradients);
        network.map(self)
    }
}

impl ModuleMapper for Sgd {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let gradients = self.gradients.as_ref().unwrap();
        let Some(gradient) = param.val().grad(gradients) else {
            return param;
        };
        let velocity = &mut self.velocity;
        let id = param.id;
        param.map(|weight| {
            let weight = weight.inner();
            let shape = weight.dims();
            let decayed: Tensor<1> = (gradient + weight.clone() * WEIGHT_DECAY).flatten(0, D - 1);
            let next = match velocity.remove(&id) {
                Some(velocity) => velocity * MOMENTUM + decayed,
                None => decayed,
            };
            velocity.insert(id, next.clone());
            let weight = weight - next.reshape(shape) * LEARNING_RATE;
            Tensor::from_inner(weight).require_grad()
        })
    }
}

fn assert_relative(what: &str, found: f64, expected: f64) {
    let deviation = (found - expected).abs() / expected.abs();
    assert!(
        deviation < TOLERANCE,
        "{what}: {found} deviates from {expected} by {deviation:.1e}"
    );
}

/// Every element within the tolerance of the tensor's largest magnitude.
fn assert_tensor(name: &str, found: &TensorData, expected: &TensorData) {
    let deviation = error(&numbers(found), &numbers(expected));
    assert!(deviation < TOLERANCE, "{name}: deviates by {deviation:.1e}");
}
