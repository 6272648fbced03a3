//! `LeNet` against PyTorch, from the fixtures of tests/fixtures/make_lenet.py.

use burn::tensor::{Device, TensorData};
use cifar_models::checkpoint::read_tensors;
use cifar_models::{Classifier, LeNetConfig, checkpoint, named_gradients};

use crate::support::{
    Sgd, assert_relative, assert_tensor, fixture, images, loss_and_gradients, numbers,
};

/// Of a parameter's gradient the fixture has some thousand elements.
const SAMPLE: usize = 1000;

#[test]
fn flex_equals_pytorch_on_images_of_mnist_and_cifar() {
    assert_parity("lenet_mnist", [28, 28, 1], &Device::flex());
    assert_parity("lenet_cifar", [32, 32, 3], &Device::flex());
}

#[test]
#[expect(
    deprecated,
    reason = "NdArray is the second implementation to compare with"
)]
fn ndarray_equals_pytorch_on_images_of_mnist_and_cifar() {
    assert_parity("lenet_mnist", [28, 28, 1], &Device::ndarray());
    assert_parity("lenet_cifar", [32, 32, 3], &Device::ndarray());
}

/// Logits, features, losses and gradients as PyTorch's.
fn assert_parity(name: &str, input: [usize; 3], device: &Device) {
    let [height, width, channels] = input;
    let path = fixture(&format!("{name}.safetensors"));
    let content = std::fs::read(&path).unwrap();
    let (expected, _) = read_tensors(&content, &path).unwrap();
    let network = |device: &Device| {
        let network = LeNetConfig::new(10).with_input(input).init(0, device);
        checkpoint::load(network, &fixture(&format!("{name}.pth"))).unwrap()
    };

    let evaluated = images([channels, height, width], device);
    let plain = network(device);
    let features = plain.features(evaluated.clone()).into_data();
    assert_tensor("features", &features, &expected["features"]);
    let logits = plain.forward(evaluated).into_data();
    assert_tensor("logits", &logits, &expected["logits"]);

    let device = device.clone().autodiff();
    let mut network = network(&device);
    let mut sgd = Sgd::default();
    let losses = numbers(&expected["losses"]);
    assert_eq!(losses.len(), 10);
    for (step, expected_loss) in losses.into_iter().enumerate() {
        let images = images([channels, height, width], &device);
        let (loss, gradients) = loss_and_gradients(&network, images);
        assert_relative(&format!("loss of step {step}"), loss, expected_loss.into());
        if step == 0 {
            let gradients = named_gradients(&network, &gradients);
            assert_eq!(gradients.len(), 8);
            for (name, gradient) in gradients {
                assert_tensor(&name, &sampled(&gradient.into_data()), &expected[&name]);
            }
        }
        network = sgd.step(network, gradients);
    }
}

/// The elements that the fixture has.
fn sampled(gradient: &TensorData) -> TensorData {
    let elements = numbers(gradient);
    let step = (elements.len() / SAMPLE) | 1;
    let sample: Vec<f32> = elements.into_iter().step_by(step).collect();
    let count = sample.len();
    TensorData::new(sample, [count])
}
