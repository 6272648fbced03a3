//! The epochs of trials → their means over the seeds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use statistics::{mean, standard_deviation};

use super::RecordedTrial;
use crate::records::Split;
use crate::report::groups;
use crate::study::Study;

/// How numbers change over the epochs of a loss at settings, over its seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curves {
    /// The loss, and its settings where there are several.
    pub name: String,
    /// Trials with at least one epoch.
    pub seeds: usize,
    /// What was evaluated after each epoch.
    pub evaluated_on: Split,
    /// Some of a long training: no more than a chart can show.
    pub epochs: Vec<usize>,
    /// By the keys of a record, those of objects and the places in lists behind a point.
    pub series: BTreeMap<String, Series>,
}

/// Numbers for each epoch of some [`Curves`], to four digits; `None` if no seed has one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// The mean over the seeds; the median of log-odds, margins, energies and norms of features.
    pub center: Vec<Option<f64>>,
    /// Of the mean's seeds; `None` of fewer than two.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub std: Vec<Option<f64>>,
}

const MOST_EPOCHS: usize = 50;

/// Enough for a page; a store may hold hundreds of grid points.
const MOST_CURVES: usize = 24;

/// With the standard deviation over seeds.
const SPREAD: [&str; 6] = [
    "train_loss",
    "train_accuracy",
    "eval_accuracy",
    "cross_entropy",
    "gradient_norm",
    "gradients.share_above_99",
];

/// The median over seeds: these grow without bound, and one seed of several would decide a mean.
const MEDIAN: [&str; 7] = [
    "metrics.log_odds_q25",
    "metrics.log_odds_q50",
    "metrics.log_odds_q75",
    "metrics.margin",
    "metrics.relative_margin",
    "metrics.energy",
    "metrics.feature_norm",
];

/// Shares of the gradient by confidence, of a few epochs.
const BINS: &str = "gradients.shares.";

/// Of the arms of a study, or else of groups of trials that differ in their seeds alone; and how many of them have
/// none because there are too many.
pub fn of(trials: &[RecordedTrial], study: Option<&Study>) -> (Vec<Curves>, usize) {
    let by_id: BTreeMap<&str, &RecordedTrial> = (trials.iter())
        .map(|it| (it.trial.id.as_str(), it))
        .collect();
    let named: Vec<(String, Vec<&str>)> = match study {
        Some(study) => (0..study.arms.len())
            .map(|arm| of_arm(study, arm))
            .collect(),
        None => Vec::new(),
    };
    let ended = trials.iter().filter_map(|it| it.trial.result.clone());
    let mut groups = groups::group(ended.collect());
    groups::sort(&mut groups);
    let unnamed = groups.iter().filter(|_| study.is_none()).map(|group| {
        let ids = group.runs.iter().map(|run| run.id.as_str());
        (group.loss.clone(), ids.collect())
    });
    let all = named.into_iter().chain(unnamed);
    let with_epochs = all.filter_map(|(name, ids)| {
        let trials = ids.iter().filter_map(|id| by_id.get(id).copied());
        let trials: Vec<&RecordedTrial> = trials.filter(|it| !it.epochs.is_empty()).collect();
        (!trials.is_empty()).then_some((name, trials))
    });
    let mut shown: Vec<(String, Vec<&RecordedTrial>)> = with_epochs.collect();
    let omitted = shown.len().saturating_sub(MOST_CURVES);
    shown.truncate(MOST_CURVES);
    let curves = shown.into_iter();
    let curves = curves.filter_map(|(name, trials)| Curves::of(name, &trials));
    (curves.collect(), omitted)
}

fn of_arm(study: &Study, arm: usize) -> (String, Vec<&str>) {
    let ids = study.arms[arm].runs.iter().map(|run| run.trial.id.as_str());
    (short_name(study, arm), ids.collect())
}

/// The loss of an arm, and its settings unless it is the loss's only arm or the one at its tuned settings.
pub fn short_name(study: &Study, place: usize) -> String {
    let arm = &study.arms[place];
    let of_loss = study.arms.iter().filter(|other| other.loss == arm.loss);
    // The arms at tuned settings come first.
    let is_tuned = study.tuning.is_some() && place < study.sweep.losses.len();
    if of_loss.count() == 1 || is_tuned {
        return arm.label.clone();
    }
    // A chart has no room for more.
    let point = arm.point.replace("learning_rate = ", "lr ");
    format!("{} at {point}", arm.label)
}

impl Curves {
    /// Of trials with at least one epoch; `None` if there are none.
    fn of(name: String, trials: &[&RecordedTrial]) -> Option<Self> {
        let evaluated_on = trials.first()?.epochs.first()?.evaluated_on;
        let flat: Vec<BTreeMap<usize, Map<String, Value>>> = trials
            .iter()
            .map(|trial| {
                let epochs = trial.epochs.iter();
                epochs
                    .map(|epoch| {
                        (
                            epoch.epoch,
                            flat(&serde_json::to_value(epoch).unwrap_or_default()),
                        )
                    })
                    .collect()
            })
            .collect();
        let last = flat
            .iter()
            .filter_map(|epochs| epochs.keys().last())
            .max()?;
        let epochs = some_of(*last);
        let mut curves = Self {
            name,
            seeds: trials.len(),
            evaluated_on,
            series: BTreeMap::new(),
            epochs,
        };
        let few = few_of(&curves.epochs);
        let bins = (0..10).map(|bin| format!("{BINS}{bin}"));
        let keys = SPREAD
            .iter()
            .chain(&MEDIAN)
            .map(|key| (*key).to_owned())
            .chain(bins);
        for key in keys {
            let values = |epoch: &usize| -> Vec<f64> {
                let of_seeds = flat
                    .iter()
                    .filter_map(|epochs| epochs.get(epoch)?.get(&key)?.as_f64());
                of_seeds.collect()
            };
            let is_kept = |epoch: &usize| !key.starts_with(BINS) || few.contains(epoch);
            let numbers = |of: fn(&[f64]) -> Option<f64>| -> Vec<Option<f64>> {
                let epochs = curves.epochs.iter();
                epochs
                    .map(|epoch| {
                        of(&values(epoch))
                            .filter(|_| is_kept(epoch))
                            .map(four_digits)
                    })
                    .collect()
            };
            let is_median = MEDIAN.contains(&key.as_str());
            let center = numbers(if is_median { median } else { mean });
            if center.iter().any(Option::is_some) {
                let has_spread = SPREAD.contains(&key.as_str());
                let std = if has_spread {
                    numbers(standard_deviation)
                } else {
                    Vec::new()
                };
                curves.series.insert(key, Series { center, std });
            }
        }
        Some(curves)
    }

    /// The epochs of which shares of the gradient are kept: the first, one in the middle and the last.
    pub fn few_epochs(&self) -> Vec<usize> {
        few_of(&self.epochs)
    }
}

/// All epochs up to `last`, or as many as are drawn, evenly spaced.
fn some_of(last: usize) -> Vec<usize> {
    let count = last.min(MOST_EPOCHS);
    let mut epochs: Vec<usize> = (0..count)
        .map(|place| 1 + place * (last - 1) / (count - 1).max(1))
        .collect();
    epochs.dedup();
    epochs
}

fn few_of(epochs: &[usize]) -> Vec<usize> {
    let Some(last) = epochs.len().checked_sub(1) else {
        return Vec::new();
    };
    let mut few: Vec<usize> = [0, last / 2, last].map(|place| epochs[place]).to_vec();
    few.dedup();
    few
}

/// A record with the keys of inner objects and the places in lists behind a point.
fn flat(record: &Value) -> Map<String, Value> {
    let mut numbers = Map::new();
    let mut rest: Vec<(String, &Value)> = vec![(String::new(), record)];
    while let Some((path, value)) = rest.pop() {
        let inner = |key: &str| {
            if path.is_empty() {
                key.to_owned()
            } else {
                format!("{path}.{key}")
            }
        };
        match value {
            Value::Object(object) => {
                rest.extend(object.iter().map(|(key, value)| (inner(key), value)));
            }
            Value::Array(list) => {
                let list = list.iter().enumerate();
                rest.extend(list.map(|(place, value)| (inner(&place.to_string()), value)));
            }
            number => {
                numbers.insert(path, number.clone());
            }
        }
    }
    numbers
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = sorted[(sorted.len() - 1) / 2];
    Some(f64::midpoint(lower, upper))
}

/// As a chart shows it, so that what is drawn from a page is what was drawn from the store.
fn four_digits(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_long_training_keeps_its_first_and_last_epoch_and_few_between() {
        assert_eq!(some_of(1), [1]);
        assert_eq!(some_of(3), [1, 2, 3]);
        let some = some_of(200);
        assert_eq!((some.len(), some[0], some[49]), (50, 1, 200));
        assert!(some.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(few_of(&some_of(10)), [1, 5, 10]);
        assert_eq!(few_of(&some_of(1)), [1]);
    }

    #[test]
    fn keys_of_inner_objects_and_lists_are_behind_a_point() {
        let record = json!({ "a": 1, "b": { "c": [2.5, null] } });
        let expected = json!({ "a": 1, "b.c.0": 2.5, "b.c.1": null });
        assert_eq!(json!(flat(&record)), expected);
        assert_eq!(median(&[4.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0]), Some(2.5));
        assert_eq!(median(&[]), None);
        assert_eq!(four_digits(0.123_456), 0.1235);
        assert_eq!(four_digits(-9_876_543.0), -9_877_000.0);
    }
}
