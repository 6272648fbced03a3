//! Errors in the configuration of a loss.

use crate::UncheckedValue;

/// An invalid configuration of a loss; every message reads `place: expectation, found`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LossError {
    #[error("loss: expected one of {}, found '{name}'", names().join(", "))]
    UnknownLoss { name: String },
    #[error("{loss}: expected {}, found '{parameter}'", parameters(.loss))]
    UnknownParameter {
        loss: &'static str,
        parameter: String,
    },
    #[error("{loss}.{parameter}: expected {expectation}, found {found}")]
    InvalidValue {
        loss: &'static str,
        parameter: &'static str,
        expectation: String,
        found: UncheckedValue,
    },
    #[error("sum.terms: expected at least one loss, found none")]
    EmptySum,
    #[error("sum.terms: expected losses that are not sums themselves, found {found}")]
    NestedSum { found: String },
    #[error("sum.weights: expected a weight for each of {terms} terms, found {weights}")]
    WeightCount { terms: usize, weights: usize },
    #[error("sum.weights: expected finite numbers, found {found}")]
    InvalidWeight { found: f64 },
}

fn names() -> Vec<&'static str> {
    crate::LOSSES.iter().map(|entry| entry.name).collect()
}

fn parameters(loss: &str) -> String {
    let parameters = crate::find(loss).map_or(&[][..], |entry| entry.parameters);
    let names: Vec<_> = parameters.iter().map(|parameter| parameter.name).collect();
    if names.is_empty() {
        return "no parameters".to_owned();
    }
    format!("a parameter among {}", names.join(", "))
}
