//! Trials → groups of those that differ only in their seed.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};
use statistics::{interval_95, mean, standard_deviation};

use super::label::label;
use super::settings::{canonical, complete};
use crate::measure::{Metric, Unit};
use crate::records::{DataRecords, Score, TrialResult, TrialState};

/// A loss at a grid point, over its seeds. It keeps its trials, from which every number is derived.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub loss: String,
    /// All settings but the seed; the loss as an object among them.
    pub settings: Map<String, Value>,
    /// What was computed in, which the device may not have let be `settings.precision`.
    pub precision_used: Option<String>,
    pub runs: Vec<Arc<TrialResult>>,
}

/// The images that a score is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScoreOf {
    Test,
    Validation,
}

/// Statistics of a metric over the seeds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// Trials done that have a value.
    pub n: usize,
    pub mean: Option<f64>,
    /// Sample standard deviation; `None` below two values.
    pub std: Option<f64>,
    /// Low and high end of Student's t interval of the mean, that of a share clipped to [0, 1]; `None` below two
    /// values.
    pub interval_95: Option<[f64; 2]>,
    pub is_clipped: bool,
}

/// Groups of equal settings and precision, in the order of first occurrence.
pub fn group<R: Into<Arc<TrialResult>>>(results: Vec<R>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut places = HashMap::new();
    for result in results.into_iter().map(R::into) {
        let key = (canonical(&result.settings), result.precision_used.clone());
        let place = *places
            .entry(key)
            .or_insert_with_key(|(settings, precision_used)| {
                let settings = complete(settings.clone());
                groups.push(Group {
                    loss: label(settings.get("loss").unwrap_or(&Value::Null)),
                    settings,
                    precision_used: precision_used.clone(),
                    runs: Vec::new(),
                });
                groups.len() - 1
            });
        groups[place].runs.push(result);
    }
    groups
}

/// Grid point by grid point, the losses of each by name: an order that needs no sweep file.
pub fn sort(groups: &mut [Group]) {
    groups.sort_by(|a, b| {
        compare_settings(&a.settings, &b.settings)
            .then_with(|| a.precision_used.cmp(&b.precision_used))
            .then_with(|| a.loss.cmp(&b.loss))
    });
}

impl Group {
    pub fn count(&self, state: TrialState) -> usize {
        let in_state = self.runs.iter().filter(|run| run.state == state);
        in_state.count()
    }

    /// Whether its trials read the test set, which those of a tuning stage do not.
    pub fn evaluates_test(&self) -> bool {
        self.settings.get("evaluate_test") != Some(&Value::Bool(false))
    }

    /// Of the final weights of the trials that are done.
    pub fn estimate(&self, metric: &Metric, of: ScoreOf) -> Estimate {
        let scores = self.runs.iter().filter_map(|run| of.score(run));
        let values = scores.filter_map(|score| score.get(metric.name));
        let values: Vec<f64> = values.collect();
        Estimate::of(&values, metric.unit)
    }

    /// Trials done that have a score of these images.
    pub fn scored(&self, of: ScoreOf) -> usize {
        let scores = self.runs.iter().filter_map(|run| of.score(run));
        scores.count()
    }

    /// Of the least complete dataset that a trial had; `None` if old results do not tell.
    pub fn data_records(&self) -> Option<DataRecords> {
        let records = self.runs.iter().filter_map(|run| run.data_records);
        records.min_by_key(|records| records.train.found + records.test.found)
    }
}

impl ScoreOf {
    /// Of a trial that is done.
    pub fn score(self, result: &TrialResult) -> Option<&Score> {
        let score = match self {
            Self::Test => &result.test,
            Self::Validation => &result.validation,
        };
        score.as_ref().filter(|_| result.state == TrialState::Done)
    }
}

impl Estimate {
    fn of(values: &[f64], unit: Unit) -> Self {
        let interval = interval_95(values);
        // No share is outside of this range, though the distribution extends beyond.
        let bounded = interval.map(|ends| match unit {
            Unit::Share => ends.map(|end| end.clamp(0.0, 1.0)),
            Unit::Nats | Unit::Number => ends,
        });
        Self {
            n: values.len(),
            mean: mean(values),
            std: standard_deviation(values),
            interval_95: bounded,
            is_clipped: bounded != interval,
        }
    }
}

/// By the keys in alphabetical order, loss and seed left out.
pub fn compare_settings(a: &Map<String, Value>, b: &Map<String, Value>) -> Ordering {
    fn others(settings: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
        settings
            .iter()
            .filter(|(key, _)| !["loss", "seed"].contains(&key.as_str()))
    }
    let mut pairs = others(a).zip(others(b));
    pairs
        .find_map(|((key_a, value_a), (key_b, value_b))| {
            let order = key_a
                .cmp(key_b)
                .then_with(|| compare_values(value_a, value_b));
            (order != Ordering::Equal).then_some(order)
        })
        .unwrap_or_else(|| a.len().cmp(&b.len()))
}

/// Numbers by size, before everything else by its text.
fn compare_values(a: &Value, b: &Value) -> Ordering {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.to_string().cmp(&b.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::records::examples::{done, ended};

    fn settings(loss: &str, learning_rate: f64, seed: u64) -> Value {
        json!({ "loss": { "name": loss }, "learning_rate": learning_rate, "epochs": 3, "seed": seed })
    }

    fn labels(groups: &[Group]) -> Vec<String> {
        let label = |group: &Group| format!("{} {}", group.loss, group.settings["learning_rate"]);
        groups.iter().map(label).collect()
    }

    fn accuracy(group: &Group) -> Estimate {
        group.estimate(Metric::find("accuracy").unwrap(), ScoreOf::Test)
    }

    #[test]
    fn trials_that_differ_in_their_seed_alone_share_a_group() {
        let groups = group(vec![
            done("a", settings("loss_a", 0.1, 0), 0.90),
            done("b", settings("loss_a", 0.1, 1), 0.92),
            done("c", settings("loss_a", 0.2, 0), 0.80),
            done("d", settings("loss_b", 0.1, 0), 0.70),
            done("e", settings("loss_a", 0.1, 2), 0.94),
        ]);
        let counts: Vec<usize> = groups.iter().map(|group| group.runs.len()).collect();
        assert_eq!(counts, [3, 1, 1]);
        let estimate = accuracy(&groups[0]);
        assert!((estimate.mean.unwrap() - 0.92).abs() < 1e-12);
        assert!((estimate.std.unwrap() - 0.02).abs() < 1e-12);
        // 0.92 ± 4.3027 · 0.02 / √3
        let [low, high] = estimate.interval_95.unwrap();
        assert!(
            (low - 0.870_317).abs() < 1e-6 && (high - 0.969_683).abs() < 1e-6,
            "{low} {high}"
        );
        assert!(!groups[0].settings.contains_key("seed"));
        assert_eq!(groups[0].settings["loss"], json!({ "name": "loss_a" }));
        let seeds = groups[0]
            .runs
            .iter()
            .map(|run| run.settings["seed"].clone());
        assert!(seeds.eq([json!(0), json!(1), json!(2)]));
    }

    #[test]
    fn groups_come_in_the_order_in_which_they_are_first_met() {
        let groups = group(vec![
            done("a", settings("loss_b", 0.1, 0), 0.9),
            done("b", settings("loss_a", 0.2, 0), 0.9),
            done("c", settings("loss_a", 0.1, 0), 0.9),
            done("d", settings("loss_b", 0.1, 1), 0.9),
        ]);
        assert_eq!(
            labels(&groups),
            [
                r#"{"name":"loss_b"} 0.1"#,
                r#"{"name":"loss_a"} 0.2"#,
                r#"{"name":"loss_a"} 0.1"#
            ]
        );
    }

    #[test]
    fn sorted_groups_go_by_grid_point_in_numeric_order_then_by_loss() {
        let mut groups = group(vec![
            done("a", settings("loss_b", 10.0, 0), 0.9),
            done("b", settings("loss_a", 10.0, 0), 0.9),
            done("c", settings("loss_b", 9.0, 0), 0.9),
        ]);
        sort(&mut groups);
        assert_eq!(
            labels(&groups),
            [
                r#"{"name":"loss_b"} 9.0"#,
                r#"{"name":"loss_a"} 10.0"#,
                r#"{"name":"loss_b"} 10.0"#
            ]
        );
    }

    #[test]
    fn trials_without_accuracy_are_counted_and_never_averaged() {
        let groups = group(vec![
            ended("a", settings("loss_a", 0.1, 0), TrialState::Diverged),
            done("b", settings("loss_a", 0.1, 1), 0.5),
            ended("c", settings("loss_a", 0.1, 2), TrialState::Failed),
            ended("d", settings("loss_a", 0.1, 3), TrialState::Diverged),
        ]);
        let states = [TrialState::Done, TrialState::Diverged, TrialState::Failed];
        assert_eq!(states.map(|state| groups[0].count(state)), [1, 2, 1]);
        let expected = Estimate {
            n: 1,
            mean: Some(0.5),
            ..Estimate::default()
        };
        assert_eq!(accuracy(&groups[0]), expected);
    }

    #[test]
    fn a_group_of_trials_that_all_ended_early_has_no_mean() {
        let groups = group(vec![ended(
            "a",
            settings("loss_a", 0.1, 0),
            TrialState::Failed,
        )]);
        assert_eq!(accuracy(&groups[0]), Estimate::default());
    }

    #[test]
    fn the_interval_of_a_share_alone_is_clipped() {
        let values = [0.4, 0.9];
        let share = Estimate::of(&values, Unit::Share);
        assert_eq!(
            (share.interval_95, share.is_clipped),
            (Some([0.0, 1.0]), true)
        );
        let number = Estimate::of(&values, Unit::Number);
        assert_eq!(number.interval_95, interval_95(&values));
        assert!(!number.is_clipped);
        assert!(!Estimate::of(&[1.0, 1.0], Unit::Share).is_clipped);
    }

    #[test]
    fn ten_thousand_results_make_the_groups_of_their_grid() {
        let results = (0..10_000u32).map(|index| {
            let learning_rate = f64::from(index / 10);
            done(
                &index.to_string(),
                settings("loss_a", learning_rate, u64::from(index % 10)),
                0.5,
            )
        });
        let mut groups = group(results.rev().collect());
        sort(&mut groups);
        assert_eq!(groups.len(), 1000);
        let is_whole = |group: &Group| {
            let estimate = accuracy(group);
            (estimate.n, estimate.std) == (10, Some(0.0))
        };
        assert!(groups.iter().all(is_whole));
        assert!(groups.is_sorted_by_key(|group| group.settings["learning_rate"].as_f64().unwrap()));
    }
}
