//! What a network is worth on a set of images.

use anyhow::{Result, anyhow};
use bonus_loss::{Loss, LossConfig};
use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use cifar_models::Model;

use crate::data::{Batch, ImageSet, evaluation_batches};
use crate::datasets::{ImageShape, Normalization};
use crate::records::Score;

/// Images in an evaluation batch; it changes speed and memory, not the score.
pub const EVALUATION_BATCH: usize = 200;

/// Accuracy, mean loss and mean cross-entropy over all of `images`, in evaluation mode on `device`; `None` where
/// `go_on`, asked after each batch, says no.
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
) -> Result<Option<Score>> {
    let mut tally = Tally::default();
    for (logits, targets) in predictions(model, images, normalization, device) {
        tally.add(loss, logits, targets);
        if !go_on() {
            return Ok(None);
        }
    }
    tally.score().map(Some)
}

/// What the batches evaluated so far add up to, left on the device.
#[derive(Debug)]
pub struct Tally {
    /// Measured whatever the network was trained with, so that networks of different losses can be compared.
    cross_entropy: Loss,
    /// As [`sums`] gives them, with the sum of the cross-entropies.
    sums: Vec<Tensor<1>>,
    images: usize,
}

impl Default for Tally {
    fn default() -> Self {
        let cross_entropy = LossConfig::new("cross_entropy").expect("it is one of the losses");
        Self {
            cross_entropy: cross_entropy.init(),
            sums: Vec::new(),
            images: 0,
        }
    }
}

impl Tally {
    /// Adds a batch with logits `[batch, classes]` and targets `[batch]`. Nothing is read back.
    pub fn add(&mut self, loss: &Loss, logits: Tensor<2>, targets: Tensor<1, Int>) {
        self.images += targets.dims()[0];
        let losses = loss.forward_no_reduction(logits.clone(), targets.clone());
        let cross_entropies =
            (self.cross_entropy).forward_no_reduction(logits.clone(), targets.clone());
        let sums = sums(losses, logits, targets);
        self.sums
            .push(Tensor::cat(vec![sums, cross_entropies.sum_dim(0)], 0));
    }

    /// The score of all that was added.
    ///
    /// # Errors
    /// When the device fails.
    pub fn score(self) -> Result<Score> {
        let mut totals = [0.0; 3];
        for sums in read_vectors::<3>(self.sums)? {
            for (total, sum) in totals.iter_mut().zip(sums) {
                *total += sum;
            }
        }
        let [eval_loss, accuracy, cross_entropy] = totals.map(|total| total / self.images as f64);
        Ok(Score {
            accuracy,
            eval_loss,
            cross_entropy: Some(cross_entropy),
        })
    }
}

/// Logits `[batch, classes]` and targets `[batch]` of every batch, in file order.
pub fn predictions(
    model: &Model,
    images: &ImageSet,
    normalization: Normalization,
    device: &Device,
) -> impl Iterator<Item = (Tensor<2>, Tensor<1, Int>)> {
    let model = model.valid();
    // A GPU tunes for each size of a batch, so a smaller last one is filled up with zeros, which are left
    // out of the logits. (In training they would enter batch normalisation.)
    let size = EVALUATION_BATCH.min(images.len());
    evaluation_batches(images, normalization, EVALUATION_BATCH).map(move |mut batch| {
        let count = batch.labels.len();
        batch.images.resize(size * batch.shape.bytes(), 0.0);
        let (inputs, targets) = to_tensors(batch, device);
        (model.forward(inputs).narrow(0, 0, count), targets)
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

/// Reads many [`sums`] back at once: (sum of the losses, number correct) of each.
///
/// # Errors
/// When the device fails.
pub fn read_sums(sums: Vec<Tensor<1>>) -> Result<Vec<[f64; 2]>> {
    read_vectors(sums)
}

/// Reads many vectors of `N` elements back at once.
fn read_vectors<const N: usize>(vectors: Vec<Tensor<1>>) -> Result<Vec<[f64; N]>> {
    let values = read_values(Tensor::cat(vectors, 0))?;
    let (vectors, _) = values.as_chunks::<N>();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::open_cpu;
    use crate::settings::BackendChoice;

    #[test]
    fn a_score_has_the_trained_loss_and_the_cross_entropy_of_all_batches() {
        let device = open_cpu(BackendChoice::Flex).unwrap().device;
        let loss = LossConfig::new("mean_absolute_error").unwrap().init();
        let mut tally = Tally::default();
        // The probabilities are 3/4 and 1/4.
        for target in [0, 1] {
            let logits = Tensor::<2>::from_data([[3_f32.ln(), 0.0]], &device);
            let targets = Tensor::<1, Int>::from_data([target], &device);
            tally.add(&loss, logits, targets);
        }
        let score = tally.score().unwrap();
        let close = |found: f64, expected: f64| (found - expected).abs() < 1e-6;
        assert!(close(score.accuracy, 0.5), "{score:?}");
        // 2 (1 − p): 1/2 and 3/2.
        assert!(close(score.eval_loss, 1.0), "{score:?}");
        let cross_entropy = -(0.75_f64.ln() + 0.25_f64.ln()) / 2.0;
        assert!(
            close(score.cross_entropy.unwrap(), cross_entropy),
            "{score:?}"
        );
    }
}
