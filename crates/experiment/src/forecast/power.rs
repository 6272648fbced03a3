//! What the seeds of a sweep can decide.

use serde::Serialize;
use statistics::{Design, Difference, PRIOR_VARIANCE, Planned, UntilDecided};

use crate::study::{ALPHA, Assessment, Study};
use crate::sweep::{Claim, Seeds};

/// The chance of finding a difference that is there.
const POWER: f64 = 0.8;
/// Pairs from which their spread is taken rather than assumed.
const SEEDS_OF_SPREAD: usize = 3;
/// Simulated sweeps; their shares are exact to about a percentage point.
const SIMULATIONS: u32 = 2000;

/// What is to be expected of a claim.
#[derive(Debug, Serialize)]
pub struct Power {
    pub better: String,
    pub than: String,
    pub metric: &'static str,
    pub margin: f64,
    pub paired: bool,
    /// Significance level for this claim: α over the number of claims, as Holm's adjustment has it for the first.
    pub alpha: f64,
    /// `null` where too few trials have ended and no standard deviation is assumed.
    #[serde(flatten)]
    pub spread: Option<Spread>,
}

/// The noise of a claim, and what follows from it.
#[derive(Debug, Serialize)]
pub struct Spread {
    /// Of the differences of pairs, or of a run, in the unit of tables.
    pub standard_deviation: f64,
    /// Whether it is assumed, since too few trials have ended.
    pub is_assumed: bool,
    #[serde(flatten)]
    pub seeds: SeedsForecast,
}

/// By the kind of seeds.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum SeedsForecast {
    Fixed {
        seeds: usize,
        /// The smallest difference found in 80 % of sweeps; `null` with one seed.
        detectable_difference: Option<f64>,
        /// Seeds that find a difference as large as the margin in 80 % of sweeps; `null` without a margin, or above
        /// 10,000.
        seeds_for_margin: Option<usize>,
    },
    UntilDecided {
        at_most: usize,
        /// If the difference is twice the margin, or one standard deviation without a margin.
        if_different: Ending,
        /// If there is none.
        if_equal: Ending,
    },
}

/// How sweeps until decided end.
#[derive(Debug, Serialize)]
pub struct Ending {
    pub difference: f64,
    /// Share that ends with a verdict.
    pub decided: f64,
    pub seeds_mean: f64,
}

pub(super) fn of_claims(study: &Study, deviation: Option<f64>) -> Vec<Power> {
    let claims = study.sweep.claims.iter().enumerate();
    claims
        .map(|(index, claim)| of_claim(study, claim, study.assessments.get(index), deviation))
        .collect()
}

fn of_claim(
    study: &Study,
    claim: &Claim,
    assessment: Option<&Assessment>,
    deviation: Option<f64>,
) -> Power {
    let measured = assessment.and_then(|assessment| measured(claim, assessment));
    let design = claim.design;
    // Two runs without correlation differ by √2 of the spread of one.
    let assumed = deviation.map(|deviation| match design {
        Design::Paired => deviation * 2_f64.sqrt(),
        Design::Unpaired => deviation,
    });
    let alpha = ALPHA / study.sweep.claims.len() as f64;
    let spread = measured.or(assumed).map(|standard_deviation| Spread {
        standard_deviation,
        is_assumed: measured.is_none(),
        seeds: match &study.sweep.seeds {
            Seeds::Fixed(seeds) => fixed(seeds.len(), design, standard_deviation, claim, alpha),
            Seeds::UntilDecided { at_most } => {
                until_decided(*at_most, design, standard_deviation, claim, alpha)
            }
        },
    });
    let [better, than] = claim
        .losses
        .map(|loss| study.sweep.losses[loss].to_string());
    Power {
        better,
        than,
        metric: claim.metric.name,
        margin: claim.margin,
        paired: claim.is_paired(),
        alpha,
        spread,
    }
}

/// The spread of the results that there are.
fn measured(claim: &Claim, assessment: &Assessment) -> Option<f64> {
    let [a, b] = assessment.with_diverged.samples();
    if a.len().min(b.len()) < SEEDS_OF_SPREAD {
        return None;
    }
    let difference = Difference::of(claim.design, &a, &b).ok()?;
    Some(difference.standard_deviation()).filter(|deviation| *deviation > 0.0)
}

fn fixed(
    seeds: usize,
    design: Design,
    standard_deviation: f64,
    claim: &Claim,
    alpha: f64,
) -> SeedsForecast {
    let planned = Planned::new(design, standard_deviation, alpha).ok();
    let detectable = planned
        .filter(|_| seeds >= 2)
        .and_then(|planned| planned.detectable_difference(seeds, POWER).ok());
    let for_margin = planned
        .filter(|_| claim.margin > 0.0)
        .and_then(|planned| planned.seeds_to_detect(claim.margin, POWER).ok().flatten());
    SeedsForecast::Fixed {
        seeds,
        detectable_difference: detectable,
        seeds_for_margin: for_margin,
    }
}

fn until_decided(
    at_most: usize,
    design: Design,
    standard_deviation: f64,
    claim: &Claim,
    alpha: f64,
) -> SeedsForecast {
    let until = UntilDecided {
        design,
        standard_deviation,
        margin: claim.margin,
        alpha,
        prior_variance: PRIOR_VARIANCE,
        at_most,
    };
    let ending = |difference: f64| {
        let outcomes = until
            .simulate(difference, SIMULATIONS, 0)
            .expect("the file's numbers are in range");
        Ending {
            difference,
            decided: outcomes.win + outcomes.loss + outcomes.equivalent,
            seeds_mean: outcomes.seeds_mean,
        }
    };
    let difference = if claim.margin > 0.0 {
        2.0 * claim.margin
    } else {
        standard_deviation
    };
    SeedsForecast::UntilDecided {
        at_most,
        if_different: ending(difference),
        if_equal: ending(0.0),
    }
}
