//! Sweeps with made-up results: what is chosen, compared, decided and trained next.

mod declaration;

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::Path;

use serde_json::json;
use statistics::Verdict;

use super::*;
use crate::records::TrialState;
use crate::records::examples::{done, ended, score};
use crate::sweep;

/// The accuracy that a trial ends with on validation and test images; `None` if it diverges.
type Accuracy = fn(&Trial) -> Option<f64>;

/// A sweep whose trials have ended as far as they were asked to.
struct Simulated {
    sweep: Sweep,
    accuracy: Accuracy,
    results: HashMap<String, TrialResult>,
}

impl Simulated {
    fn new(text: &str, accuracy: Accuracy) -> Self {
        let sweep = sweep::parse(text, Path::new("x.toml"));
        Self {
            sweep: sweep.unwrap_or_else(|diagnostics| panic!("{diagnostics}")),
            accuracy,
            results: HashMap::new(),
        }
    }

    fn study(&self) -> Study {
        let result = |id: &str| Ok::<_, Infallible>(self.results.get(id).cloned().map(Arc::new));
        let Ok(study) = Study::new(&self.sweep, result);
        study
    }

    /// Trains what is due, and returns its labels.
    fn train(&mut self) -> Vec<String> {
        let study = self.study();
        let due: Vec<Trial> = study.due().iter().map(|run| run.trial.clone()).collect();
        for trial in &due {
            let settings = json!(trial.settings_json());
            let result = match (self.accuracy)(trial) {
                None => ended(&trial.id, settings, TrialState::Diverged),
                Some(accuracy) => {
                    let mut result = done(&trial.id, settings, accuracy);
                    if !trial.train.evaluate_test {
                        result.validation = result.test.take();
                    }
                    result
                }
            };
            self.results.insert(trial.id.clone(), result);
        }
        due.iter().map(Trial::label).collect()
    }

    /// Until nothing is due; the number of rounds.
    fn train_all(&mut self) -> usize {
        (1..100).find(|_| self.train().is_empty()).expect("it ends")
    }

    fn verdicts(&self) -> Vec<Option<Verdict>> {
        let study = self.study();
        let assessments = study.assessments.iter();
        assessments.map(|it| it.with_diverged.verdict()).collect()
    }
}

/// Two losses tuned over three learning rates, and two claims.
const TUNED: &str = r#"
name = "x"
losses = [{ name = "cross_entropy" }, { name = "focal" }]
seeds = [1, 2, 3, 4, 5, 6]
[train]
dataset = "shapes"
subset = 100
validation = 50
[tune]
seeds = [11, 12]
[tune.grid]
learning_rate = [0.1, 0.03, 0.01]
[[claim]]
better = "focal"
than = "cross_entropy"
margin = 0.5
[[claim]]
better = "focal"
than = "cross_entropy"
margin = 0.5
at = { tuned_for = "cross_entropy" }
"#;

/// Cross-entropy is best at 0.03, focal at 0.01 and worse at higher rates.
fn tuned_accuracy(trial: &Trial) -> Option<f64> {
    let noise = [0.001, -0.002, 0.0015, 0.0005, -0.001, 0.0][trial.seed as usize % 6];
    let of_seed = 0.01 * (trial.seed % 5) as f64;
    let rate = trial.train.learning_rate;
    let accuracy = match trial.loss.name() {
        "cross_entropy" if rate == 0.03 => 0.8,
        "cross_entropy" => 0.7,
        _ if rate == 0.01 => 0.85,
        _ if rate == 0.1 => return None,
        _ => 0.6,
    };
    Some(
        accuracy
            + of_seed
            + if trial.loss.name() == "focal" {
                noise
            } else {
                0.0
            },
    )
}

#[test]
fn the_best_settings_of_each_loss_are_compared_on_fresh_seeds() {
    let mut simulated = Simulated::new(TUNED, tuned_accuracy);
    let tuning = simulated.train();
    assert_eq!(tuning.len(), 2 * 3 * 2);
    assert_eq!(tuning[0], "cross_entropy, learning_rate = 0.1, seed 11");
    let study = simulated.study();
    let names: Vec<String> = study.arms.iter().map(Arm::name).collect();
    assert_eq!(
        names,
        [
            "cross_entropy at learning_rate = 0.03",
            "focal at learning_rate = 0.01",
            "focal at learning_rate = 0.03",
        ]
    );
    assert!(study.arms.iter().all(|arm| arm.settings.evaluate_test));
    assert_eq!(simulated.train().len(), 3 * 6);
    assert_eq!(simulated.train(), [""; 0]);
    assert_eq!(
        simulated.verdicts(),
        [Some(Verdict::Win), Some(Verdict::Loss)]
    );
    let edges = warnings(&simulated.study(), 0);
    assert_eq!(edges.len(), 1, "{edges:?}");
    assert!(edges[0].contains("best learning_rate of focal, 0.01, is the smallest tried"));
}

#[test]
fn a_setting_at_the_edge_of_its_grid_is_no_cause_to_extend_it_where_one_inside_is_as_good() {
    let warned = |accuracy| {
        let mut simulated = Simulated::new(TUNED, accuracy);
        simulated.train();
        warnings(&simulated.study(), 0).len()
    };
    assert_eq!(warned(|_| Some(0.8)), 0);
    // The ends of the grid are equal, and better than what is inside.
    let only_ends = |trial: &Trial| {
        Some(if trial.train.learning_rate == 0.03 {
            0.7
        } else {
            0.8
        })
    };
    assert_eq!(warned(only_ends), 2);
}

#[test]
fn as_long_as_a_trial_of_the_tuning_stage_is_missing_nothing_is_chosen() {
    let mut simulated = Simulated::new(TUNED, tuned_accuracy);
    simulated.train();
    let first = simulated.study().runs()[0].trial.id.clone();
    let result = simulated.results.remove(&first).unwrap();
    let study = simulated.study();
    assert_eq!((study.stage(), study.arms.len()), (Stage::Tuning, 0));
    assert_eq!(study.due().len(), 1);
    assert_eq!(study.assessments.len(), 0);
    // A trial that failed leaves its loss with a smaller budget.
    let failed = TrialResult {
        state: TrialState::Failed,
        ..result
    };
    simulated.results.insert(first, failed);
    assert_eq!(simulated.study().stage(), Stage::Tuning);
}

#[test]
fn settings_at_which_a_seed_diverged_are_chosen_last() {
    fn all_but_the_worst_diverge(trial: &Trial) -> Option<f64> {
        let is_stable = trial.train.learning_rate == 0.1 || trial.seed == 12;
        is_stable.then_some(if trial.train.learning_rate == 0.1 {
            0.2
        } else {
            0.9
        })
    }
    let mut simulated = Simulated::new(TUNED, all_but_the_worst_diverge);
    simulated.train();
    let rates: Vec<f64> = (simulated.study().arms.iter())
        .map(|arm| arm.settings.learning_rate)
        .collect();
    assert_eq!(rates, [0.1, 0.1]);
}

#[test]
fn an_incomplete_comparison_of_a_fixed_number_of_seeds_has_no_verdict() {
    let mut simulated = Simulated::new(TUNED, tuned_accuracy);
    simulated.train_all();
    let last = simulated.study().arms[0].runs[5].trial.id.clone();
    simulated.results.remove(&last).unwrap();
    assert_eq!(simulated.verdicts(), [None, None]);
}

/// One claim that is decided early, one that never is, and a loss without a claim.
const UNTIL: &str = r#"
name = "x"
losses = [{ name = "cross_entropy" }, { name = "focal" }, { name = "poly1" }, { name = "mean_absolute_error" }]
seeds = { until = "decided", at_most = 12 }
[train]
dataset = "shapes"
[[claim]]
better = "focal"
than = "cross_entropy"
[[claim]]
better = "poly1"
than = "cross_entropy"
"#;

fn until_accuracy(trial: &Trial) -> Option<f64> {
    let noise = [0.01, -0.01, 0.012, -0.012, 0.002, -0.002][trial.seed as usize % 6];
    match trial.loss.name() {
        "focal" => Some(0.9 + noise / 10.0),
        "poly1" => Some(0.5 + noise),
        "mean_absolute_error" => None,
        _ => Some(0.5),
    }
}

#[test]
fn losses_whose_claims_are_decided_drop_out() {
    let mut simulated = Simulated::new(UNTIL, until_accuracy);
    assert_eq!(simulated.train().len(), 4);
    let rounds = simulated.train_all() + 1;
    assert_eq!(rounds, 13);
    let study = simulated.study();
    let seeds: Vec<usize> = study.arms.iter().map(Arm::ended).collect();
    assert_eq!((seeds[0], seeds[2]), (12, 12));
    assert!((5..9).contains(&seeds[1]), "{seeds:?}");
    assert_eq!(seeds[3], 3);
    assert_eq!(study.open_claims(), 0);
    let verdicts = simulated.verdicts();
    assert_eq!(verdicts[0], Some(Verdict::Win));
    assert!(matches!(verdicts[1], Some(Verdict::Inconclusive { .. })));
    let left: usize = study.left().iter().map(|(_, trials)| trials).sum();
    assert_eq!(left, 0);
    assert_eq!(study.compared_at_most(), seeds.iter().sum::<usize>());
    let listed = study.runs().len();
    assert_eq!(listed, seeds.iter().sum::<usize>());
}

#[test]
fn seeds_count_in_their_planned_order_whichever_ended_first() {
    let mut simulated = Simulated::new(UNTIL, until_accuracy);
    for _ in 0..4 {
        simulated.train();
    }
    let second = simulated.study().arms[1].runs[1].trial.id.clone();
    simulated.results.remove(&second).unwrap();
    let study = simulated.study();
    assert_eq!(study.assessments[0].seeds, [1, 4]);
    assert_eq!(study.assessments[0].with_diverged.values[0].len(), 1);
    assert!(study.due().iter().any(|run| run.trial.id == second));
}

#[test]
fn of_an_arm_that_is_ahead_as_many_seeds_count_as_the_other_has() {
    let text = UNTIL.replace(
        "than = \"cross_entropy\"",
        "than = \"cross_entropy\"\npaired = false",
    );
    let mut simulated = Simulated::new(&text, until_accuracy);
    simulated.train_all();
    let study = simulated.study();
    let [focal, _] = study.assessments[0].seeds;
    assert!(study.assessments[0].seeds[1] > focal);
    let values = &study.assessments[0].with_diverged.values;
    assert_eq!([values[0].len(), values[1].len()], [focal; 2]);
}

#[test]
fn a_value_at_the_end_of_a_keys_range_is_no_edge() {
    let text = TUNED.replace("learning_rate = [0.1, 0.03, 0.01]", "momentum = [0.0, 0.5]");
    let mut simulated = Simulated::new(&text, |trial| Some(0.9 - trial.train.momentum / 10.0));
    simulated.train();
    assert_eq!(warnings(&simulated.study(), 0), [""; 0]);
    let mut simulated = Simulated::new(&text, |trial| Some(0.8 + trial.train.momentum / 10.0));
    simulated.train();
    assert_eq!(warnings(&simulated.study(), 0).len(), 2);
}

#[test]
fn seeds_of_the_tuning_stage_are_not_used_again() {
    let text = TUNED.replace(
        "[1, 2, 3, 4, 5, 6]",
        "{ until = \"decided\", at_most = 12 }",
    );
    let mut simulated = Simulated::new(&text, tuned_accuracy);
    simulated.train_all();
    let study = simulated.study();
    let seeds = |arm: &Arm| {
        arm.runs
            .iter()
            .map(|run| run.trial.seed)
            .collect::<Vec<_>>()
    };
    assert!(
        study
            .arms
            .iter()
            .flat_map(seeds)
            .all(|seed| seed != 11 && seed != 12)
    );
    assert_eq!(study.sweep.seeds.planned(&[11, 12])[9..], [10, 13, 14]);
}

#[test]
fn diverged_trials_count_as_chance_and_the_verdict_without_them_is_kept() {
    fn focal_diverges_often(trial: &Trial) -> Option<f64> {
        let of_seed = 0.001 * trial.seed as f64;
        match trial.loss.name() {
            "focal" if trial.seed > 3 => None,
            "focal" => Some(0.9 + of_seed),
            _ => Some(0.8),
        }
    }
    let text = r#"
name = "x"
losses = [{ name = "cross_entropy" }, { name = "focal" }]
seeds = [1, 2, 3, 4, 5, 6]
[train]
dataset = "shapes"
[[claim]]
better = "focal"
than = "cross_entropy"
"#;
    let mut simulated = Simulated::new(text, focal_diverges_often);
    simulated.train_all();
    let study = simulated.study();
    let assessment = &study.assessments[0];
    let [focal, _] = assessment.with_diverged.samples();
    assert!((focal[5] - 10.0).abs() < 1e-9, "{focal:?}");
    assert_eq!(assessment.without_diverged.values[0].len(), 3);
    assert_eq!(assessment.without_diverged.verdict(), Some(Verdict::Win));
    assert_ne!(assessment.with_diverged.verdict(), Some(Verdict::Win));
}

#[test]
fn a_metric_of_which_less_is_better_turns_the_verdict_and_keeps_the_numbers() {
    let text = TUNED.replace("margin = 0.5", "margin = 0.5\nmetric = \"cross_entropy\"");
    let mut simulated = Simulated::new(&text, tuned_accuracy);
    simulated.train_all();
    for result in simulated.results.values_mut() {
        let accuracy = result.test.as_ref().map(crate::records::Score::accuracy);
        result.test = accuracy.map(|accuracy| score(accuracy, 1.0, 10.0 * (1.0 - accuracy)));
    }
    let study = simulated.study();
    let tuned = &study.assessments[0].with_diverged;
    assert_eq!(tuned.verdict(), Some(Verdict::Win));
    let numbers = tuned.numbers.unwrap();
    assert!((-0.6..-0.4).contains(&numbers.mean), "{numbers:?}");
    assert!(numbers.interval[0] < numbers.mean && numbers.mean < numbers.interval[1]);
}
