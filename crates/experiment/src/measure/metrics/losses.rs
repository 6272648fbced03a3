//! Means of losses, computed on the device as in training.

use super::{Direction, Measure, Metric, Unit};

pub const EVAL_LOSS: Metric = Metric {
    name: "eval_loss",
    abbreviation: None,
    description: "mean of the loss that the network was trained with",
    unit: Unit::Number,
    better: Some(Direction::Lower),
    chance: None,
    measure: Measure::MeanLoss(|losses| &losses.trained),
};

pub const CROSS_ENTROPY: Metric = Metric {
    name: "cross_entropy",
    abbreviation: Some("nll"),
    description: "mean negative log-likelihood of the targets (cross-entropy), whatever loss the network was trained with",
    unit: Unit::Nats,
    better: Some(Direction::Lower),
    chance: Some(|classes| (classes as f64).ln()),
    measure: Measure::MeanLoss(|losses| &losses.cross_entropy),
};
