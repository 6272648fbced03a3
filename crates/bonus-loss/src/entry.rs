//! A row of the table of losses, and the trait that each row implements.

use std::fmt::Debug;
use std::sync::Arc;

use burn::tensor::Tensor;

use crate::{Context, LossConfig, Parameter, Targets, Value};

/// A loss in the table: the texts that describe it, and its implementation.
#[derive(Clone, Copy, Debug)]
pub struct LossEntry {
    pub name: &'static str,
    pub summary: &'static str,
    pub formula: &'static str,
    /// The gradient with respect to the logits, or to the target's log-odds z if that determines it.
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

/// Recommended parameter values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recommendation {
    pub parameters: &'static [(&'static str, Value)],
    /// What they are recommended for, and by whom.
    pub reason: &'static str,
}

/// A loss with its parameters set: its value, its gradient in closed form, and the same value as
/// tensor operations, whose gradient by autodiff must equal the closed form.
pub(crate) trait Definition: Debug + Send + Sync {
    /// The loss of one example with the target distribution `targets`.
    fn value(&self, logits: &[f64], targets: &[f64], context: &Context) -> f64;

    /// The gradient of [`Self::value`] with respect to each logit.
    fn gradient(&self, logits: &[f64], targets: &[f64], context: &Context) -> Vec<f64>;

    /// The loss of each example: logits `[batch, classes]` → `[batch]`.
    fn forward(&self, logits: Tensor<2>, targets: &Targets, context: &Context) -> Tensor<1>;
}
