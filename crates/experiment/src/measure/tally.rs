//! The totals over the batches of an evaluation.

use anyhow::Result;
use bonus_loss::{Loss, LossConfig};
use burn::tensor::Tensor;

use super::metrics::{METRICS, Measure};
use super::outputs::{Losses, Outputs};
use super::predictions::Predictions;
use super::read_values;
use crate::records::Score;

/// The batches evaluated so far. Their numbers stay on the device until [`Tally::read`], so that it never waits for its
/// host.
#[derive(Debug)]
pub struct Tally {
    losses: Losses,
    /// Of each batch: its logits in row-major order, then the sums of [`Measure::sum`].
    batches: Vec<Tensor<1>>,
    labels: Vec<Vec<i32>>,
}

impl Tally {
    /// Of a network that was trained with `loss`.
    ///
    /// # Panics
    /// If there is no cross-entropy, which the table of losses rules out.
    pub fn new(loss: Loss) -> Self {
        let cross_entropy = LossConfig::new("cross_entropy").expect("it is one of the losses");
        Self {
            losses: Losses {
                trained: loss,
                cross_entropy: cross_entropy.init(),
            },
            batches: Vec::new(),
            labels: Vec::new(),
        }
    }

    /// Adds a batch.
    pub fn add(&mut self, outputs: Outputs) {
        let sums = METRICS
            .iter()
            .filter_map(|metric| metric.measure.sum(&outputs, &self.losses));
        let logits = outputs.logits.clone().flatten(0, 1); // [batch · classes]
        let values = [logits].into_iter().chain(sums).collect();
        self.batches.push(Tensor::cat(values, 0));
        self.labels.push(outputs.labels);
    }

    /// Every metric of all that was added, and what was predicted.
    ///
    /// # Errors
    /// When the device fails.
    pub fn read(self) -> Result<(Score, Predictions)> {
        let sums = METRICS.iter().filter(|metric| metric.measure.is_mean());
        let mut totals = vec![0.0; sums.count()];
        let lengths: Vec<usize> = (self.batches.iter())
            .map(|batch| batch.dims()[0] - totals.len())
            .collect();
        let values = read_values(Tensor::cat(self.batches, 0))?;
        let mut values = values.as_slice();
        let mut logits = Vec::with_capacity(values.len());
        for length in lengths {
            let (batch, rest) = values.split_at(length);
            logits.extend(batch);
            let (sums, rest) = rest.split_at(totals.len());
            for (total, &sum) in totals.iter_mut().zip(sums) {
                *total += f64::from(sum);
            }
            values = rest;
        }
        let targets: Vec<usize> = (self.labels.iter().flatten())
            .map(|label| *label as usize)
            .collect();
        let images = targets.len() as f64;
        let predictions = Predictions::new(logits, targets);
        let mut means = totals.iter().map(|total| total / images);
        let values = METRICS.iter().map(|metric| {
            let value = match metric.measure {
                Measure::OfLogits(value) => value(&predictions),
                _ => means.next().expect("there is one of each"),
            };
            (metric.name, value)
        });
        Ok((values.collect(), predictions))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::open_cpu;
    use crate::settings::BackendChoice;

    fn tally(loss: &str, batches: &[(&[[f32; 2]], &[i32])]) -> Score {
        let device = open_cpu(BackendChoice::Flex).unwrap().device;
        let mut tally = Tally::new(LossConfig::new(loss).unwrap().init());
        for (logits, labels) in batches {
            let rows: Vec<Tensor<1>> = (logits.iter())
                .map(|row| Tensor::from_floats(*row, &device))
                .collect();
            tally.add(Outputs {
                logits: Tensor::stack(rows, 0),
                features: Tensor::from_floats([[3.0, 4.0]], &device).repeat_dim(0, labels.len()),
                targets: Tensor::from_ints(*labels, &device),
                labels: labels.to_vec(),
            });
        }
        let (score, predictions) = tally.read().unwrap();
        let logits: Vec<f32> = (batches.iter())
            .flat_map(|(rows, _)| rows.as_flattened().to_vec())
            .collect();
        assert_eq!(predictions.logits().len(), logits.len());
        let pairs = predictions.logits().iter().zip(&logits);
        assert!(pairs.into_iter().all(|(a, b)| a.to_bits() == b.to_bits()));
        score
    }

    #[track_caller]
    fn assert_close(score: &Score, name: &str, expected: f64) {
        let found = score.get(name).unwrap_or(f64::NAN);
        assert!((found - expected).abs() < 1e-6, "{name}: {score:?}");
    }

    #[test]
    fn a_score_has_every_metric_of_all_batches() {
        // The probabilities are 3/4 and 1/4.
        let row = [3_f32.ln(), 0.0];
        let batches: [(&[[f32; 2]], &[i32]); 2] = [(&[row, row], &[0, 1]), (&[row], &[0])];
        let score = tally("mean_absolute_error", &batches);
        // 2 (1 − p): 1/2, 3/2, 1/2.
        assert_close(&score, "eval_loss", 2.5 / 3.0);
        let cross_entropy = -(2.0 * 0.75_f64.ln() + 0.25_f64.ln()) / 3.0;
        assert_close(&score, "cross_entropy", cross_entropy);
        assert_close(&score, "accuracy", 2.0 / 3.0);
        assert_close(&score, "log_odds", 3_f64.ln() / 3.0);
        assert_close(&score, "feature_norm", 5.0);
        for metric in METRICS {
            // Of two classes, all are among the best five.
            let is_defined = metric.name != "top_5_accuracy";
            assert_eq!(
                score.get(metric.name).is_some(),
                is_defined,
                "{}",
                metric.name
            );
        }
        assert_eq!(score.metrics().len(), METRICS.len());
    }

    #[test]
    fn logits_that_are_not_finite_leave_metrics_without_a_number_and_never_stop_an_evaluation() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let batches: [(&[[f32; 2]], &[i32]); 1] = [(&[[bad, 0.0], [0.0, 0.0]], &[0, 0])];
            let score = tally("cross_entropy", &batches);
            let accuracy = if bad == f32::INFINITY { 1.0 } else { 0.5 };
            assert_eq!(score.get("accuracy"), Some(accuracy), "{bad}");
            let finite = score.get("log_odds").filter(|value| value.is_finite());
            assert_eq!(finite, None, "{bad}");
        }
    }
}
