//! Shares of images of which the target is among the classes with the largest logits.

use super::{Direction, Measure, Metric, Unit};
use crate::measure::Predictions;

pub const ACCURACY: Metric = Metric {
    name: "accuracy",
    abbreviation: None,
    description: "share of images classified correctly",
    unit: Unit::Share,
    better: Some(Direction::Higher),
    chance: Some(|classes| 1.0 / classes as f64),
    measure: Measure::OfLogits(|predictions| top_accuracy(predictions, 1)),
};

pub const TOP_5_ACCURACY: Metric = Metric {
    name: "top_5_accuracy",
    abbreviation: Some("top5"),
    description: "share of images whose target has one of the five largest logits; only with more than 5 classes",
    unit: Unit::Share,
    better: Some(Direction::Higher),
    chance: Some(|classes| {
        if classes > 5 {
            5.0 / classes as f64
        } else {
            f64::NAN
        }
    }),
    measure: Measure::OfLogits(|predictions| {
        if predictions.classes() > 5 {
            top_accuracy(predictions, 5)
        } else {
            f64::NAN
        }
    }),
};

/// Logits that cannot be ordered classify nothing correctly.
fn top_accuracy(predictions: &Predictions, classes: usize) -> f64 {
    let is_correct =
        |rank: Option<usize>| f64::from(u8::from(rank.is_some_and(|rank| rank < classes)));
    predictions.mean(predictions.iter().map(|image| is_correct(image.rank())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_logits_predict_the_first_classes() {
        let targets: Vec<usize> = (0..10).collect();
        let predictions = Predictions::new(vec![0.25; 100], targets);
        assert_eq!(top_accuracy(&predictions, 1), 0.1);
        assert_eq!(top_accuracy(&predictions, 5), 0.5);
    }

    #[test]
    fn an_image_with_a_logit_that_is_not_a_number_is_not_correct() {
        let mut logits = [2.0, 1.0, 0.0, 0.0, 0.0, f32::NAN];
        let accuracy =
            |logits: [f32; 6]| top_accuracy(&Predictions::new(logits.into(), vec![0]), 5);
        assert_eq!(accuracy(logits), 0.0);
        logits[5] = f32::NEG_INFINITY;
        assert_eq!(accuracy(logits), 1.0);
    }

    #[test]
    fn of_five_classes_there_are_no_best_five() {
        let Measure::OfLogits(value) = TOP_5_ACCURACY.measure else {
            panic!("it is one of the logits");
        };
        assert!(value(&Predictions::new(vec![0.0; 5], vec![0])).is_nan());
        assert_eq!(value(&Predictions::new(vec![0.0; 6], vec![0])), 1.0);
    }
}
