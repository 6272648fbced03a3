//! What the numbers say of a claim "a is better than b".

use crate::anytime::Anytime;
use crate::difference::Difference;
use crate::error::{Error, check, check_alpha, check_margin};
use crate::holm::holm;
use crate::power::Planned;

/// The power at which the seeds still needed of a comparison of fixed size are estimated.
const POWER: f64 = 0.8;

/// The answer to a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The difference is above 0.
    Win,
    /// The difference is below 0.
    Loss,
    /// The difference lies within the margin, on whichever side of 0.
    Equivalent,
    /// Too little is known; which is not to say that nothing differs.
    Inconclusive {
        /// An estimate of the seeds per arm that would decide it, beyond those there are; `None` where no estimate is
        /// possible (fewer than two seeds) or where it is above 10,000.
        seeds_still_needed: Option<usize>,
    },
}

/// What is known of one claim: from [`Difference::evidence`] of a number of seeds that was fixed in advance, or from
/// [`Anytime::evidence`], whenever one looks. The claims of one list are all of the same kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// The mean difference, of which only the sign counts.
    pub mean: f64,
    /// Against "there is no difference".
    pub p_difference: f64,
    /// Against "the difference is at least the margin, on one side or the other".
    pub p_equivalence: f64,
    /// See [`Verdict::Inconclusive`].
    pub seeds_still_needed: Option<usize>,
}

impl Evidence {
    /// Of a claim with fewer than two seeds. It is inconclusive, and counts among the claims of its list.
    pub const NONE: Self = Self {
        mean: 0.0,
        p_difference: 1.0,
        p_equivalence: 1.0,
        seeds_still_needed: None,
    };
}

/// The verdicts of all claims of a file: each of the two families of p values, of differences and of equivalences, is
/// adjusted by [`holm`], and what is at most α decides. So the probability of any false WIN or LOSS is at most α, and
/// that of any false EQUIVALENT.
///
/// A small difference can be certain and smaller than the margin at once. It is EQUIVALENT then: the margin, declared
/// in advance, says that such a difference does not matter; its interval still shows the sign.
///
/// ```
/// use statistics::{Difference, Verdict, verdicts};
/// let a = [94.3, 94.1, 94.4, 94.2, 94.3];
/// let b = [94.0, 93.9, 94.0, 94.0, 93.9];
/// let evidence = Difference::paired(&a, &b).unwrap().evidence(0.1, 0.05).unwrap();
/// assert_eq!(verdicts(&[evidence], 0.05), Ok(vec![Verdict::Win]));
/// ```
///
/// # Errors
/// An α out of range, evidence that is NaN or has p values outside [0, 1].
pub fn verdicts(evidence: &[Evidence], alpha: f64) -> Result<Vec<Verdict>, Error> {
    check_alpha(alpha)?;
    for Evidence { mean, .. } in evidence {
        check("mean", "a finite number", *mean, mean.is_finite())?;
    }
    let adjusted = |p: fn(&Evidence) -> f64| holm(&evidence.iter().map(p).collect::<Vec<f64>>());
    let differences = adjusted(|evidence| evidence.p_difference)?;
    let equivalences = adjusted(|evidence| evidence.p_equivalence)?;
    let claims = evidence.iter().zip(differences).zip(equivalences);
    let verdict = |((evidence, p_difference), p_equivalence): ((&Evidence, f64), f64)| {
        if p_equivalence <= alpha {
            Verdict::Equivalent
        } else if p_difference > alpha || evidence.mean == 0.0 {
            Verdict::Inconclusive {
                seeds_still_needed: evidence.seeds_still_needed,
            }
        } else if evidence.mean > 0.0 {
            Verdict::Win
        } else {
            Verdict::Loss
        }
    };
    Ok(claims.map(verdict).collect())
}

impl Difference {
    /// For [`verdicts`], with the seeds that another comparison of fixed size would need beyond these to be decided
    /// with a probability of 80 %, if difference and spread are what they seem to be. They are an estimate for planning
    /// anew: seeds added because of a result are for [`Anytime`].
    ///
    /// # Errors
    /// A margin below 0 or not finite, an α out of range.
    pub fn evidence(&self, margin: f64, alpha: f64) -> Result<Evidence, Error> {
        Ok(Evidence {
            mean: self.mean(),
            p_difference: self.p_two_sided(),
            p_equivalence: self.p_equivalence(margin)?,
            seeds_still_needed: self.seeds_still_needed(margin, alpha)?,
        })
    }

    fn seeds_still_needed(&self, margin: f64, alpha: f64) -> Result<Option<usize>, Error> {
        check_alpha(alpha)?;
        check_margin(margin)?;
        let [a, b] = self.seeds();
        let present = a.min(b);
        let needed = if self.standard_deviation() > 0.0 {
            let planned = Planned::new(self.design(), self.standard_deviation(), alpha)?;
            let to_detect = planned.seeds_to_detect(self.mean(), POWER)?;
            let for_equivalence = planned.seeds_for_equivalence(self.mean(), margin, POWER)?;
            [to_detect, for_equivalence].into_iter().flatten().min()
        } else {
            self.seeds_without_spread(margin, alpha)
        };
        Ok(needed.map(|needed| needed.saturating_sub(present).max(1)))
    }
}

impl Anytime {
    /// For [`verdicts`], with the seeds to go until a claim of its own is decided, if mean and spread stay as they are.
    ///
    /// ```
    /// use statistics::{Anytime, Design, PRIOR_VARIANCE, Verdict, verdicts};
    /// let anytime = Anytime::of(Design::Paired, &[94.3, 94.1, 94.4], &[94.0, 93.9, 94.0], PRIOR_VARIANCE).unwrap();
    /// let evidence = anytime.evidence(0.1, 0.05).unwrap();
    /// let open = Verdict::Inconclusive { seeds_still_needed: Some(3) };
    /// assert_eq!(verdicts(&[evidence], 0.05), Ok(vec![open]));
    /// ```
    ///
    /// # Errors
    /// A margin below 0 or not finite, an α out of range.
    pub fn evidence(&self, margin: f64, alpha: f64) -> Result<Evidence, Error> {
        check_alpha(alpha)?;
        let p_equivalence = self.p_equivalence(margin)?;
        let Some(strongest) = self.strongest() else {
            return Ok(Evidence::NONE);
        };
        Ok(Evidence {
            mean: strongest.mean(),
            p_difference: self.p(),
            p_equivalence,
            seeds_still_needed: self.seeds_still_needed(margin, alpha),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anytime::PRIOR_VARIANCE;
    use crate::seeds::Design;

    const B: [f64; 6] = [94.0, 93.9, 94.0, 94.0, 93.9, 94.1];

    fn shifted(by: f64, noise: f64) -> Vec<f64> {
        let signs = [1.0, -1.0, -1.0, 1.0, 1.0, -1.0];
        let values = B.iter().zip(signs);
        values.map(|(b, sign)| b + by + sign * noise).collect()
    }

    /// Of a claim of its own with a margin of 0.2 at 0.05: with a fixed number of pairs, and anytime.
    fn both(a: &[f64], b: &[f64]) -> [Verdict; 2] {
        let fixed = Difference::paired(a, b)
            .unwrap()
            .evidence(0.2, 0.05)
            .unwrap();
        let anytime = Anytime::of(Design::Paired, a, b, PRIOR_VARIANCE).unwrap();
        [fixed, anytime.evidence(0.2, 0.05).unwrap()]
            .map(|evidence| verdicts(&[evidence], 0.05).unwrap()[0])
    }

    fn is_inconclusive(verdict: Verdict) -> bool {
        matches!(verdict, Verdict::Inconclusive { .. })
    }

    #[test]
    fn each_verdict_has_its_numbers() {
        assert_eq!(both(&shifted(0.5, 0.05), &B), [Verdict::Win; 2]);
        assert_eq!(both(&shifted(-0.5, 0.05), &B), [Verdict::Loss; 2]);
        assert_eq!(both(&shifted(0.0, 0.05), &B), [Verdict::Equivalent; 2]);
        for verdict in both(&shifted(0.1, 0.3), &B) {
            let Verdict::Inconclusive {
                seeds_still_needed: Some(seeds),
            } = verdict
            else {
                panic!("{verdict:?}");
            };
            assert!((10..200).contains(&seeds), "{seeds}");
        }
    }

    #[test]
    fn a_certain_difference_smaller_than_the_margin_is_equivalent() {
        assert_eq!(both(&shifted(0.1, 0.01), &B), [Verdict::Equivalent; 2]);
    }

    #[test]
    fn one_seed_and_two_that_agree_by_chance_decide_nothing() {
        assert!(Difference::paired(&[95.0], &[90.0]).is_err());
        let one = Anytime::of(Design::Paired, &[95.0], &[90.0], PRIOR_VARIANCE).unwrap();
        assert_eq!(one.evidence(0.2, 0.05), Ok(Evidence::NONE));
        assert_eq!(
            verdicts(&[Evidence::NONE], 0.05),
            Ok(vec![Verdict::Inconclusive {
                seeds_still_needed: None
            }])
        );
        for (a, b) in [([95.0; 2], [90.0; 2]), ([90.0; 2], [90.0; 2])] {
            assert!(both(&a, &b).into_iter().all(is_inconclusive));
        }
    }

    #[test]
    fn seeds_that_agree_exactly_say_how_many_more_of_them_decide() {
        let needed = |n: usize, a: f64| {
            let difference = Difference::paired(&vec![a; n], &vec![90.0; n]).unwrap();
            difference.evidence(0.2, 0.05).unwrap().seeds_still_needed
        };
        // 2 / 2⁶ and, one-sided, 1 / 2⁵ are the first below 0.05.
        assert_eq!(needed(2, 95.0), Some(4));
        assert_eq!(needed(2, 90.0), Some(3));
    }

    #[test]
    fn more_claims_need_more_evidence() {
        let evidence = |p: f64| Evidence {
            mean: 1.0,
            p_difference: p,
            ..Evidence::NONE
        };
        assert_eq!(verdicts(&[evidence(0.04)], 0.05), Ok(vec![Verdict::Win]));
        let two = verdicts(&[evidence(0.04), Evidence::NONE], 0.05).unwrap();
        assert!(two.into_iter().all(is_inconclusive));
        let both = verdicts(&[evidence(0.04), evidence(0.02)], 0.05);
        assert_eq!(both, Ok(vec![Verdict::Win; 2]));
        assert_eq!(verdicts(&[], 0.05), Ok(vec![]));
    }

    #[test]
    fn the_largest_and_smallest_values_have_verdicts() {
        for [a, b] in [
            [1e100, -1e100],
            [1e100, 1e-100],
            [1e-200, 2e-200],
            [1e-320, 0.0],
        ] {
            for margin in [0.0, 1e-300, 1e100] {
                let (a, b) = ([a, b, a], [b, a, b]);
                for design in [Design::Paired, Design::Unpaired] {
                    let fixed = Difference::of(design, &a, &b).unwrap();
                    let anytime = Anytime::of(design, &a, &b, PRIOR_VARIANCE).unwrap();
                    let evidence = [
                        fixed.evidence(margin, 0.05).unwrap(),
                        anytime.evidence(margin, 0.05).unwrap(),
                    ];
                    assert!(verdicts(&evidence[..1], 0.05).is_ok());
                    assert!(verdicts(&evidence[1..], 0.05).is_ok());
                }
            }
        }
    }

    #[test]
    fn what_is_at_most_alpha_decides_if_it_has_a_side() {
        let one = |mean: f64, p_difference: f64, p_equivalence: f64| {
            let evidence = Evidence {
                mean,
                p_difference,
                p_equivalence,
                ..Evidence::NONE
            };
            verdicts(&[evidence], 0.05).unwrap()[0]
        };
        assert_eq!(one(-0.1, 0.05, 1.0), Verdict::Loss);
        assert!(is_inconclusive(one(-0.1, 0.050_1, 1.0)));
        assert_eq!(one(0.0, 1.0, 0.05), Verdict::Equivalent);
        assert!(is_inconclusive(one(0.0, 1.0, 0.050_1)));
        assert!(is_inconclusive(one(0.0, 0.0, 1.0)));
    }

    #[test]
    fn evidence_that_is_no_number_is_refused() {
        let nan = f64::NAN;
        for wrong in [
            Evidence {
                mean: nan,
                ..Evidence::NONE
            },
            Evidence {
                p_difference: nan,
                ..Evidence::NONE
            },
            Evidence {
                p_equivalence: nan,
                ..Evidence::NONE
            },
            Evidence {
                p_difference: 1.5,
                ..Evidence::NONE
            },
        ] {
            assert!(verdicts(&[wrong], 0.05).is_err());
        }
        assert!(verdicts(&[Evidence::NONE], nan).is_err());
        let difference = Difference::paired(&[1.0, 2.0], &[0.0; 2]).unwrap();
        assert!(difference.evidence(nan, 0.05).is_err());
        assert!(difference.evidence(0.1, nan).is_err());
        let anytime = Anytime::of(Design::Paired, &[], &[], PRIOR_VARIANCE).unwrap();
        assert!(anytime.evidence(nan, 0.05).is_err());
        assert!(anytime.evidence(0.1, nan).is_err());
    }
}
