//! What a trial leaves behind when it ends.

use serde::{Deserialize, Serialize};

/// The content of `result.json`, the mark that a trial has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrialResult {
    pub id: String,
    pub state: TrialState,
    /// Every setting that changes the mathematics, `loss` and `seed` among them, as a JSON object.
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// Of the final weights; absent where training diverged or failed.
    pub test: Option<TestScore>,
    /// Training images per second, evaluation and start-up left out.
    pub images_per_second: Option<f64>,
    pub time_s_total: f64,
    /// Training steps done: all of them, or up to and including the first with a loss that is not finite.
    pub step: u64,
    /// Why the trial diverged or failed.
    pub cause: Option<String>,
}

/// How a trial ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrialState {
    Done,
    Diverged,
    Failed,
}

/// A network's score on the test set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestScore {
    /// Share of images classified correctly, from 0 to 1.
    pub accuracy: f64,
    /// Mean over the images of the loss that the trial was trained with.
    pub loss: f64,
}
