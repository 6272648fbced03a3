//! The target's log-odds z = log(p / (1 − p)), in which losses of p are written, over the images.

use super::quantile::quantile;
use super::{Measure, Metric, Unit};
use crate::measure::Predictions;

pub const MEAN: Metric = metric(
    "log_odds",
    "mean of the targets' log-odds z = log(p / (1 - p))",
    |predictions| predictions.mean(predictions.log_odds_sorted().iter().copied()),
);
pub const QUANTILE_05: Metric = metric(
    "log_odds_q05",
    "5th percentile of the targets' log-odds",
    |predictions| quantile(predictions.log_odds_sorted(), 0.05),
);
pub const QUANTILE_25: Metric = metric(
    "log_odds_q25",
    "25th percentile of the targets' log-odds",
    |predictions| quantile(predictions.log_odds_sorted(), 0.25),
);
pub const QUANTILE_50: Metric = metric(
    "log_odds_q50",
    "median of the targets' log-odds",
    |predictions| quantile(predictions.log_odds_sorted(), 0.5),
);
pub const QUANTILE_75: Metric = metric(
    "log_odds_q75",
    "75th percentile of the targets' log-odds",
    |predictions| quantile(predictions.log_odds_sorted(), 0.75),
);
pub const QUANTILE_95: Metric = metric(
    "log_odds_q95",
    "95th percentile of the targets' log-odds",
    |predictions| quantile(predictions.log_odds_sorted(), 0.95),
);

/// The network decides how far z spreads, so neither direction is better.
const fn metric(
    name: &'static str,
    description: &'static str,
    value: fn(&Predictions) -> f64,
) -> Metric {
    Metric {
        name,
        abbreviation: None,
        description,
        unit: Unit::Nats,
        better: None,
        chance: None,
        measure: Measure::OfLogits(value),
    }
}
