//! The difference between the network's confidence and its accuracy.

use super::{Direction, Measure, Metric, Unit};
use crate::measure::Predictions;
use crate::measure::predictions::bin;

/// As in Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
const BINS: usize = 15;

pub const EXPECTED_CALIBRATION_ERROR: Metric = Metric {
    name: "expected_calibration_error",
    abbreviation: Some("ece"),
    description: "mean absolute difference between accuracy and confidence (the largest probability) in 15 equal-width confidence bins, weighted by their number of images",
    unit: Unit::Share,
    better: Some(Direction::Lower),
    chance: None,
    measure: Measure::OfLogits(expected_calibration_error),
};

/// Σ over the bins of |correct − Σ confidence| / images.
fn expected_calibration_error(predictions: &Predictions) -> f64 {
    let mut gaps = [0.0; BINS];
    for (image, probabilities) in predictions.with_probabilities() {
        let rank = image.rank().filter(|_| !probabilities[0].is_nan());
        let Some(rank) = rank else {
            return f64::NAN;
        };
        let confidence = probabilities.iter().copied().fold(0.0, f64::max);
        let correct = if rank == 0 { 1.0 } else { 0.0 };
        gaps[bin(confidence, BINS)] += correct - confidence;
    }
    gaps.into_iter().map(f64::abs).sum::<f64>() / predictions.images() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_images_of_a_bin_cancel_and_of_two_bins_do_not() {
        let error = |logits: Vec<f32>, targets: Vec<usize>| {
            expected_calibration_error(&Predictions::new(logits, targets))
        };
        let half = (0.625_f32 / 0.375).ln();
        // Confidence 0.625; one of two is correct.
        let same = error(vec![half, 0.0, half, 0.0], vec![0, 1]);
        assert!((same - 0.125).abs() < 1e-7, "{same}");
        let higher = (0.875_f32 / 0.125).ln();
        // |1 − 0.625| / 2 + |0 − 0.875| / 2.
        let apart = error(vec![half, 0.0, higher, 0.0], vec![0, 1]);
        assert!((apart - 0.625).abs() < 1e-7, "{apart}");
        let equal = error(vec![0.0; 10], vec![3]);
        assert!((equal - 0.1).abs() < 1e-12, "{equal}");
        assert!(error(vec![0.0, f32::NAN], vec![0]).is_nan());
        assert!(error(vec![f32::INFINITY, 0.0], vec![0]).is_nan());
        assert_eq!(error(vec![0.0, f32::NEG_INFINITY], vec![0]), 0.0);
    }
}
