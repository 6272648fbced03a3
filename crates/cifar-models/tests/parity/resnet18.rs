//! `ResNet18` against PyTorch, from the fixture of tests/fixtures/make_parity.py.

use std::collections::HashMap;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use cifar_models::{
    Classifier, Precision, ResNet18, ResNet18Config, checkpoint, named_gradients, named_tensors,
};
use comparison::distance;

use crate::support::{
    Sgd, assert_relative, assert_tensor, fixture, images, loss_and_gradients, numbers, pairs,
};

const IMAGES: [usize; 3] = [3, 32, 32];

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
    let Some(software) = gpu_device::software() else {
        return;
    };
    let step = |device: &Device| {
        let mut network = network(&device.clone().autodiff());
        let (loss, gradients) = loss_and_gradients(&network, training_images(device));
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
    if let Some(software) = gpu_device::software_with_f16() {
        assert_mixed_is_near_f32(&software);
    }
}

/// Logits in evaluation, and loss, gradients and running statistics of a training step.
fn assert_mixed_is_near_f32(device: &Device) {
    let results = |precision| {
        let load = |device: &Device| {
            let network = config().with_precision(precision).init(0, device);
            checkpoint::load(network, &fixture("parity.pth")).unwrap()
        };
        let logits = load(device).forward(images(IMAGES, device)).into_data();
        let network = load(&device.clone().autodiff());
        let (loss, gradients) = loss_and_gradients(&network, training_images(device));
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

/// Logits, losses, gradients and running statistics as PyTorch's.
fn assert_parity(device: &Device) {
    let text = std::fs::read_to_string(fixture("parity.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_str(&text).unwrap();
    let numbers = |value: &serde_json::Value| -> Vec<f64> {
        let numbers = value.as_array().unwrap().iter();
        numbers.map(|number| number.as_f64().unwrap()).collect()
    };

    let logits = network(device).forward(images(IMAGES, device)).into_data();
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
        let (loss, gradients) = loss_and_gradients(&network, training_images(device));
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

fn training_images(device: &Device) -> Tensor<4> {
    images(IMAGES, &device.clone().autodiff())
}
