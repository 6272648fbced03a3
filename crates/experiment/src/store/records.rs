//! What a trial notes down while it trains: one JSON object a line.

use serde::Serialize;

/// A line of `steps.jsonl`. Numbers that are not finite are written as null.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct StepRecord {
    /// From 1 over the whole trial.
    pub step: u64,
    /// From 1.
    pub epoch: usize,
    /// Mean over the batch, before the step.
    pub loss: f64,
    /// Share of the batch classified correctly, before the step.
    pub accuracy: f64,
    pub learning_rate: f64,
}

/// A line of `epochs.jsonl`. Numbers that are not finite are written as null.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct EpochRecord {
    /// From 1.
    pub epoch: usize,
    /// Mean over the epoch's images, each met while the weights were still changing.
    pub train_loss: f64,
    pub train_accuracy: f64,
    /// What `loss` and `accuracy` were measured on.
    pub evaluated_on: Split,
    pub loss: f64,
    pub accuracy: f64,
    /// At the epoch's last step.
    pub learning_rate: f64,
    /// Of training alone.
    pub images_per_second: f64,
    /// Of training alone.
    pub time_s: f64,
    /// Steps of the trial so far that changed nothing, since their scaled gradients overflowed; only in
    /// mixed precision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps_skipped: Option<u64>,
}

/// The images an epoch is evaluated on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    Validation,
    Test,
}
