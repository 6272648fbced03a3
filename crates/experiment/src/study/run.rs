//! A trial of a study, and how it ended.

use std::sync::Arc;

use crate::measure::Metric;
use crate::plan::Trial;
use crate::records::{TrialResult, TrialState};

/// A trial, and its result if it has one.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub trial: Trial,
    pub result: Option<Arc<TrialResult>>,
}

impl Run {
    /// Whether it is done or diverged; a failed trial can be trained again.
    pub fn has_ended(&self) -> bool {
        let state = self.result.as_ref().map(|result| result.state);
        matches!(state, Some(TrialState::Done | TrialState::Diverged))
    }

    pub fn has_diverged(&self) -> bool {
        let state = self.result.as_ref().map(|result| result.state);
        state == Some(TrialState::Diverged)
    }

    /// The metric on the test set in the unit in which tables show it; `None` if it did not end with one.
    pub fn test(&self, metric: &Metric) -> Option<f64> {
        let result = self.result.as_ref();
        let score = result.filter(|result| result.state == TrialState::Done);
        let value = score.and_then(|result| result.test.as_ref()?.get(metric.name));
        value.map(|value| metric.in_unit_shown(value))
    }

    /// The metric on the images held out from training, in the unit in which tables show it.
    pub fn validation(&self, metric: &Metric) -> Option<f64> {
        let result = self.result.as_ref();
        let score = result.filter(|result| result.state == TrialState::Done);
        let value = score.and_then(|result| result.validation.as_ref()?.get(metric.name));
        value.map(|value| metric.in_unit_shown(value))
    }
}
