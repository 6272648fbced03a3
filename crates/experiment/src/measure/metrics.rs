//! The table of metrics. To add a metric, add one file in `metrics/`, its module here, and its row in the table.

mod accuracy;
mod brier_score;
mod calibration;
mod energy;
mod feature_norm;
mod log_odds;
mod losses;
mod margin;
mod quantile;
#[cfg(test)]
mod tests;

use std::fmt;

use bonus_loss::Loss;
use burn::tensor::Tensor;

pub use self::accuracy::ACCURACY;
pub use self::losses::EVAL_LOSS;
use super::outputs::{Losses, Outputs};
use super::predictions::Predictions;

/// All metrics: records, tables, the command line's lists and documentation are derived from this table.
pub static METRICS: &[Metric] = &[
    ACCURACY,
    accuracy::TOP_5_ACCURACY,
    EVAL_LOSS,
    losses::CROSS_ENTROPY,
    brier_score::BRIER_SCORE,
    calibration::EXPECTED_CALIBRATION_ERROR,
    log_odds::MEAN,
    log_odds::QUANTILE_05,
    log_odds::QUANTILE_25,
    log_odds::QUANTILE_50,
    log_odds::QUANTILE_75,
    log_odds::QUANTILE_95,
    margin::MARGIN,
    margin::RELATIVE_MARGIN,
    energy::ENERGY,
    feature_norm::FEATURE_NORM,
];

/// A number that measures the quality or another property of a network on a set of images.
#[derive(Debug)]
pub struct Metric {
    /// In records and columns, lower case.
    pub name: &'static str,
    /// What the field calls it too, such as `ece`.
    pub abbreviation: Option<&'static str>,
    /// A line without a full stop.
    pub description: &'static str,
    pub unit: Unit,
    /// Which direction is better; `None` if neither is.
    pub better: Option<Direction>,
    /// What a network scores on balanced images of so many classes if it gives every class the same probability;
    /// `None` if that is not a mark to compare with.
    pub chance: Option<fn(classes: usize) -> f64>,
    pub measure: Measure,
}

/// What a metric is computed from, and how it is accumulated over the batches of an evaluation. NaN where it is not
/// defined.
#[derive(Clone, Copy, Debug)]
pub enum Measure {
    /// The mean over the images of a loss of the logits.
    MeanLoss(fn(&Losses) -> &Loss),
    /// The mean over the images of what the device computes from their features: `[batch, features]` to `[batch]`.
    MeanOfFeatures(fn(Tensor<2>) -> Tensor<1>),
    /// A function of the logits of all images, which are read back once after the last batch.
    OfLogits(fn(&Predictions) -> f64),
}

/// What a metric is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// From 0 to 1; tables show percent.
    Share,
    /// Natural logarithms.
    Nats,
    /// Without a unit, or with one that the network decides.
    Number,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Higher,
    Lower,
}

impl PartialEq for Metric {
    /// A name is in the table once.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Metric {
    /// The row of the table with this name or abbreviation.
    pub fn find(name: &str) -> Option<&'static Self> {
        METRICS
            .iter()
            .find(|metric| metric.name == name || metric.abbreviation == Some(name))
    }

    /// What heads its column in a table for people.
    pub fn header(&self) -> String {
        let name = self.abbreviation.unwrap_or(self.name);
        match self.unit {
            Unit::Share => format!("{name} {}", self.unit_shown()),
            Unit::Nats | Unit::Number => name.to_owned(),
        }
    }

    /// The unit of a value as [`Metric::show`] gives it; empty where it has none.
    pub fn unit_shown(&self) -> &'static str {
        match self.unit {
            Unit::Share => "%",
            Unit::Nats => "nats",
            Unit::Number => "",
        }
    }

    /// A value in the unit in which tables show it: percent where it is a share.
    pub fn in_unit_shown(&self, value: f64) -> f64 {
        match self.unit {
            Unit::Share => 100.0 * value,
            Unit::Nats | Unit::Number => value,
        }
    }

    /// A value as tables show it, without its unit.
    pub fn show(&self, value: f64) -> String {
        self.show_in_unit(self.in_unit_shown(value))
    }

    /// A value that is in the unit in which tables show it.
    pub fn show_in_unit(&self, value: f64) -> String {
        match self.unit {
            Unit::Share => format!("{value:.2}"),
            Unit::Nats | Unit::Number => format!("{value:.4}"),
        }
    }
}

impl Measure {
    /// Of a batch, what adds up to the mean, `[1]`; `None` of a metric that is no mean of batches.
    pub(super) fn sum(self, outputs: &Outputs, losses: &Losses) -> Option<Tensor<1>> {
        let values = match self {
            Self::MeanLoss(loss) => {
                loss(losses).forward_no_reduction(outputs.logits.clone(), outputs.targets.clone())
            }
            Self::MeanOfFeatures(value) => value(outputs.features.clone()),
            Self::OfLogits(_) => return None,
        };
        Some(values.sum_dim(0))
    }

    /// Whether there is a [`Measure::sum`].
    pub(super) fn is_mean(self) -> bool {
        !matches!(self, Self::OfLogits(_))
    }
}

/// What is needed of the network.
impl fmt::Display for Measure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::MeanLoss(_) | Self::OfLogits(_) => "logits",
            Self::MeanOfFeatures(_) => "features",
        })
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Share => "share",
            Self::Nats => "nats",
            Self::Number => "number",
        })
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Higher => "higher",
            Self::Lower => "lower",
        })
    }
}
