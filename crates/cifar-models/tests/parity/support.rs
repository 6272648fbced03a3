//! Images, training and comparisons that the tests share.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Gradients, Int, Tensor, TensorData};
use cifar_models::Classifier;

const TARGETS: [i32; 8] = [3, 1, 4, 1, 5, 9, 2, 6];
const LEARNING_RATE: f64 = 0.02;
const MOMENTUM: f64 = 0.9;
const WEIGHT_DECAY: f64 = 5e-4;
/// What the fixture's results may differ by, relative to each number or to a tensor's largest.
const TOLERANCE: f64 = 1e-4;

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// The fixtures' images of channels × height × width, from the same integer hash.
pub fn images(shape: [usize; 3], device: &Device) -> Tensor<4> {
    let [channels, height, width] = shape;
    let per_image = (channels * height * width) as u32;
    let pixel = |index: u32| {
        let hashed = index.wrapping_mul(2_654_435_761);
        let hashed = (hashed ^ (hashed >> 15)).wrapping_mul(2_246_822_519);
        let byte = (hashed ^ (hashed >> 13)) & 255;
        let offset = ((index / per_image) as f32 - 3.5) / 4.0;
        (byte as f32 - 127.5) / 64.0 + offset
    };
    let pixels: Vec<f32> = (0..8 * per_image).map(pixel).collect();
    Tensor::from_data(
        TensorData::new(pixels, [8, channels, height, width]),
        device,
    )
}

/// Mean cross-entropy of these images in training mode.
pub fn loss_and_gradients(network: &impl Classifier, images: Tensor<4>) -> (f64, Gradients) {
    let targets = Tensor::<1, Int>::from_data(TARGETS, &images.device()).reshape([8, 1]);
    let logits = network.forward(images);
    let loss = -log_softmax(logits, 1).gather(1, targets).mean();
    (
        f64::from(loss.clone().into_scalar::<f32>()),
        loss.backward(),
    )
}

/// PyTorch's SGD with momentum and weight decay, without dampening.
#[derive(Default)]
pub struct Sgd {
    gradients: Option<Gradients>,
    velocity: HashMap<ParamId, Tensor<1>>,
}

impl Sgd {
    pub fn step<M: Module>(&mut self, network: M, gradients: Gradients) -> M {
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

pub fn assert_relative(what: &str, found: f64, expected: f64) {
    let deviation = (found - expected).abs() / expected.abs();
    assert!(
        deviation < TOLERANCE,
        "{what}: {found} deviates from {expected} by {deviation:.1e}"
    );
}

/// Every element within the tolerance of the tensor's largest magnitude.
pub fn assert_tensor(name: &str, found: &TensorData, expected: &TensorData) {
    let deviation = comparison::error(&numbers(found), &numbers(expected));
    assert!(deviation < TOLERANCE, "{name}: deviates by {deviation:.1e}");
}

pub fn numbers(tensor: &TensorData) -> Vec<f32> {
    tensor.try_to_vec().expect("f32")
}

/// The tensors of both sides under their common names.
pub fn pairs<'a>(
    found: &'a [(String, TensorData)],
    expected: &'a [(String, TensorData)],
) -> impl Iterator<Item = (&'a str, &'a TensorData, &'a TensorData)> {
    let names = |side: &'a [(String, TensorData)]| side.iter().map(|(name, _)| name);
    assert!(names(found).eq(names(expected)), "the tensors' names");
    assert!(!expected.is_empty(), "no tensors to compare");
    let pairs = found.iter().zip(expected);
    pairs.map(|((name, found), (_, expected))| (name.as_str(), found, expected))
}

#[test]
#[should_panic(expected = "deviates by NaN")]
fn a_tensor_that_is_not_finite_is_not_equal_to_a_finite_one() {
    let tensor = |value: f32| TensorData::from([value, value]);
    assert_tensor("weight", &tensor(f32::NAN), &tensor(1.0));
}

#[test]
#[should_panic(expected = "the tensors' names")]
fn a_tensor_that_is_missing_is_not_equal_to_one() {
    let tensors = [("weight".to_owned(), TensorData::from([1.0_f32]))];
    pairs(&[], &tensors).for_each(drop);
}
