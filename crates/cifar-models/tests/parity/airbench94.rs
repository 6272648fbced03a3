//! `Airbench94` against PyTorch, from the fixture of tests/fixtures/make_airbench94.py.

use std::collections::HashMap;

use burn::module::Module;
use burn::tensor::{Device, TensorData};
use cifar_models::checkpoint::read_tensors;
use cifar_models::{
    Airbench94, Airbench94Config, Classifier, checkpoint, named_gradients, named_tensors,
};

use crate::support::{
    Sgd, assert_relative, assert_tensor, fixture, images, loss_and_gradients, numbers,
};

const IMAGES: [usize; 3] = [3, 32, 32];

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

fn network(device: &Device) -> Airbench94 {
    let network = Airbench94Config::new(10).with_width(2).init(0, device);
    checkpoint::load(network, &fixture("airbench94.pth")).unwrap()
}

/// Logits, features, losses, gradients, running statistics and the whitening weight as PyTorch's.
fn assert_parity(device: &Device) {
    let path = fixture("airbench94.safetensors");
    let content = std::fs::read(&path).unwrap();
    let (expected, _) = read_tensors(&content, &path).unwrap();
    let plain = network(device);
    let features = plain.features(images(IMAGES, device)).into_data();
    assert_tensor("features", &features, &expected["features"]);
    let logits = plain.forward(images(IMAGES, device)).into_data();
    assert_tensor("logits", &logits, &expected["logits"]);
    let drawn = Airbench94Config::new(10).with_width(2).init(0, device);
    let whitened = tensors(&drawn.adapted_to(images(IMAGES, device), device));
    let weight = &whitened["whiten.weight"];
    assert_tensor("whitening", weight, &expected["whitening"]);

    let device = device.clone().autodiff();
    let mut network = network(&device);
    let mut sgd = Sgd::default();
    let losses = numbers(&expected["losses"]);
    assert_eq!(losses.len(), 10);
    for (step, expected_loss) in losses.into_iter().enumerate() {
        let (loss, gradients) = loss_and_gradients(&network, images(IMAGES, &device));
        assert_relative(&format!("loss of step {step}"), loss, expected_loss.into());
        if step == 0 {
            let gradients = named_gradients(&network, &gradients);
            assert_eq!(gradients.len(), 14);
            for (name, gradient) in gradients {
                let expected = numbers(&expected[&name]);
                let count = expected.len();
                let expected = TensorData::new(expected, [count]);
                assert_tensor(&name, &gradient.into_data(), &expected);
            }
        }
        network = sgd.step(network, gradients);
    }
    let trained = tensors(&network.valid());
    let statistics = trained.iter().filter(|(name, _)| name.contains("running_"));
    let mut compared = 0;
    for (name, found) in statistics {
        assert_tensor(name, found, &expected[name]);
        compared += 1;
    }
    assert_eq!(compared, 12);
}

fn tensors(network: &Airbench94) -> HashMap<String, TensorData> {
    named_tensors(network).into_iter().collect()
}
