//! How much of the gradient comes from images of each confidence.

use bonus_loss::Loss;
use rayon::prelude::*;

use super::predictions::{Prediction, Predictions, bin};
use crate::records::{BINS, GradientSample};

/// Images that are looked at after each epoch, or all if there are fewer.
pub const SAMPLE: usize = 2000;

/// The share of Σ|dL/dz| over the images by p, from the closed form of the loss.
pub fn gradient_sample(predictions: &Predictions, loss: &Loss) -> GradientSample {
    let images: Vec<(Prediction, &[f64])> = predictions.with_probabilities().collect();
    let images: Vec<(f64, f64)> = (images.par_iter())
        .map(|(image, probabilities)| (probabilities[image.target], strength(loss, image)))
        .collect();
    let strengths = images
        .iter()
        .map(|(p, strength)| if p.is_nan() { *p } else { *strength });
    let total: f64 = strengths.sum();
    let mut counts = [0; BINS];
    let mut sums = [0.0; BINS];
    let mut above_99 = 0.0;
    for (p, strength) in images.iter().filter(|(p, _)| !p.is_nan()) {
        let bin = bin(*p, BINS);
        counts[bin] += 1;
        sums[bin] += strength;
        if *p > 0.99 {
            above_99 += strength;
        }
    }
    let has_shares = total > 0.0 && total.is_finite();
    GradientSample {
        images: counts,
        shares: has_shares.then(|| sums.map(|sum| sum / total)),
        share_above_99: has_shares.then_some(above_99 / total),
        mean: Some(total / images.len() as f64).filter(|mean| mean.is_finite()),
    }
}

/// ‖∂L/∂f‖₁ / 2. A loss of z alone has ∂L/∂f_y = dL/dz, and the other logits share −dL/dz: this is |dL/dz|.
fn strength(loss: &Loss, image: &Prediction) -> f64 {
    let logits: Vec<f64> = image.logits.iter().copied().map(f64::from).collect();
    let mut targets = vec![0.0; logits.len()];
    targets[image.target] = 1.0;
    let gradient = loss.gradient(&logits, &targets);
    gradient.iter().map(|slope| slope.abs()).sum::<f64>() / 2.0
}

#[cfg(test)]
mod tests {
    use bonus_loss::{LOSSES, LossConfig};

    use super::*;

    /// Logits of two classes, for targets of these probabilities.
    fn of_two(probabilities: &[f64]) -> Predictions {
        let logits = probabilities.iter().flat_map(|p| {
            let z = (p / (1.0 - p)).ln();
            [z as f32, 0.0]
        });
        Predictions::new(logits.collect(), vec![0; probabilities.len()])
    }

    fn loss(name: &str) -> Loss {
        LossConfig::new(name).unwrap().init()
    }

    #[track_caller]
    fn assert_close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-6, "{found} ≠ {expected}");
    }

    #[test]
    fn cross_entropy_weighs_an_image_by_what_its_probability_lacks() {
        let predictions = of_two(&[0.05, 0.25, 0.25, 0.95, 0.995]);
        let sample = gradient_sample(&predictions, &loss("cross_entropy"));
        assert_eq!(sample.images, [1, 0, 2, 0, 0, 0, 0, 0, 0, 2]);
        let total = 0.95 + 2.0 * 0.75 + 0.05 + 0.005;
        let shares = sample.shares.unwrap();
        assert_close(shares[0], 0.95 / total);
        assert_close(shares[2], 1.5 / total);
        assert_close(shares[9], 0.055 / total);
        assert_close(shares.iter().sum(), 1.0);
        assert_close(sample.share_above_99.unwrap(), 0.005 / total);
        assert_close(sample.mean.unwrap(), total / 5.0);
    }

    #[test]
    fn the_full_bonus_weighs_all_images_alike() {
        let bonus = LossConfig::new("encouraging").unwrap();
        let bonus = bonus.with("log_end", 1.0).unwrap().init();
        let sample = gradient_sample(&of_two(&[0.15, 0.95, 0.995, 0.999]), &bonus);
        let mut expected = [0.0; BINS];
        (expected[1], expected[9]) = (0.25, 0.75);
        for (found, expected) in sample.shares.unwrap().iter().zip(expected) {
            assert_close(*found, expected);
        }
        assert_close(sample.share_above_99.unwrap(), 0.5);
        assert_close(sample.mean.unwrap(), 1.0);
    }

    #[test]
    fn a_loss_over_all_classes_counts_half_of_its_gradient_by_the_logits() {
        // Of two classes, the squared errors are 2 (1 − p)², whose slope is −4 (1 − p) · p (1 − p).
        let p = 0.75;
        let sample = gradient_sample(&of_two(&[p]), &loss("mean_squared_error"));
        assert_close(sample.mean.unwrap(), 4.0 * (1.0 - p) * p * (1.0 - p));
        // One sigmoid per class, of logits ln 3 and 0: 1 − 3/4 and 1/2.
        let sample = gradient_sample(&of_two(&[p]), &loss("binary_cross_entropy"));
        assert_close(sample.mean.unwrap(), 0.5 * (0.25 + 0.5));
    }

    #[test]
    fn every_loss_has_shares_that_sum_to_one_and_none_is_stopped_by_wild_logits() {
        let infinity = f32::INFINITY;
        for entry in LOSSES.iter().filter(|entry| entry.name != "sum") {
            let loss = loss(entry.name);
            let sample = gradient_sample(&of_two(&[0.1, 0.4, 0.6, 0.9]), &loss);
            assert_close(sample.shares.unwrap().iter().sum(), 1.0);
            assert_eq!(sample.images.iter().sum::<u32>(), 4);
            for logits in [[f32::NAN, 0.0], [infinity, infinity], [0.0, infinity]] {
                let logits = [[1.0, 0.0], logits].concat();
                let wild = gradient_sample(&Predictions::new(logits, vec![0; 2]), &loss);
                let sum: Option<f64> = wild.shares.map(|shares| shares.iter().sum());
                assert!(
                    sum.is_none_or(|sum| (sum - 1.0).abs() < 1e-6),
                    "{}: {wild:?}",
                    entry.name
                );
            }
        }
    }

    #[test]
    fn without_any_gradient_there_are_no_shares() {
        let certain = Predictions::new(vec![1000.0, 0.0], vec![0]);
        let sample = gradient_sample(&certain, &loss("cross_entropy"));
        assert_eq!((sample.shares, sample.share_above_99), (None, None));
        assert_eq!((sample.mean, sample.images[9]), (Some(0.0), 1));
    }
}
