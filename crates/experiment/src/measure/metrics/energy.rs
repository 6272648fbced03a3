//! The energy of the targets, in which the paper of the encouraging loss explains it.

use super::{Measure, Metric, Unit};

pub const ENERGY: Metric = Metric {
    name: "energy",
    abbreviation: None,
    description: "mean over the images of the target's energy E_y = -f_y, its negative logit; a constant added to the logits changes it and no prediction, so compare margin and log_odds too",
    unit: Unit::Nats,
    better: None,
    chance: None,
    measure: Measure::OfLogits(|predictions| {
        predictions.mean(predictions.iter().map(|image| {
            if image.has_nan() {
                return f64::NAN;
            }
            -f64::from(image.logits[image.target])
        }))
    }),
};
