//! The arms' results → what they say of each claim.

use statistics::{Anytime, Difference, Evidence, PRIOR_VARIANCE, Verdict, verdicts};

use super::arms::Arm;
use super::run::Run;
use crate::measure::{Direction, Metric};
use crate::sweep::{Claim, Seeds, Sweep};

/// The probability of any false WIN or LOSS among the claims of a file, and of any false EQUIVALENT.
pub const ALPHA: f64 = 0.05;

/// What the results so far say of a claim.
#[derive(Clone, Debug, PartialEq)]
pub struct Assessment {
    pub claim: Claim,
    /// The places of the arms that it compares.
    pub arms: [usize; 2],
    /// Seeds of each that have ended, without a gap from the first.
    pub seeds: [usize; 2],
    /// With diverged trials counted as chance, where the metric has such a value. This is what decides.
    pub with_diverged: Comparison,
    /// With the pairs or trials left out of which one diverged.
    pub without_diverged: Comparison,
    /// The largest number of seeds of a sweep until decided.
    at_most: Option<usize>,
}

/// The values of an arm, each with its seed.
pub type Sample = Vec<(u64, f64)>;

/// The numbers of two arms, and the verdict on "the first is better".
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// For each of the two arms, seeds and values in the unit in which tables show the metric; the same seeds for pairs.
    pub values: [Sample; 2],
    pub numbers: Option<Numbers>,
    pub outcome: Outcome,
}

/// The difference that was found, first arm minus second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Numbers {
    pub mean: f64,
    /// Of 1 − α for this claim alone; unbounded where too little is known.
    pub interval: [f64; 2],
    /// Against "there is no difference", not adjusted for other claims.
    pub p: f64,
}

/// The answer to a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Trials are missing, and a verdict of the others would depend on which.
    Withheld,
    Given(Verdict),
}

impl Assessment {
    /// Whether more seeds may decide it in a sweep until decided.
    pub fn is_open(&self) -> bool {
        let is_undecided = !matches!(
            self.with_diverged.outcome,
            Outcome::Given(Verdict::Win | Verdict::Loss | Verdict::Equivalent)
        );
        is_undecided && self.at_most.is_some_and(|most| self.looked_at() < most)
    }

    /// Seeds that both arms have.
    pub fn looked_at(&self) -> usize {
        self.seeds[0].min(self.seeds[1])
    }
}

impl Comparison {
    pub fn verdict(&self) -> Option<Verdict> {
        match self.outcome {
            Outcome::Withheld => None,
            Outcome::Given(verdict) => Some(verdict),
        }
    }

    /// The values of each arm, without their seeds.
    pub fn samples(&self) -> [Vec<f64>; 2] {
        [0, 1].map(|arm| self.values[arm].iter().map(|(_, value)| *value).collect())
    }
}

/// Whether trials that diverged count as chance.
#[derive(Clone, Copy)]
enum Diverged {
    AsChance,
    LeftOut,
}

/// What is known of each claim, of which `places` are the two arms.
pub(super) fn assess(sweep: &Sweep, arms: &[Arm], places: &[[usize; 2]]) -> Vec<Assessment> {
    let [with, without] = [Diverged::AsChance, Diverged::LeftOut]
        .map(|diverged| compare_all(sweep, arms, places, diverged));
    let at_most = match sweep.seeds {
        Seeds::Fixed(_) => None,
        Seeds::UntilDecided { at_most } => Some(at_most),
    };
    let claims = sweep.claims.iter().zip(places);
    let compared = claims.zip(with.into_iter().zip(without));
    compared
        .map(
            |((claim, places), (with_diverged, without_diverged))| Assessment {
                claim: claim.clone(),
                arms: *places,
                seeds: places.map(|place| arms[place].ended()),
                with_diverged,
                without_diverged,
                at_most,
            },
        )
        .collect()
}

/// All claims together, since the more there are the more evidence each needs.
fn compare_all(
    sweep: &Sweep,
    arms: &[Arm],
    places: &[[usize; 2]],
    diverged: Diverged,
) -> Vec<Comparison> {
    let mut runs = arms.iter().flat_map(|arm| &arm.runs);
    let is_withheld = !sweep.seeds.are_until_decided() && !runs.all(Run::has_ended);
    let claims = sweep.claims.iter().zip(places);
    let found: Vec<([Sample; 2], Found)> = claims
        .map(|(claim, places)| {
            let values = values_of(claim, places.map(|place| &arms[place]), diverged);
            let found = Found::of(sweep, claim, &values);
            (values, found)
        })
        .collect();
    let evidence: Vec<Evidence> = found.iter().map(|(_, found)| found.evidence).collect();
    let verdicts = verdicts(&evidence, ALPHA).expect("finite values have evidence");
    let compared = found.into_iter().zip(verdicts);
    compared
        .map(|((values, found), verdict)| Comparison {
            values,
            numbers: found.numbers.filter(|_| !is_withheld),
            outcome: if is_withheld {
                Outcome::Withheld
            } else {
                Outcome::Given(verdict)
            },
        })
        .collect()
}

/// The values of two arms; of pairs, the seeds that both have.
fn values_of(claim: &Claim, arms: [&Arm; 2], diverged: Diverged) -> [Sample; 2] {
    // An arm that another claim shares may be ahead: what counts is the seeds that both have.
    let seeds = arms[0].ended().min(arms[1].ended());
    let [a, b] = arms.map(|arm| {
        let ended = arm.runs.iter().take(seeds);
        let values = ended.map(|run| {
            let chance = match diverged {
                Diverged::AsChance => chance(claim.metric, run),
                Diverged::LeftOut => None,
            };
            (run.trial.seed, run.test(claim.metric).or(chance))
        });
        values.collect::<Vec<_>>()
    });
    let known = |(seed, value): (u64, Option<f64>)| Some((seed, value?));
    if !claim.is_paired() {
        return [a, b].map(|arm| arm.into_iter().filter_map(known).collect());
    }
    let pairs = a.into_iter().zip(b);
    let pairs = pairs.filter_map(|(a, b)| Some((known(a)?, known(b)?)));
    let (a, b) = pairs.unzip();
    [a, b]
}

/// The value of a metric for a network that guesses, in the unit in which tables show it.
fn chance(metric: &Metric, run: &Run) -> Option<f64> {
    let value = metric.chance?(run.trial.train.dataset.classes());
    (run.has_diverged() && value.is_finite()).then(|| metric.in_unit_shown(value))
}

/// Evidence for the first arm being better, and the numbers as they are shown.
struct Found {
    evidence: Evidence,
    numbers: Option<Numbers>,
}

impl Found {
    fn of(sweep: &Sweep, claim: &Claim, values: &[Sample; 2]) -> Self {
        let [a, b] = [0, 1].map(|arm| values[arm].iter().map(|it| it.1).collect::<Vec<f64>>());
        // The first of several claims must pass this, by Holm's adjustment.
        let alpha = ALPHA / sweep.claims.len() as f64;
        let found = if sweep.seeds.are_until_decided() {
            Self::until_decided(claim, &a, &b, alpha)
        } else {
            Self::of_fixed(claim, &a, &b, alpha)
        };
        let Some(mut found) = found else {
            return Self {
                evidence: Evidence::NONE,
                numbers: None,
            };
        };
        if claim.metric.better == Some(Direction::Lower) {
            found.evidence.mean = -found.evidence.mean;
        }
        found
    }

    /// `None` with too few seeds.
    fn of_fixed(claim: &Claim, a: &[f64], b: &[f64], alpha: f64) -> Option<Self> {
        let difference = Difference::of(claim.design, a, b).ok()?;
        Some(Self {
            evidence: difference.evidence(claim.margin, alpha).ok()?,
            numbers: Some(Numbers {
                mean: difference.mean(),
                interval: difference.interval(ALPHA).ok()?,
                p: difference.p_two_sided(),
            }),
        })
    }

    fn until_decided(claim: &Claim, a: &[f64], b: &[f64], alpha: f64) -> Option<Self> {
        let anytime = Anytime::of(claim.design, a, b, PRIOR_VARIANCE).ok()?;
        let last = anytime.looks().last()?;
        Some(Self {
            evidence: anytime.evidence(claim.margin, alpha).ok()?,
            numbers: Some(Numbers {
                mean: last.mean(),
                interval: anytime.interval(ALPHA).ok()?,
                p: anytime.p(),
            }),
        })
    }
}
