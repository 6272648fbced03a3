//! Which test images the trials of a claim classify correctly → the noise of the test set, apart from that of the seeds.

use serde::{Deserialize, Serialize};
use statistics::{Difference, difference_of_images, standard_deviation, two_level};

use crate::measure::ACCURACY;
use crate::records::Correctness;
use crate::store::{Store, StoreError};
use crate::study::{ALPHA, Assessment, Run, Study};

/// What the test images say of a claim about accuracy. Numbers are in percentage points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestImages {
    /// How many there are.
    pub images: usize,
    /// Standard error by the choice of seeds.
    pub seed_error: f64,
    /// Standard error by the choice of test images.
    pub test_error: f64,
    /// Of the difference, for other seeds and other test images.
    pub interval: [f64; 2],
    /// For each pair of seeds, the images that only the first or only the second loss classifies correctly.
    pub pairs: Vec<[u32; 2]>,
    /// For each loss the standard deviation of its accuracy over the seeds, and what it would be if images were
    /// misclassified independently of each other (Jordan 2024, arXiv 2304.01910); `None` of one seed.
    pub between_runs: [Option<[f64; 2]>; 2],
}

/// `None` unless all trials tell it.
pub fn of_claim(
    store: &Store,
    study: &Study,
    claim: &Assessment,
) -> Result<Option<TestImages>, StoreError> {
    if claim.claim.metric.name != ACCURACY.name {
        return Ok(None);
    }
    let mut correct: [Vec<Correctness>; 2] = [Vec::new(), Vec::new()];
    let arms = claim.arms.map(|arm| &study.arms[arm].runs);
    for seed in 0..claim.looked_at() {
        let runs = arms.map(|runs| &runs[seed]);
        let has_both = !runs.iter().any(|run| run.has_diverged());
        for (run, correct) in runs.into_iter().zip(&mut correct) {
            // Of a pair of which one diverged, neither counts.
            if run.has_diverged() || (claim.claim.paired && !has_both) {
                continue;
            }
            match correctness(store, run)? {
                Some(found) => correct.push(found),
                None => return Ok(None),
            }
        }
    }
    let [a, b] = &correct;
    Ok(of_networks(a, b, claim.claim.paired))
}

fn correctness(store: &Store, run: &Run) -> Result<Option<Correctness>, StoreError> {
    match store.test_correct(&run.trial.id) {
        Err(StoreError::Damaged(_)) => Ok(None),
        found => found,
    }
}

fn of_networks(a: &[Correctness], b: &[Correctness], is_paired: bool) -> Option<TestImages> {
    let images = a.first()?.len();
    let is_whole = a.iter().chain(b).all(|network| network.len() == images);
    if !is_whole || (is_paired && a.len() != b.len()) {
        return None;
    }
    let accuracies = |networks: &[Correctness]| -> Vec<f64> {
        let right = networks.iter().map(Correctness::count);
        right
            .map(|right| 100.0 * right as f64 / images as f64)
            .collect()
    };
    let (of_a, of_b) = (accuracies(a), accuracies(b));
    let difference = if is_paired {
        Difference::paired(&of_a, &of_b)
    } else {
        Difference::welch(&of_a, &of_b)
    };
    let right = |networks: &[Correctness]| -> Vec<u32> {
        let of_image = |image| {
            networks
                .iter()
                .filter(|network| network.is_right(image))
                .count()
        };
        (0..images).map(|image| of_image(image) as u32).collect()
    };
    let of_images =
        difference_of_images(&right(a), a.len() as u32, &right(b), b.len() as u32).ok()?;
    let of_images: Vec<f64> = of_images.into_iter().map(|share| 100.0 * share).collect();
    let both = two_level(&difference.ok()?, &of_images, ALPHA).ok()?;
    // Without any spread nothing is known, and JSON has no infinity.
    let is_known = both.interval.iter().all(|end| end.is_finite());
    is_known.then(|| TestImages {
        images,
        seed_error: both.seed_error,
        test_error: both.test_error,
        interval: both.interval,
        pairs: if is_paired {
            a.iter().zip(b).map(|(a, b)| only_one(a, b)).collect()
        } else {
            Vec::new()
        },
        between_runs: [(a, &of_a), (b, &of_b)].map(|(networks, accuracies)| {
            let measured = standard_deviation(accuracies)?;
            Some([
                measured,
                std_of_independent_images(&right(networks), networks.len()),
            ])
        }),
    })
}

/// Of the accuracy in percentage points, from how many of at least two networks got each image right: the variance of an
/// image is p(1 − p), estimated without bias.
fn std_of_independent_images(right: &[u32], networks: usize) -> f64 {
    let networks = networks as f64;
    let variance = |right: &u32| {
        let p = f64::from(*right) / networks;
        p * (1.0 - p) * networks / (networks - 1.0)
    };
    let variance: f64 = right.iter().map(variance).sum();
    100.0 * variance.sqrt() / right.len() as f64
}

/// The images that only the first, and those that only the second network classifies correctly.
fn only_one(a: &Correctness, b: &Correctness) -> [u32; 2] {
    let pairs = || a.iter().zip(b.iter());
    let count = |is_counted: fn(&(bool, bool)) -> bool| pairs().filter(is_counted).count() as u32;
    [count(|(a, b)| *a && !*b), count(|(a, b)| *b && !*a)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(bits: &[&str]) -> Vec<Correctness> {
        let network = |bits: &&str| bits.chars().map(|bit| bit == '1').collect();
        bits.iter().map(network).collect()
    }

    #[test]
    fn images_gained_and_lost_are_counted_per_pair_and_both_kinds_of_noise_are_apart() {
        let (a, b) = (networks(&["1110", "1100"]), networks(&["0110", "0001"]));
        let found = of_networks(&a, &b, true).unwrap();
        assert_eq!(found.pairs, [[1, 0], [2, 1]]);
        assert_eq!(found.images, 4);
        // Every pair differs by 25 points; the images by 100, 50, 0 and −50.
        assert!(found.seed_error.abs() < 1e-9, "{found:?}");
        let expected = (12_500.0 / 3.0 / 4.0_f64).sqrt();
        assert!((found.test_error - expected).abs() < 1e-9, "{found:?}");
        assert!(found.interval[0] < 25.0 && found.interval[1] > 25.0);
        // Of the first loss one image of four differs between its two networks, of the second three.
        let [Some([sd_a, if_a]), Some([sd_b, if_b])] = found.between_runs else {
            panic!("{found:?}")
        };
        assert!((sd_a - 25.0 / 2.0_f64.sqrt()).abs() < 1e-9, "{sd_a}");
        assert!((sd_b - 25.0 / 2.0_f64.sqrt()).abs() < 1e-9, "{sd_b}");
        assert!((if_a - 25.0 * 0.5_f64.sqrt()).abs() < 1e-9, "{if_a}");
        assert!((if_b - 25.0 * 1.5_f64.sqrt()).abs() < 1e-9, "{if_b}");
        assert_eq!(of_networks(&a, &b, false).unwrap().pairs, [[0_u32; 2]; 0]);
    }

    #[test]
    fn networks_of_different_images_or_without_pairs_say_nothing() {
        let a = networks(&["1110", "1100"]);
        assert_eq!(of_networks(&a, &networks(&["01", "10"]), true), None);
        assert_eq!(of_networks(&a, &networks(&["0110"]), true), None);
        assert_eq!(of_networks(&[], &a, true), None);
    }
}
