//! A row of the table of losses, and what each row has to define.

use std::fmt::Debug;
use std::sync::Arc;

use burn::tensor::Tensor;

use crate::{Context, LossConfig, Parameter, Targets, Value};

/// A loss as the table states it: the words that describe it and, behind them, its mathematics.
#[derive(Clone, Copy, Debug)]
pub struct LossEntry {
    pub name: &'static str,
    pub summary: &'static str,
    pub formula: &'static str,
    /// The gradient by the logits, or by the log-odds z of the target where that says it all.
    pub gradient: &'static str,
    pub source: &'static str,
    pub parameters: &'static [Parameter],
    pub recommended: &'static [Recommendation],
    pub(crate) build: fn(&LossConfig) -> Arc<dyn Definition>,
}

impl PartialEq for LossEntry {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// Values that somebody found good.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recommendation {
    pub parameters: &'static [(&'static str, Value)],
    /// What for, and who says so.
    pub reason: &'static str,
}

/// A loss with its parameters set: its value, its gradient in closed form, and the same value by
/// tensor operations, whose gradient autodiff must find to be the closed form.
pub(crate) trait Definition: Debug + Send + Sync {
    /// The loss of one example whose class has the distribution `targets`.
    fn value(&self, logits: &[f64], targets: &[f64], context: &Context) -> f64;

    /// The gradient of [`Self::value`] by each logit.
    fn gradient(&self, logits: &[f64], targets: &[f64], context: &Context) -> Vec<f64>;

    /// The loss of each example: logits `[batch, classes]` → `[batch]`.
    fn forward(&self, logits: Tensor<2>, targets: &Targets, context: &Context) -> Tensor<1>;
}
