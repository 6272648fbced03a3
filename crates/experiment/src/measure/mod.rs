//! Evaluation of a network on a set of images.

mod gradients;
mod metrics;
mod outputs;
mod predictions;
mod tally;

use anyhow::{Result, anyhow};
use bonus_loss::Loss;
use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use cifar_models::Model;

pub use self::gradients::{SAMPLE, gradient_sample};
pub use self::metrics::{ACCURACY, Direction, EVAL_LOSS, METRICS, Metric, Unit};
pub use self::outputs::Outputs;
pub use self::predictions::Predictions;
pub use self::tally::Tally;
use crate::data::{Batch, ImageSet, evaluation_batches};
use crate::datasets::{ImageShape, Normalization};
use crate::records::Score;

/// Images in an evaluation batch; it changes speed and memory, not the score.
pub const EVALUATION_BATCH: usize = 200;

/// Every metric over all of `images`, in evaluation mode on `device`, and what was predicted; `None` if `go_on`, asked
/// after each batch, says no.
///
/// # Errors
/// When the device fails.
pub fn evaluate(
    model: &Model,
    loss: &Loss,
    images: &ImageSet,
    normalization: Normalization,
    device: &Device,
    mut go_on: impl FnMut() -> bool,
) -> Result<Option<(Score, Predictions)>> {
    let mut tally = Tally::new(loss.clone());
    for outputs in outputs(model, images, normalization, device) {
        tally.add(outputs);
        if !go_on() {
            return Ok(None);
        }
    }
    tally.read().map(Some)
}

/// What is predicted for `images`, without any metric; else as [`evaluate`].
///
/// # Errors
/// When the device fails.
pub fn predict(
    model: &Model,
    images: &ImageSet,
    normalization: Normalization,
    device: &Device,
    mut go_on: impl FnMut() -> bool,
) -> Result<Option<Predictions>> {
    let mut logits = Vec::new();
    let mut targets = Vec::new();
    for outputs in outputs(model, images, normalization, device) {
        logits.push(outputs.logits); // [batch, classes]
        targets.extend(outputs.labels.iter().map(|label| *label as usize));
        if !go_on() {
            return Ok(None);
        }
    }
    let logits = read_values(Tensor::cat(logits, 0))?;
    Ok(Some(Predictions::new(logits, targets)))
}

/// The outputs of the network for every batch, in file order.
pub fn outputs(
    model: &Model,
    images: &ImageSet,
    normalization: Normalization,
    device: &Device,
) -> impl Iterator<Item = Outputs> {
    let model = model.valid();
    // A GPU tunes for each size of a batch, so a smaller last one is filled up with zeros, which are left
    // out of what comes out. (In training they would enter batch normalisation.)
    let size = EVALUATION_BATCH.min(images.len());
    evaluation_batches(images, normalization, EVALUATION_BATCH).map(move |mut batch| {
        let labels = batch.labels.clone();
        batch.images.resize(size * batch.shape.bytes(), 0.0);
        let (inputs, targets) = to_tensors(batch, device);
        let features = model.features(inputs);
        let logits = model.classify(features.clone());
        Outputs {
            logits: logits.narrow(0, 0, labels.len()),
            features: features.narrow(0, 0, labels.len()),
            targets,
            labels,
        }
    })
}

/// Images `[batch, channels, height, width]` and labels `[batch]` on `device`; there may be more images.
pub fn to_tensors(batch: Batch, device: &Device) -> (Tensor<4>, Tensor<1, Int>) {
    let ImageShape {
        height,
        width,
        channels,
    } = batch.shape;
    let images = batch.images.len() / batch.shape.bytes();
    let shape = [images, channels, height, width];
    let labels = batch.labels.len();
    (
        Tensor::from_data(TensorData::new(batch.images, shape), device),
        Tensor::from_data(TensorData::new(batch.labels, [labels]), device),
    )
}

/// Sum of the losses and number of correct predictions, `[2]`, left on the device until
/// [`read_sums`], so that a step does not wait for it.
pub fn sums(losses: Tensor<1>, logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    let predictions: Tensor<1, Int> = logits.argmax(1).squeeze_dim(1); // [batch]
    let correct = predictions.equal(targets).float();
    Tensor::cat(vec![losses.sum_dim(0), correct.sum_dim(0)], 0)
}

/// Reads many [`sums`] back together: (sum of the losses, number correct) of each.
///
/// # Errors
/// When the device fails.
pub fn read_sums(sums: Vec<Tensor<1>>) -> Result<Vec<[f64; 2]>> {
    let values = read_values(Tensor::cat(sums, 0))?;
    let (vectors, _) = values.as_chunks::<2>();
    Ok(vectors.iter().map(|vector| vector.map(f64::from)).collect())
}

/// The elements of `tensor` in row-major order.
///
/// # Errors
/// When the device fails.
pub fn read_values<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    let data = tensor
        .try_into_data()
        .map_err(|error| anyhow!("device: the result could not be read back: {error:?}"))?;
    data.try_into_vec()
        .map_err(|error| anyhow!("device: expected 32-bit numbers: {error:?}"))
}
