//! The squared error of the probabilities.

use super::{Direction, Measure, Metric, Unit};

pub const BRIER_SCORE: Metric = Metric {
    name: "brier_score",
    abbreviation: Some("brier"),
    description: "mean over the images of the squared differences between probabilities and one-hot target, summed over the classes; from 0 to 2",
    unit: Unit::Number,
    better: Some(Direction::Lower),
    chance: Some(|classes| 1.0 - 1.0 / classes as f64),
    measure: Measure::OfLogits(|predictions| {
        let images = predictions.with_probabilities();
        predictions.mean(images.map(|(image, probabilities)| {
            let squares = probabilities.iter().enumerate().map(|(class, p)| {
                let expected = f64::from(u8::from(class == image.target));
                (p - expected).powi(2)
            });
            squares.sum()
        }))
    }),
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Predictions;

    #[test]
    fn the_brier_score_sums_over_the_classes() {
        let Measure::OfLogits(score) = BRIER_SCORE.measure else {
            panic!("it is one of the logits");
        };
        let score = |logits: &[f32], target| score(&Predictions::new(logits.into(), vec![target]));
        // (1 − 1/4)² + 3 (1/4)²
        assert!((score(&[0.0; 4], 2) - 0.75).abs() < 1e-12);
        assert_eq!(score(&[1000.0, 0.0], 0), 0.0);
        assert_eq!(score(&[1000.0, 0.0], 1), 2.0);
        assert!(score(&[f32::NAN, 0.0], 0).is_nan());
    }
}
