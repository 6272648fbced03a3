//! Synthetic data for benchmarks and the check of devices.

use burn::tensor::{Device, Int, Tensor, TensorData};
use cifar_models::ModelConfig;
use random_streams::Stream;

/// Normal numbers of mean 0 and variance 1; the same for a name on every device.
pub fn noise<const D: usize>(name: &str, shape: [usize; D], device: &Device) -> Tensor<D> {
    let mut stream = Stream::new(0, name, 0);
    let count = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|_| stream.normal()).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Labels `[count]` that cycle through the classes.
pub fn labels(count: usize, classes: usize, device: &Device) -> Tensor<1, Int> {
    let labels: Vec<i32> = (0..count).map(|index| (index % classes) as i32).collect();
    Tensor::from_data(TensorData::new(labels, [count]), device)
}

/// Images of noise for a model, `[size, channels, height, width]`, and their labels.
pub fn batch(
    name: &str,
    size: usize,
    model: &ModelConfig,
    device: &Device,
) -> (Tensor<4>, Tensor<1, Int>) {
    let [height, width, channels] = model.input;
    let images = noise(name, [size, channels, height, width], device);
    (images, labels(size, model.classes, device))
}
