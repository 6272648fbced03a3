//! How far the target's logit lies above the others.

use super::quantile::quantile;
use super::{Measure, Metric, Unit};
use crate::measure::Predictions;
use crate::measure::predictions::Prediction;

pub const MARGIN: Metric = Metric {
    name: "margin",
    abbreviation: None,
    description: "median over the images of f_y - max of the other f_k, the target's logit minus the largest other",
    unit: Unit::Nats,
    better: None,
    chance: None,
    measure: Measure::OfLogits(|predictions| median(predictions, margin)),
};

/// A network whose logits are all multiplied by one number makes the same predictions, with another margin.
pub const RELATIVE_MARGIN: Metric = Metric {
    name: "relative_margin",
    abbreviation: None,
    description: "median over the images of (f_y - max of the other f_k) / std(f), the margin divided by the standard deviation of the image's logits, so that their scale does not matter; 0 where all logits are equal",
    unit: Unit::Number,
    better: None,
    chance: None,
    measure: Measure::OfLogits(|predictions| median(predictions, relative_margin)),
};

fn margin(image: Prediction) -> f64 {
    if image.has_nan() {
        return f64::NAN;
    }
    let others = image.logits.iter().enumerate();
    let others = others.filter(|(class, _)| *class != image.target);
    let largest = others.fold(f32::NEG_INFINITY, |largest, (_, &logit)| largest.max(logit));
    f64::from(image.logits[image.target]) - f64::from(largest)
}

fn relative_margin(image: Prediction) -> f64 {
    let margin = margin(image);
    if margin == 0.0 {
        return 0.0;
    }
    margin / standard_deviation(image.logits)
}

/// Of a population, as NumPy's.
fn standard_deviation(logits: &[f32]) -> f64 {
    let mean = |values: &dyn Fn(f64) -> f64| {
        let values = logits.iter().map(|&logit| values(f64::from(logit)));
        values.sum::<f64>() / logits.len() as f64
    };
    let center = mean(&|logit| logit);
    mean(&|logit| (logit - center).powi(2)).sqrt()
}

fn median(predictions: &Predictions, value: fn(Prediction) -> f64) -> f64 {
    let mut values: Vec<f64> = predictions.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    quantile(&values, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(logits: &[f32], target: usize) -> [f64; 2] {
        let image = Prediction { logits, target };
        [margin(image), relative_margin(image)]
    }

    #[test]
    fn a_relative_margin_does_not_depend_on_the_scale_of_the_logits_or_on_a_constant() {
        let logits = [4.0, 1.0, -2.0, 0.5];
        let [margin, relative] = of(&logits, 0);
        assert_eq!(margin, 3.0);
        let larger = logits.map(|logit| 4.0 * logit + 8.0);
        assert_eq!(of(&larger, 0), [12.0, relative]);
        assert_eq!(of(&logits, 2)[0], -6.0);
    }

    #[test]
    fn equal_logits_have_no_margin_and_logits_that_are_not_numbers_no_number() {
        assert_eq!(of(&[2.5; 3], 1), [0.0; 2]);
        assert!(of(&[1.0, f32::NAN, 0.0], 0).iter().all(|it| it.is_nan()));
        assert!(of(&[f32::INFINITY; 2], 0).iter().all(|it| it.is_nan()));
    }
}
