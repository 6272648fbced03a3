//! The difference of two means at a number of seeds that was fixed before: interval, p value, equivalence.

use crate::distributions::{t_quantile, t_upper_tail};
use crate::error::{Error, check_alpha, check_margin, check_pairs, check_values};
use crate::mean::{mean_of, variance_of};
use crate::seeds::{Design, fewest};

/// mean(a) − mean(b), what is known of its noise, and the tests that follow from it.
///
/// Student's t is exact for values (of pairs: differences) of a normal distribution. Where nothing varies there is no
/// estimate of the noise, and t would decide with certainty from two seeds; the p value is then that of the exact test
/// that needs no estimate: of sign flips for pairs, 2 / 2ⁿ, of exchanges between the arms for two samples,
/// 2 / C(n + m, n), and half of it one-sided.
///
/// ```
/// use statistics::Difference;
/// let encouraging = [94.3, 94.1, 94.4, 94.2];
/// let cross_entropy = [94.0, 93.9, 94.0, 94.0];
/// let difference = Difference::paired(&encouraging, &cross_entropy).unwrap();
/// let [low, high] = difference.interval(0.05).unwrap();
/// assert!((difference.mean() - 0.275).abs() < 1e-9);
/// assert!(low > 0.12 && high < 0.43);
/// assert!(difference.p_two_sided() < 0.02);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    design: Design,
    seeds: [usize; 2],
    mean: f64,
    standard_deviation: f64,
    standard_error: f64,
    degrees_of_freedom: f64,
}

impl Difference {
    /// [`paired`](Self::paired) or [`welch`](Self::welch), by the design.
    ///
    /// # Errors
    /// As theirs.
    pub fn of(design: Design, a: &[f64], b: &[f64]) -> Result<Self, Error> {
        match design {
            Design::Paired => Self::paired(a, b),
            Design::Unpaired => Self::welch(a, b),
        }
    }

    /// Of pairs: dᵢ = aᵢ − bᵢ, standard error s / √n, ν = n − 1 (Student, 1908). Assumes that the dᵢ are independent
    /// and normal; a and b may depend on each other in any way.
    ///
    /// # Errors
    /// Fewer than two pairs, lists of different lengths, values that are not finite.
    pub fn paired(a: &[f64], b: &[f64]) -> Result<Self, Error> {
        check_pairs(a, b, 2)?;
        let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
        let n = differences.len();
        let standard_deviation = spread(&differences, magnitude(a).max(magnitude(b)));
        Ok(Self {
            design: Design::Paired,
            seeds: [n, n],
            mean: mean_of(&differences),
            standard_deviation,
            standard_error: standard_deviation / (n as f64).sqrt(),
            degrees_of_freedom: (n - 1) as f64,
        })
    }

    /// Of two independent samples of any variances: standard error √(u + w) with u = s_a² / n and w = s_b² / m, and
    /// ν = (u + w)² / (u² / (n − 1) + w² / (m − 1)) (Welch, 1947). Assumes normal values. The distribution is an
    /// approximation, on the safe side at small n of equal sizes.
    ///
    /// # Errors
    /// Fewer than two values on a side, values that are not finite.
    pub fn welch(a: &[f64], b: &[f64]) -> Result<Self, Error> {
        check_values(a, 2)?;
        check_values(b, 2)?;
        let [n, m] = [a.len() as f64, b.len() as f64];
        let [s_a, s_b] = [spread(a, magnitude(a)), spread(b, magnitude(b))];
        let standard_error = (s_a / n.sqrt()).hypot(s_b / m.sqrt());
        // As shares of the sum, whose squares neither overflow nor vanish.
        let share = (s_a / n.sqrt() / standard_error).powi(2);
        let degrees_of_freedom =
            1.0 / (share.powi(2) / (n - 1.0) + (1.0 - share).powi(2) / (m - 1.0));
        Ok(Self {
            design: Design::Unpaired,
            seeds: [a.len(), b.len()],
            mean: mean_of(a) - mean_of(b),
            standard_deviation: s_a.hypot(s_b) / f64::sqrt(2.0),
            standard_error,
            degrees_of_freedom: if standard_error > 0.0 {
                degrees_of_freedom
            } else {
                n + m - 2.0
            },
        })
    }

    /// Whether it is of pairs.
    pub fn design(&self) -> Design {
        self.design
    }

    /// How many values either arm has.
    pub fn seeds(&self) -> [usize; 2] {
        self.seeds
    }

    /// mean(a) − mean(b).
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Of the differences of pairs; of two samples √((s_a² + s_b²) / 2), that of one run. 0 where nothing varies by
    /// more than the values' rounding.
    pub fn standard_deviation(&self) -> f64 {
        self.standard_deviation
    }

    /// Of the mean difference.
    pub fn standard_error(&self) -> f64 {
        self.standard_error
    }

    /// ν of Student's t.
    pub fn degrees_of_freedom(&self) -> f64 {
        self.degrees_of_freedom
    }

    /// mean ± t(1 − α/2, ν) · standard error: `[low, high]`, the 1 − α interval. It contains 0 exactly where
    /// [`p_two_sided`](Self::p_two_sided) is above α; so it is unbounded where nothing varies in too few seeds.
    ///
    /// # Errors
    /// An α out of range.
    pub fn interval(&self, alpha: f64) -> Result<[f64; 2], Error> {
        check_alpha(alpha)?;
        if self.standard_error == 0.0 {
            let is_rejected = 2.0 * self.smallest_p() <= alpha;
            return Ok(if is_rejected {
                [self.mean; 2]
            } else {
                [f64::NEG_INFINITY, f64::INFINITY]
            });
        }
        let half_width = -t_quantile(alpha / 2.0, self.degrees_of_freedom) * self.standard_error;
        Ok([self.mean - half_width, self.mean + half_width])
    }

    /// P(|T| ≥ |mean / standard error|) for T of Student's t with ν degrees of freedom: how often a difference at least
    /// as large would be met if there were none.
    ///
    /// ```
    /// use statistics::Difference;
    /// // t = 2 / (1 / √3) with ν = 2.
    /// let difference = Difference::paired(&[1.0, 2.0, 3.0], &[0.0; 3]).unwrap();
    /// assert!((difference.p_two_sided() - 0.074_180).abs() < 1e-6);
    /// ```
    pub fn p_two_sided(&self) -> f64 {
        if self.mean == 0.0 {
            return 1.0;
        }
        (2.0 * self.p_above(0.0).min(self.p_below(0.0))).min(1.0)
    }

    /// The larger p value of two one-sided tests, that the true difference is not below `margin` and that it is not
    /// above −`margin` (Schuirmann, 1987). At most α exactly where the 1 − 2α interval lies within ±`margin`.
    ///
    /// ```
    /// use statistics::Difference;
    /// let a = [94.0, 94.1, 93.9, 94.0, 94.1];
    /// let b = [94.1, 94.0, 93.9, 94.0, 94.0];
    /// let difference = Difference::paired(&a, &b).unwrap();
    /// assert!(difference.p_equivalence(0.2).unwrap() < 0.05);
    /// assert!(difference.p_equivalence(0.05).unwrap() > 0.05);
    /// ```
    ///
    /// # Errors
    /// A margin below 0 or not finite. With a margin of 0 nothing is equivalent.
    pub fn p_equivalence(&self, margin: f64) -> Result<f64, Error> {
        check_margin(margin)?;
        Ok(self.p_below(margin).max(self.p_above(-margin)))
    }

    /// That the true difference is `bound` or more, against less.
    fn p_below(&self, bound: f64) -> f64 {
        self.p_one_sided(bound - self.mean)
    }

    /// That the true difference is `bound` or less, against more.
    fn p_above(&self, bound: f64) -> f64 {
        self.p_one_sided(self.mean - bound)
    }

    fn p_one_sided(&self, distance: f64) -> f64 {
        if self.standard_error > 0.0 {
            t_upper_tail(distance / self.standard_error, self.degrees_of_freedom)
        } else if distance > 0.0 {
            self.smallest_p()
        } else {
            1.0
        }
    }

    fn smallest_p(&self) -> f64 {
        let [a, b] = self.seeds;
        smallest_p(self.design, a, b)
    }

    /// Where nothing varies, the seeds per arm at which the exact test can decide; `None` where nothing is to be decided.
    pub(crate) fn seeds_without_spread(&self, margin: f64, alpha: f64) -> Option<usize> {
        let sides = match self.mean.abs() {
            difference if difference < margin => 1.0,
            0.0 => return None,
            _ => 2.0,
        };
        fewest(2, 10_000, |seeds| {
            sides * smallest_p(self.design, seeds, seeds) <= alpha
        })
    }
}

/// One-sided, of the exact test: one arrangement of all.
fn smallest_p(design: Design, a: usize, b: usize) -> f64 {
    match design {
        Design::Paired => 0.5_f64.powi(a as i32),
        Design::Unpaired => (1..=b).map(|i| i as f64 / (a + i) as f64).product(),
    }
}

/// Pearson's r of the pairs, Σ(aᵢ − ā)(bᵢ − b̄) / √(Σ(aᵢ − ā)² Σ(bᵢ − b̄)²): what pairing gains, since the variance of a
/// difference is σ_a² + σ_b² − 2 r σ_a σ_b. `None` where a side does not vary. Of two pairs it is always ±1.
///
/// ```
/// use statistics::correlation;
/// let r = correlation(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]).unwrap().unwrap();
/// assert!((r - -1.0).abs() < 1e-12);
/// assert_eq!(correlation(&[1.0, 2.0, 3.0], &[5.0, 5.0, 5.0]), Ok(None));
/// ```
///
/// # Errors
/// Fewer than two pairs, lists of different lengths, values that are not finite.
pub fn correlation(a: &[f64], b: &[f64]) -> Result<Option<f64>, Error> {
    check_pairs(a, b, 2)?;
    let scaled = |values: &[f64]| {
        let (mean, spread) = (mean_of(values), spread(values, magnitude(values)));
        let n = (values.len() - 1) as f64;
        let scale = spread * n.sqrt();
        (spread > 0.0).then(|| {
            values
                .iter()
                .map(move |value| (value - mean) / scale)
                .collect()
        })
    };
    let (Some(a), Some(b)): (Option<Vec<f64>>, Option<Vec<f64>>) = (scaled(a), scaled(b)) else {
        return Ok(None);
    };
    let products = a.iter().zip(&b).map(|(a, b)| a * b);
    Ok(Some(products.sum::<f64>().clamp(-1.0, 1.0)))
}

/// The sample standard deviation, where it is above the rounding of numbers of this magnitude.
fn spread(values: &[f64], magnitude: f64) -> f64 {
    let standard_deviation = variance_of(values).sqrt();
    if standard_deviation > 1e-12 * magnitude {
        standard_deviation
    } else {
        0.0
    }
}

fn magnitude(values: &[f64]) -> f64 {
    values
        .iter()
        .fold(0.0, |largest, value| value.abs().max(largest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assert_close;

    #[test]
    fn pairs_give_the_t_test_of_their_differences() {
        // d = 1, 2, 3: mean 2, s = 1, standard error 1 / √3; t(0.975, 2) = 4.302653.
        let difference = Difference::paired(&[2.0, 4.0, 6.0], &[1.0, 2.0, 3.0]).unwrap();
        assert_close(difference.mean(), 2.0, 1e-15);
        assert_close(difference.standard_deviation(), 1.0, 1e-15);
        let [low, high] = difference.interval(0.05).unwrap();
        assert_close(low, 2.0 - 4.302_653 / f64::sqrt(3.0), 1e-6);
        assert_close(high, 2.0 + 4.302_653 / f64::sqrt(3.0), 1e-6);
        // P(|T| > t) = 1 − t / √(2 + t²) at ν = 2.
        let t = f64::sqrt(12.0);
        assert_close(difference.p_two_sided(), 1.0 - t / f64::sqrt(14.0), 1e-12);
    }

    #[test]
    fn welch_has_the_degrees_of_freedom_of_the_noisier_side() {
        let noisy = [1.0, 2.0, 3.0];
        let difference = Difference::welch(&noisy, &[5.0; 4]).unwrap();
        assert_close(difference.degrees_of_freedom(), 2.0, 1e-12);
        assert_close(difference.standard_error(), f64::sqrt(1.0 / 3.0), 1e-12);
        let equal = Difference::welch(&noisy, &noisy).unwrap();
        assert_close(equal.degrees_of_freedom(), 4.0, 1e-12);
        assert_close(equal.standard_deviation(), 1.0, 1e-12);
        assert_eq!(equal.p_two_sided(), 1.0);
    }

    #[test]
    fn equivalence_at_alpha_is_the_interval_of_two_alpha_within_the_margin() {
        let a = [94.0, 94.3, 93.9, 94.2, 94.1];
        let b = [94.1, 94.0, 93.9, 94.1, 94.2];
        for difference in [Difference::paired(&a, &b), Difference::welch(&a, &b)] {
            let difference = difference.unwrap();
            let [low, high] = difference.interval(0.1).unwrap();
            let margin = high.max(-low);
            assert!(difference.p_equivalence(margin * 1.000_001).unwrap() < 0.05);
            assert!(difference.p_equivalence(margin * 0.999_999).unwrap() > 0.05);
            assert!(difference.p_equivalence(0.0).unwrap() >= 0.5);
        }
    }

    #[test]
    fn swapping_the_arms_changes_the_sign_alone() {
        let (a, b) = ([94.0, 94.3, 93.9], [93.8, 94.0, 94.1]);
        for test in [Difference::paired, Difference::welch] {
            let [one, other] = [test(&a, &b).unwrap(), test(&b, &a).unwrap()];
            assert_eq!(one.mean(), -other.mean());
            assert_close(one.p_two_sided(), other.p_two_sided(), 1e-12);
            let [p, swapped] = [one, other].map(|test| test.p_equivalence(0.3).unwrap());
            assert_close(p, swapped, 1e-12);
        }
    }

    #[test]
    fn differences_that_do_not_vary_decide_nothing_in_too_few_seeds() {
        let p = |n: usize, b: f64| {
            let difference = Difference::paired(&vec![0.91; n], &vec![b; n]).unwrap();
            (difference.p_two_sided(), difference.interval(0.05).unwrap())
        };
        let unbounded = [f64::NEG_INFINITY, f64::INFINITY];
        assert_eq!(p(2, 0.90), (0.5, unbounded));
        assert_eq!(p(5, 0.90), (0.0625, unbounded));
        assert_eq!(p(6, 0.90), (0.031_25, [0.91 - 0.90; 2]));
        assert_eq!(p(6, 0.91), (1.0, [0.0; 2]));
        let same = Difference::paired(&[0.9; 4], &[0.9; 4]).unwrap();
        assert_eq!(same.p_equivalence(0.01), Ok(0.0625));
        assert_eq!(same.p_equivalence(0.0), Ok(1.0));
        // The differences differ by the rounding of their operands.
        let rounded = Difference::paired(&[94.31, 90.13], &[94.21, 90.03]).unwrap();
        assert_eq!(rounded.p_two_sided(), 0.5);
        let constant = Difference::welch(&[0.91; 3], &[0.90; 3]).unwrap();
        assert_close(constant.p_two_sided(), 0.1, 1e-15);
    }

    #[test]
    fn what_cannot_be_tested_is_refused() {
        let too_few = |found| Err(Error::TooFew { expected: 2, found });
        assert_eq!(Difference::paired(&[], &[]), too_few(0));
        assert_eq!(Difference::paired(&[1.0], &[2.0]), too_few(1));
        assert_eq!(Difference::welch(&[1.0, 2.0], &[2.0]), too_few(1));
        let unpaired = Difference::paired(&[1.0, 2.0], &[1.0]);
        assert_eq!(unpaired, Err(Error::Unpaired { a: 2, b: 1 }));
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let values = [1.0, value];
            assert!(Difference::paired(&values, &[1.0, 2.0]).is_err());
            assert!(Difference::welch(&[1.0, 2.0], &values).is_err());
            assert!(correlation(&values, &[1.0, 2.0]).is_err());
            let difference = Difference::paired(&[1.0, 2.0], &[1.0, 1.0]).unwrap();
            assert!(difference.interval(value).is_err());
            assert!(difference.p_equivalence(value).is_err());
        }
    }

    #[test]
    fn huge_and_tiny_values_neither_overflow_nor_panic() {
        for scale in [1e-200, 1e-150, 1e-100, 1e100] {
            let a = [scale, 0.5 * scale, 0.25 * scale];
            for difference in [
                Difference::paired(&a, &[0.0; 3]),
                Difference::welch(&a, &[0.0; 3]),
            ] {
                let difference = difference.unwrap();
                assert!((0.0..=1.0).contains(&difference.p_two_sided()));
                assert!(difference.degrees_of_freedom() >= 2.0);
            }
        }
    }
}
