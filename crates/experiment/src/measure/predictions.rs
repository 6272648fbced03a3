//! The predictions of a network for a set of images, in the forms that metrics use.

use std::cell::OnceCell;

use rayon::prelude::*;

use crate::records::Correctness;

/// The logits of all images with their targets; probabilities and log-odds are in double precision.
#[derive(Debug)]
pub struct Predictions {
    classes: usize,
    /// `[images, classes]`
    logits: Vec<f32>,
    targets: Vec<usize>,
    probabilities: OnceCell<Vec<f64>>,
    log_odds: OnceCell<Vec<f64>>,
}

/// The prediction for one image.
#[derive(Clone, Copy, Debug)]
pub struct Prediction<'a> {
    pub logits: &'a [f32],
    pub target: usize,
}

impl Predictions {
    /// Of logits `[images, classes]` in row-major order.
    ///
    /// # Panics
    /// If there is no image, no class, not as many logits for each image, or a target that is no class.
    pub fn new(logits: Vec<f32>, targets: Vec<usize>) -> Self {
        let classes = logits.len() / targets.len();
        assert!(
            logits.len() == classes * targets.len() && targets.iter().all(|&it| it < classes),
            "{} logits of {} images must be those of some classes that hold all targets",
            logits.len(),
            targets.len()
        );
        Self {
            classes,
            logits,
            targets,
            probabilities: OnceCell::new(),
            log_odds: OnceCell::new(),
        }
    }

    pub fn classes(&self) -> usize {
        self.classes
    }

    /// How many there are.
    pub fn images(&self) -> usize {
        self.targets.len()
    }

    /// `[images, classes]` in row-major order.
    pub fn logits(&self) -> &[f32] {
        &self.logits
    }

    /// Each image.
    pub fn iter(&self) -> impl Iterator<Item = Prediction<'_>> {
        let rows = self.logits.chunks_exact(self.classes);
        rows.zip(&self.targets)
            .map(|(logits, &target)| Prediction { logits, target })
    }

    /// Each image with its probabilities: the softmax of its logits, NaN where they have none.
    pub fn with_probabilities(&self) -> impl Iterator<Item = (Prediction<'_>, &[f64])> {
        let probabilities = self.probabilities.get_or_init(|| {
            let rows = self.logits.par_chunks_exact(self.classes);
            rows.flat_map_iter(softmax).collect()
        });
        self.iter().zip(probabilities.chunks_exact(self.classes))
    }

    /// The log-odds of each target, `z = log(p / (1 − p))`, from the smallest on; computed from the logits, so that
    /// no p near 0 or 1 is rounded. NaN where the logits have no softmax.
    pub fn log_odds_sorted(&self) -> &[f64] {
        self.log_odds.get_or_init(|| {
            let rows = self.logits.par_chunks_exact(self.classes);
            let log_odds = rows
                .zip(&self.targets)
                .map(|(row, &target)| log_odds(row, target));
            let mut log_odds: Vec<f64> = log_odds.collect();
            log_odds.par_sort_by(f64::total_cmp);
            log_odds
        })
    }

    /// Which images are classified correctly, as the accuracy counts them.
    pub fn correctness(&self) -> Correctness {
        self.iter().map(|image| image.rank() == Some(0)).collect()
    }

    /// The mean of a number of each image.
    pub fn mean(&self, values: impl Iterator<Item = f64>) -> f64 {
        values.sum::<f64>() / self.images() as f64
    }
}

impl Prediction<'_> {
    pub fn has_nan(&self) -> bool {
        self.logits.iter().any(|logit| logit.is_nan())
    }

    /// How many classes come before the target: those with a larger logit and, of equal ones, those with a smaller
    /// index; `None` if a logit is NaN.
    pub fn rank(&self) -> Option<usize> {
        let target = self.logits[self.target];
        let is_before = |&(class, &logit): &(usize, &f32)| {
            logit > target || logit == target && class < self.target
        };
        (!self.has_nan()).then(|| self.logits.iter().enumerate().filter(is_before).count())
    }
}

/// The bin, of so many equal ones from 0 to 1, that holds a probability: `(bin / bins, (bin + 1) / bins]`, and the first
/// one 0.
pub(super) fn bin(probability: f64, bins: usize) -> usize {
    let upper_edges = (1..bins).map(|edge| edge as f64 / bins as f64);
    upper_edges.take_while(|edge| probability > *edge).count()
}

fn softmax(logits: &[f32]) -> Vec<f64> {
    let max = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let exponentials = logits.iter().map(|&logit| (f64::from(logit) - max).exp());
    let mut exponentials: Vec<f64> = exponentials.collect();
    let sum: f64 = exponentials.iter().sum();
    for value in &mut exponentials {
        *value /= sum;
    }
    exponentials
}

/// `logit_t − logsumexp of the others`.
fn log_odds(logits: &[f32], target: usize) -> f64 {
    let others = logits.iter().enumerate();
    let others = others.filter(|(class, _)| *class != target);
    let others = others.map(|(_, &logit)| f64::from(logit));
    let max = others.clone().fold(f64::NEG_INFINITY, f64::max);
    let shift = if max.is_finite() { max } else { 0.0 };
    let sum: f64 = others.map(|logit| (logit - shift).exp()).sum();
    f64::from(logits[target]) - (shift + sum.ln())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_hold_their_upper_edges() {
        for bins in [10, 15] {
            assert_eq!(bin(0.0, bins), 0);
            for edge in 1..=bins {
                let upper = edge as f64 / bins as f64;
                assert_eq!(bin(upper, bins), edge - 1);
                assert_eq!(bin(upper.next_up().min(1.0), bins), edge.min(bins - 1));
            }
        }
    }

    fn rank(logits: &[f32], target: usize) -> Option<usize> {
        Prediction { logits, target }.rank()
    }

    #[test]
    fn the_rank_of_a_target_is_that_of_a_stable_order() {
        assert_eq!(rank(&[1.0, 3.0, 2.0], 1), Some(0));
        assert_eq!(rank(&[1.0, 3.0, 2.0], 0), Some(2));
        let equal = [0.5; 4];
        let ranks = (0..4).map(|target| rank(&equal, target));
        assert!(ranks.eq((0..4).map(Some)));
        assert_eq!(rank(&[f32::NEG_INFINITY, f32::INFINITY], 1), Some(0));
        assert_eq!(rank(&[f32::NAN, 1.0], 1), None);
    }

    #[test]
    fn log_odds_are_exact_where_probabilities_are_rounded() {
        // p = 1 − 2e−43, which is 1 in double precision.
        let z = log_odds(&[100.0, 0.0, 0.0], 0);
        assert!((z - (100.0 - 2_f64.ln())).abs() < 1e-12, "{z}");
        let z = log_odds(&[100.0, 0.0, 100.0], 1);
        assert!((z + 100.0 + 2_f64.ln()).abs() < 1e-12, "{z}");
    }

    #[test]
    fn infinite_logits_have_the_limits_as_far_as_there_are_any() {
        let (infinity, nan) = (f32::INFINITY, f32::NAN);
        assert_eq!(log_odds(&[-infinity, 0.0], 0), f64::NEG_INFINITY);
        assert_eq!(log_odds(&[0.0, -infinity, -infinity], 0), f64::INFINITY);
        assert_eq!(log_odds(&[0.0, infinity, 1.0], 0), f64::NEG_INFINITY);
        assert!(log_odds(&[infinity, infinity], 0).is_nan());
        assert!(log_odds(&[0.0, nan, infinity], 0).is_nan());
        assert_eq!(softmax(&[0.0, -infinity, 0.0]), [0.5, 0.0, 0.5]);
        for bad in [nan, infinity] {
            assert!(softmax(&[0.0, bad]).iter().all(|p| p.is_nan()), "{bad}");
        }
    }

    #[test]
    #[should_panic(expected = "must be those of some classes")]
    fn a_target_that_is_no_class_is_a_bug() {
        Predictions::new(vec![0.0; 4], vec![0, 2]);
    }
}
