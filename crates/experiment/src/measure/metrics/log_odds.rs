//! The target's log-odds z = log(p / (1 − p)), in which losses of p are written, over the images.

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
        measure: Measure::OfLogits(value),
    }
}

/// Linear between the two values next to `share · (n − 1)`, as NumPy's; NaN where a value is.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    if sorted.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let place = share * (sorted.len() - 1) as f64;
    let (below, above) = (
        sorted[place.floor() as usize],
        sorted[place.ceil() as usize],
    );
    // Of equal infinities the difference is NaN.
    if below == above {
        return below;
    }
    below + (above - below) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_linear_between_values() {
        let values = [1.0, 2.0, 4.0, 8.0, 16.0];
        assert_eq!(quantile(&values, 0.5), 4.0);
        assert_eq!(quantile(&values, 0.25), 2.0);
        assert!((quantile(&values, 0.95) - 14.4).abs() < 1e-12);
        assert!((quantile(&values, 0.05) - 1.2).abs() < 1e-12);
        for share in [0.05, 0.5, 0.95] {
            assert_eq!(quantile(&[3.5], share), 3.5);
        }
    }

    #[test]
    fn a_few_infinite_log_odds_leave_the_middle_and_nan_leaves_nothing() {
        let infinity = f64::INFINITY;
        let values = [-infinity, -infinity, 1.0, infinity, infinity];
        assert_eq!(quantile(&values, 0.5), 1.0);
        assert_eq!(quantile(&values, 0.05), -infinity);
        assert_eq!(quantile(&values, 0.95), infinity);
        assert!(quantile(&[1.0, f64::NAN], 0.05).is_nan());
    }
}
