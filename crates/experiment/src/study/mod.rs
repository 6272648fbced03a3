//! A sweep and its results so far → the tuned settings, the arms that are compared, the verdicts on its claims, and the
//! trials that come next. It trains nothing and reads no file.

mod arms;
mod assessment;
mod declaration;
mod run;
#[cfg(test)]
mod tests;
mod tuning;
mod warnings;

use std::collections::HashSet;
use std::sync::Arc;

pub use self::arms::Arm;
pub use self::assessment::{ALPHA, Assessment, Comparison, Numbers, Outcome};
pub use self::declaration::digest;
pub use self::run::Run;
pub use self::tuning::{Candidate, TunedLoss, Tuning};
pub use self::warnings::warnings;
use crate::plan::Trial;
use crate::records::TrialResult;
use crate::settings::TrainSettings;
use crate::sweep::{At, Sweep};

/// A sweep with the results that there are.
#[derive(Clone, Debug, PartialEq)]
pub struct Study {
    pub sweep: Sweep,
    /// `None` without a tuning stage.
    pub tuning: Option<Tuning>,
    /// Losses at settings, each with its trials; empty until every trial of the tuning stage has ended.
    pub arms: Vec<Arm>,
    /// One per claim of the sweep; empty as long as there are no arms.
    pub assessments: Vec<Assessment>,
}

/// What is being trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Tuning,
    Comparison,
}

impl Study {
    /// The state of `sweep` with the results that `result_of` finds for the ids of its trials.
    ///
    /// # Errors
    /// Those of `result_of`.
    pub fn new<E>(
        sweep: &Sweep,
        mut result_of: impl FnMut(&str) -> Result<Option<Arc<TrialResult>>, E>,
    ) -> Result<Self, E> {
        let mut run_of = |trial: Trial| {
            let result = result_of(&trial.id)?;
            Ok(Run { trial, result })
        };
        let tuning = match &sweep.tune {
            Some(tune) => Some(Tuning::new(sweep, tune, &mut run_of)?),
            None => None,
        };
        let (arms, places) = arms::arms(sweep, tuning.as_ref(), &mut run_of)?;
        let assessments = assessment::assess(sweep, &arms, &places);
        Ok(Self {
            sweep: sweep.clone(),
            tuning,
            arms,
            assessments,
        })
    }

    pub fn stage(&self) -> Stage {
        if self.arms.is_empty() {
            Stage::Tuning
        } else {
            Stage::Comparison
        }
    }

    /// The trials to train next, in their order: those of the tuning stage, then those of the comparison; with seeds until
    /// decided, the next seed of every loss with an open claim. Empty once nothing is left to do.
    pub fn due(&self) -> Vec<&Run> {
        let mut runs = self.runs_in_order();
        if self.stage() == Stage::Comparison && self.is_until_decided() {
            let wanted: Vec<usize> = (0..self.arms.len()).map(|arm| self.wanted(arm)).collect();
            let due = self.arms.iter().zip(wanted).filter_map(|(arm, wanted)| {
                let ended = arm.ended();
                arm.runs.get(ended).filter(|_| ended < wanted)
            });
            runs = due.collect();
        }
        runs.retain(|run| !run.has_ended());
        runs
    }

    /// Whether which trials there are depends on no result.
    pub fn has_fixed_trials(&self) -> bool {
        self.tuning.is_none() && !self.is_until_decided()
    }

    /// Whether it depends on results still to come which trials follow.
    pub fn can_grow(&self) -> bool {
        self.stage() == Stage::Tuning || (self.is_until_decided() && self.open_claims() > 0)
    }

    /// Every trial known so far, those to train next included: of the tuning stage, then of the comparison, seeds
    /// outermost.
    pub fn runs(&self) -> Vec<&Run> {
        let due: HashSet<&str> = self.due().iter().map(|run| run.trial.id.as_str()).collect();
        let mut compared = self.compared_runs();
        if self.is_until_decided() {
            // Of the arms that are decided the next seed will not be trained.
            compared.retain(|run| run.result.is_some() || due.contains(run.trial.id.as_str()));
        }
        let tuning = self.tuning.iter().flat_map(Tuning::runs);
        tuning.chain(compared).collect()
    }

    /// Trials of the comparison; with seeds until decided or before the tuning stage is complete, the most that there can
    /// be.
    pub fn compared_at_most(&self) -> usize {
        if self.arms.is_empty() {
            return self.expected_arms().iter().sum();
        }
        (0..self.arms.len())
            .map(|arm| self.seeds_at_most(arm))
            .sum()
    }

    /// The settings of the trials without a result, each with the number of them; with seeds until decided or before the
    /// tuning stage is complete, the most that there can be.
    pub fn left(&self) -> Vec<(TrainSettings, usize)> {
        let left = |runs: &[Run]| runs.iter().filter(|run| run.result.is_none()).count();
        let candidates = (self.tuning.iter()).flat_map(|it| it.candidates.iter().flatten());
        let tuning = candidates.map(|it| (it.settings.clone(), left(&it.runs)));
        let arms = self.arms.iter().enumerate().map(|(place, arm)| {
            let ended = arm.runs.iter().filter(|run| run.result.is_some()).count();
            let left = self.seeds_at_most(place).saturating_sub(ended);
            (arm.settings.clone(), left)
        });
        let mut all: Vec<(TrainSettings, usize)> = tuning.chain(arms).collect();
        if self.arms.is_empty()
            && let Some((settings, _)) = all.first()
        {
            // Whichever are chosen: what is tuned rarely changes the time of a trial.
            let settings = TrainSettings {
                evaluate_test: true,
                ..settings.clone()
            };
            all.push((settings, self.compared_at_most()));
        }
        all
    }

    /// The most seeds that an arm can still get, those that it has included.
    fn seeds_at_most(&self, arm: usize) -> usize {
        let seeds = &self.sweep.seeds;
        let mut claims = self.claims_about(arm).peekable();
        if claims.peek().is_none() {
            seeds.without_claim()
        } else if !self.is_until_decided() || claims.any(Assessment::is_open) {
            seeds.at_most()
        } else {
            self.arms[arm].ended()
        }
    }

    fn claims_about(&self, arm: usize) -> impl Iterator<Item = &Assessment> {
        let claims = self.assessments.iter();
        claims.filter(move |it| it.arms.contains(&arm))
    }

    /// Before the tuning stage is complete: the most seeds of each arm that there can be.
    fn expected_arms(&self) -> Vec<usize> {
        let at_most = self.sweep.seeds.at_most();
        let mut of_losses = vec![self.sweep.seeds.without_claim(); self.sweep.losses.len()];
        let mut others: Vec<(usize, &At)> = Vec::new();
        for claim in &self.sweep.claims {
            for loss in claim.losses {
                if matches!(claim.at, At::Tuned) || claim.at == At::TunedFor(loss) {
                    of_losses[loss] = at_most;
                } else if !others.contains(&(loss, &claim.at)) {
                    others.push((loss, &claim.at));
                }
            }
        }
        of_losses.extend(others.iter().map(|_| at_most));
        of_losses
    }

    /// What was tried for each loss, in their order; empty without a tuning stage.
    pub fn tuned(&self) -> impl Iterator<Item = TunedLoss<'_>> {
        let losses = self.sweep.losses.iter().enumerate();
        self.tuning.iter().flat_map(move |tuning| {
            let losses = losses.clone();
            losses.map(|(place, loss)| TunedLoss {
                loss,
                candidates: &tuning.candidates[place],
                choice: tuning.choices.as_ref().map(|choices| &choices[place]),
            })
        })
    }

    /// Whether seeds are added until every claim is decided.
    pub fn is_until_decided(&self) -> bool {
        self.sweep.seeds.are_until_decided()
    }

    /// The claims that more seeds may decide.
    pub fn open_claims(&self) -> usize {
        let open = self.assessments.iter();
        open.filter(|assessment| assessment.is_open()).count()
    }

    fn runs_in_order(&self) -> Vec<&Run> {
        match (self.stage(), &self.tuning) {
            (Stage::Tuning, Some(tuning)) => tuning.runs(),
            _ => self.compared_runs(),
        }
    }

    /// Seeds outermost.
    fn compared_runs(&self) -> Vec<&Run> {
        let most = self.arms.iter().map(|arm| arm.runs.len()).max();
        let of_seed = |seed: usize| self.arms.iter().filter_map(move |arm| arm.runs.get(seed));
        (0..most.unwrap_or(0)).flat_map(of_seed).collect()
    }

    /// How many seeds an arm should have before the claims are looked at again.
    fn wanted(&self, arm: usize) -> usize {
        let seeds = &self.sweep.seeds;
        if self.claims_about(arm).next().is_none() {
            return seeds.without_claim();
        }
        let open = self.claims_about(arm).filter(|it| it.is_open());
        let next = open.map(|it| (it.looked_at() + 1).min(seeds.at_most()));
        next.max().unwrap_or(0)
    }
}
