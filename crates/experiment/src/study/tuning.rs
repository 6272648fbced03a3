//! The tuning stage: for each loss, the settings with the best mean on images held out from training.

use std::cmp::Ordering;

use bonus_loss::LossConfig;

use super::run::Run;
use crate::measure::{Direction, Metric};
use crate::plan::{Trial, point_text};
use crate::settings::{Kind, Setting, TrainKey, TrainSettings};
use crate::sweep::{Sweep, Tune};

/// What was tried for each loss, and what was chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Tuning {
    pub metric: &'static Metric,
    /// For each loss, in the order of its search space.
    pub candidates: Vec<Vec<Candidate>>,
    /// For each loss; `None` until every trial has ended, since a loss with fewer trials has a smaller budget.
    pub choices: Option<Vec<Choice>>,
}

/// A loss with what was tried for it.
#[derive(Clone, Copy, Debug)]
pub struct TunedLoss<'a> {
    pub loss: &'a LossConfig,
    pub candidates: &'a [Candidate],
    /// `None` until every trial of the stage has ended.
    pub choice: Option<&'a Choice>,
}

impl<'a> TunedLoss<'a> {
    /// What was chosen.
    pub fn chosen(&self) -> Option<&'a Candidate> {
        self.choice.map(|choice| &self.candidates[choice.candidate])
    }
}

/// Settings that are tried for a loss.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    pub settings: TrainSettings,
    /// Such as `learning_rate = 0.1`.
    pub point: String,
    /// One per seed of the tuning stage.
    pub runs: Vec<Run>,
}

/// The settings at which a loss is compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// Its place among the loss's candidates.
    pub candidate: usize,
    /// Those of the candidate, with the test set.
    pub settings: TrainSettings,
    /// The keys of which the smallest or the largest value tried was chosen, so that the best may lie beyond.
    pub edges: Vec<Edge>,
}

/// A key at the end of its search space.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    pub key: &'static TrainKey,
    pub value: Setting,
    pub is_largest: bool,
}

impl Tuning {
    pub(super) fn new<E>(
        sweep: &Sweep,
        tune: &Tune,
        run_of: &mut impl FnMut(Trial) -> Result<Run, E>,
    ) -> Result<Self, E> {
        let mut candidates = Vec::new();
        for (loss, space) in sweep.losses.iter().zip(&tune.spaces) {
            let mut of_loss = Vec::new();
            for settings in space {
                let trial =
                    |seed: &u64| Trial::at(settings.clone(), loss.clone(), *seed, &tune.keys);
                let runs: Result<Vec<Run>, E> =
                    tune.seeds.iter().map(|seed| run_of(trial(seed))).collect();
                of_loss.push(Candidate {
                    settings: settings.clone(),
                    point: point_text(&tune.keys, settings),
                    runs: runs?,
                });
            }
            candidates.push(of_loss);
        }
        let mut runs = candidates.iter().flatten().flat_map(|it| &it.runs);
        let is_complete = runs.all(Run::has_ended);
        let choices = is_complete.then(|| {
            let choices = candidates.iter();
            choices
                .map(|of_loss| Choice::among(of_loss, tune.metric, &tune.keys))
                .collect()
        });
        Ok(Self {
            metric: tune.metric,
            candidates,
            choices,
        })
    }

    /// Every trial, seeds outermost and losses innermost.
    pub fn runs(&self) -> Vec<&Run> {
        let longest = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or(0);
        let points = longest(&mut self.candidates.iter().map(Vec::len));
        let all = self.candidates.iter().flatten();
        let seeds = longest(&mut all.map(|candidate| candidate.runs.len()));
        let mut runs = Vec::new();
        for seed in 0..seeds {
            for point in 0..points {
                let of_losses = self.candidates.iter().filter_map(|it| it.get(point));
                runs.extend(of_losses.filter_map(|candidate| candidate.runs.get(seed)));
            }
        }
        runs
    }
}

impl Candidate {
    /// Over the seeds that did not diverge, in the unit in which tables show the metric.
    pub fn mean(&self, metric: &Metric) -> Option<f64> {
        let values = self.runs.iter().filter_map(|run| run.validation(metric));
        statistics::mean(&values.collect::<Vec<f64>>())
    }

    pub fn diverged(&self) -> usize {
        self.runs.iter().filter(|run| run.has_diverged()).count()
    }

    /// Fewer diverged seeds come first, then the better mean; the first of equals is kept.
    fn is_better_than(&self, other: &Self, metric: &Metric) -> bool {
        let order = self.diverged().cmp(&other.diverged()).then_with(|| {
            match (self.mean(metric), other.mean(metric)) {
                (Some(own), Some(others)) if metric.better == Some(Direction::Lower) => {
                    own.total_cmp(&others)
                }
                (Some(own), Some(others)) => others.total_cmp(&own),
                (own, others) => others.is_some().cmp(&own.is_some()),
            }
        });
        order == Ordering::Less
    }
}

impl Choice {
    fn among(candidates: &[Candidate], metric: &Metric, keys: &[&'static TrainKey]) -> Self {
        let mut best = 0;
        for (place, candidate) in candidates.iter().enumerate() {
            if candidate.is_better_than(&candidates[best], metric) {
                best = place;
            }
        }
        let chosen = &candidates[best].settings;
        let equals: Vec<&Candidate> = candidates
            .iter()
            .filter(|it| !candidates[best].is_better_than(it, metric))
            .collect();
        let effective = keys.iter().filter(|key| key.counts(chosen));
        let edges = effective.filter_map(|key| {
            let values = candidates.iter().map(|it| (key.get)(&it.settings));
            // Where a value inside is as good, nothing suggests that the best lies beyond.
            let mut equals = equals.iter().map(|it| (key.get)(&it.settings));
            let is_inside = equals.any(|value| edge(key, value, values.clone()).is_none());
            let edge = edge(key, (key.get)(chosen), values);
            edge.filter(|_| !is_inside)
        });
        Self {
            candidate: best,
            settings: TrainSettings {
                evaluate_test: true,
                ..chosen.clone()
            },
            edges: edges.collect(),
        }
    }
}

/// Whether a number is the smallest or the largest of several.
fn edge(
    key: &'static TrainKey,
    chosen: Setting,
    values: impl Iterator<Item = Setting>,
) -> Option<Edge> {
    let sizes: Vec<f64> = values.filter_map(|value| value.number()).collect();
    let own = chosen.number()?;
    let [has_smaller, has_larger] = [
        sizes.iter().any(|other| *other < own),
        sizes.iter().any(|other| *other > own),
    ];
    let is_edge = has_smaller != has_larger;
    (is_edge && can_go_on(&key.kind, own, has_smaller)).then_some(Edge {
        key,
        value: chosen,
        is_largest: has_smaller,
    })
}

/// Whether the key can have a larger value, or a smaller one.
fn can_go_on(kind: &Kind, value: f64, to_larger: bool) -> bool {
    match *kind {
        Kind::Whole(smallest, largest) => {
            let end = if to_larger { largest } else { smallest };
            value != end as f64
        }
        Kind::Number(interval) => {
            let step = 1e-9 * value.abs().max(1e-9);
            interval.contains(if to_larger {
                value + step
            } else {
                value - step
            })
        }
        Kind::Flag | Kind::Choice(_) => false,
    }
}
