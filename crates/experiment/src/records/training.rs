//! The records of a trial while it trains: one JSON object per line. Keys are documented in `docs/records.md`.

use serde::{Deserialize, Serialize};

use super::gradients::GradientSample;
use super::score::{Metrics, Score, number_or_nan};

/// A line of `steps.jsonl`. Numbers that are not finite are written as null.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct StepRecord {
    /// From 1 over the whole trial.
    pub step: u64,
    /// From 1.
    pub epoch: usize,
    /// The training loss, mean over the batch, before the step.
    pub train_loss: f64,
    /// Fraction of the batch classified correctly, before the step.
    pub train_accuracy: f64,
    pub learning_rate: f64,
}

/// A line of `epochs.jsonl`. Numbers that are not finite are written as null. The aliases are the names of
/// earlier versions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// From 1.
    pub epoch: usize,
    /// Mean over the epoch's images, measured while the weights were still changing.
    #[serde(deserialize_with = "number_or_nan")]
    pub train_loss: f64,
    pub train_accuracy: f64,
    /// What the next three were measured on.
    pub evaluated_on: Split,
    #[serde(alias = "loss", deserialize_with = "number_or_nan")]
    pub eval_loss: f64,
    #[serde(alias = "accuracy")]
    pub eval_accuracy: f64,
    /// Unknown in records of earlier versions.
    pub cross_entropy: Option<f64>,
    /// At the epoch's last step.
    pub learning_rate: f64,
    /// Of training only.
    #[serde(deserialize_with = "number_or_nan")]
    pub images_per_second: f64,
    /// Of training only.
    pub time_s: f64,
    /// Steps of the trial so far that were skipped because their scaled gradients overflowed; only in
    /// mixed precision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps_skipped: Option<u64>,
    /// The Euclidean norm of the gradient of the mean loss by all parameters, before a step: the mean over every
    /// tenth step of the epoch, the first included. Steps whose gradient is not finite are left out.
    #[serde(default)]
    pub gradient_norm: Option<f64>,
    /// Of a sample of the training images after the epoch, the same one for all epochs of a seed.
    #[serde(default)]
    pub gradients: Option<GradientSample>,
    /// All metrics on `evaluated_on`, including the three above; empty in records of earlier versions.
    #[serde(default)]
    pub metrics: Metrics,
}

impl EpochRecord {
    /// The result of the epoch's evaluation.
    pub fn score(&self) -> Score {
        Score::of_keys(
            self.eval_accuracy,
            self.eval_loss,
            self.cross_entropy,
            self.metrics.clone(),
        )
    }
}

/// The images an epoch is evaluated on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    Validation,
    Test,
}

impl Split {
    /// As in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// The points at which training can be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopPoint {
    /// After this step, from 1.
    Step(u64),
    /// After a batch of the evaluation that follows this step.
    Evaluation(u64),
    /// After the epoch that this step ended, with its evaluation; there is none after the last epoch.
    Epoch(u64),
}
