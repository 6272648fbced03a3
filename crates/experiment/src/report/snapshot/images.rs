//! Which test images the trials of a claim classify correctly → the noise of the test set, apart from that of the seeds.

use serde::{Deserialize, Serialize};
use statistics::{Design, Difference, difference_of_images, standard_deviation, two_level};

use super::gained::{GainedImages, shown_for};
use crate::measure::ACCURACY;
use crate::records::Correctness;
use crate::store::{Store, StoreError};
use crate::study::{ALPHA, Assessment, Outcome, Run, Study};

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
    #[serde(default)]
    pub gained: GainedImages,
}

/// For each claim; `None` for those about another metric, without a verdict, and unless all trials tell it.
pub fn of_claims(store: &Store, study: &Study) -> Result<Vec<Option<TestImages>>, StoreError> {
    let is_about = |claim: &&Assessment| claim.claim.metric.name == ACCURACY.name;
    let claims = study.assessments.iter().filter(is_about).count();
    let mut place = 0;
    let of_claim = |claim: &Assessment| {
        if !is_about(&claim) {
            return Ok(None);
        }
        let shown = shown_for(place, claims);
        place += 1;
        of_claim(store, study, claim, shown)
    };
    study.assessments.iter().map(of_claim).collect()
}

fn of_claim(
    store: &Store,
    study: &Study,
    claim: &Assessment,
    shown: usize,
) -> Result<Option<TestImages>, StoreError> {
    if claim.with_diverged.outcome == Outcome::Withheld {
        return Ok(None);
    }
    let mut correct: [Vec<Correctness>; 2] = [Vec::new(), Vec::new()];
    let mut data = None;
    let arms = claim.arms.map(|arm| &study.arms[arm].runs);
    for seed in 0..claim.looked_at() {
        let runs = arms.map(|runs| &runs[seed]);
        let has_both = !runs.iter().any(|run| run.has_diverged());
        for (run, correct) in runs.into_iter().zip(&mut correct) {
            // Of a pair of which one diverged, neither counts.
            if run.has_diverged() || (claim.claim.is_paired() && !has_both) {
                continue;
            }
            match correctness(store, run)? {
                Some(found) => correct.push(found),
                None => return Ok(None),
            }
            data = run.result.as_ref().and_then(|it| it.data_hash.clone());
        }
    }
    let [Some(a), Some(b)] = correct.map(Networks::of) else {
        return Ok(None);
    };
    let losses = [&a, &b].map(|it| (it.right.as_slice(), it.correct.len()));
    // Without the hash of the data the images cannot be found again.
    let gained = data.map_or_else(GainedImages::default, |data| {
        GainedImages::of(losses, &data, shown)
    });
    Ok(of_networks(&a, &b, claim.claim.design, gained))
}

fn correctness(store: &Store, run: &Run) -> Result<Option<Correctness>, StoreError> {
    match store.test_correct(&run.trial.id) {
        Err(StoreError::Damaged(_)) => Ok(None),
        found => found,
    }
}

/// The networks of a loss.
struct Networks {
    correct: Vec<Correctness>,
    /// Of each, in percentage points.
    accuracies: Vec<f64>,
    /// How many classify each image correctly.
    right: Vec<u32>,
}

impl Networks {
    /// `None` unless there is one, and all classified the same number of images.
    fn of(correct: Vec<Correctness>) -> Option<Self> {
        let images = correct.first()?.len();
        if correct.iter().any(|network| network.len() != images) {
            return None;
        }
        let accuracy = |network: &Correctness| 100.0 * network.count() as f64 / images as f64;
        let right = |image| {
            correct
                .iter()
                .filter(|network| network.is_right(image))
                .count()
        };
        Some(Self {
            accuracies: correct.iter().map(accuracy).collect(),
            right: (0..images).map(|image| right(image) as u32).collect(),
            correct,
        })
    }

    /// See [`TestImages::between_runs`].
    fn between_runs(&self) -> Option<[f64; 2]> {
        let measured = standard_deviation(&self.accuracies)?;
        let of_independent = std_of_independent_images(&self.right, self.correct.len());
        Some([measured, of_independent])
    }
}

fn of_networks(
    a: &Networks,
    b: &Networks,
    design: Design,
    gained: GainedImages,
) -> Option<TestImages> {
    let images = a.right.len();
    let counts = [a, b].map(|it| it.correct.len() as u32);
    if b.right.len() != images {
        return None;
    }
    let difference = Difference::of(design, &a.accuracies, &b.accuracies).ok()?;
    let of_images = difference_of_images(&a.right, counts[0], &b.right, counts[1]).ok()?;
    let of_images: Vec<f64> = of_images.into_iter().map(|share| 100.0 * share).collect();
    let both = two_level(&difference, &of_images, ALPHA).ok()?;
    // Without any spread nothing is known, and JSON has no infinity.
    let is_known = both.interval.iter().all(|end| end.is_finite());
    let pairs = a.correct.iter().zip(&b.correct);
    is_known.then(|| TestImages {
        images,
        seed_error: both.seed_error,
        test_error: both.test_error,
        interval: both.interval,
        pairs: match design {
            Design::Paired => pairs.map(|(a, b)| only_one(a, b)).collect(),
            Design::Unpaired => Vec::new(),
        },
        between_runs: [a.between_runs(), b.between_runs()],
        gained,
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

    fn networks(bits: &[&str]) -> Option<Networks> {
        let network = |bits: &&str| bits.chars().map(|bit| bit == '1').collect();
        Networks::of(bits.iter().map(network).collect())
    }

    fn compared(a: &[&str], b: &[&str], design: Design) -> Option<TestImages> {
        let (a, b) = (networks(a)?, networks(b)?);
        of_networks(&a, &b, design, GainedImages::default())
    }

    #[test]
    fn images_gained_and_lost_are_counted_per_pair_and_both_kinds_of_noise_are_apart() {
        let (a, b) = (["1110", "1100"], ["0110", "0001"]);
        let found = compared(&a, &b, Design::Paired).unwrap();
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
        assert_eq!(
            compared(&a, &b, Design::Unpaired).unwrap().pairs,
            [[0_u32; 2]; 0]
        );
    }

    #[test]
    fn networks_of_different_images_or_without_pairs_say_nothing() {
        let a = ["1110", "1100"];
        assert_eq!(compared(&a, &["01", "10"], Design::Paired), None);
        assert_eq!(compared(&a, &["0110"], Design::Paired), None);
        assert_eq!(compared(&a, &["0110", "01"], Design::Paired), None);
        assert_eq!(compared(&[], &a, Design::Paired), None);
    }
}
