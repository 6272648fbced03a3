//! How large the features are that the last layer sees, by which log-odds of different networks can be put in
//! proportion.

use super::{Measure, Metric, Unit};

pub const FEATURE_NORM: Metric = Metric {
    name: "feature_norm",
    abbreviation: None,
    description: "mean Euclidean norm of the features that enter the last layer",
    unit: Unit::Number,
    better: None,
    chance: None,
    measure: Measure::MeanOfFeatures(|features| {
        features.square().sum_dim(1).sqrt().squeeze_dim(1) // [batch]
    }),
};
