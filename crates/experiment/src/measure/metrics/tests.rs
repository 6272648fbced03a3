//! The metrics of the logits beside what scikit-learn and NumPy make of them. `tests/fixtures/make_metrics.py` wrote
//! the numbers.

use std::collections::{BTreeMap, BTreeSet};

use bonus_loss::LossConfig;
use burn::tensor::TensorData;
use serde::Deserialize;

use super::*;
use crate::device::open_cpu;
use crate::measure::{Tally, read_values};
use crate::settings::BackendChoice;

#[derive(Deserialize)]
struct Case {
    name: String,
    logits: Vec<Vec<f32>>,
    targets: Vec<usize>,
    /// By name; null if the metric is not defined.
    metrics: BTreeMap<String, Option<f64>>,
}

fn cases() -> Vec<Case> {
    let text = include_str!("../../../tests/fixtures/metrics.json");
    serde_json::from_str(text).unwrap()
}

fn of_logits() -> impl Iterator<Item = (&'static str, fn(&Predictions) -> f64)> {
    METRICS.iter().filter_map(|metric| match metric.measure {
        Measure::OfLogits(value) => Some((metric.name, value)),
        _ => None,
    })
}

#[track_caller]
fn assert_close(case: &Case, name: &str, found: f64, tolerance: f64) {
    let expected = case.metrics[name];
    let is_equal = match expected {
        Some(expected) => (found - expected).abs() <= tolerance * expected.abs().max(1.0),
        None => found.is_nan(),
    };
    assert!(
        is_equal,
        "{}: {name}: expected {expected:?}, found {found}",
        case.name
    );
}

#[test]
fn metrics_of_logits_equal_those_of_scikit_learn_and_numpy() {
    let cases = cases();
    assert!(cases.len() > 2);
    for case in &cases {
        let predictions = Predictions::new(case.logits.concat(), case.targets.clone());
        let mut names: BTreeSet<&str> = case.metrics.keys().map(String::as_str).collect();
        for (name, value) in of_logits() {
            assert!(names.remove(name), "{}: {name}", case.name);
            assert_close(case, name, value(&predictions), 1e-9);
        }
        assert!(names.iter().eq(["cross_entropy"].iter()), "{names:?}");
    }
}

/// It is computed on the device, in single precision.
#[test]
fn the_cross_entropy_is_the_log_loss_of_scikit_learn() {
    let device = open_cpu(BackendChoice::Auto).unwrap().device;
    for case in cases() {
        let shape = [case.targets.len(), case.logits[0].len()];
        let labels: Vec<i32> = case.targets.iter().map(|&target| target as i32).collect();
        let mut tally = Tally::new(LossConfig::new("focal").unwrap().init());
        tally.add(Outputs {
            logits: Tensor::from_data(TensorData::new(case.logits.concat(), shape), &device),
            features: Tensor::ones([shape[0], 1], &device),
            targets: Tensor::from_ints(labels.as_slice(), &device),
            labels,
        });
        let (score, _) = tally.read().unwrap();
        let found = score.cross_entropy().unwrap_or(f64::NAN);
        assert_close(&case, "cross_entropy", found, 1e-6);
        assert_eq!(score.accuracy(), case.metrics["accuracy"].unwrap());
    }
}

#[test]
fn chance_is_what_equal_probabilities_score_on_balanced_images() {
    let device = open_cpu(BackendChoice::Auto).unwrap().device;
    for classes in [2, 5, 6, 10, 100] {
        let labels: Vec<i32> = (0..classes as i32).collect();
        let mut tally = Tally::new(LossConfig::new("focal").unwrap().init());
        tally.add(Outputs {
            logits: Tensor::full([classes, classes], 0.25, &device),
            features: Tensor::ones([classes, 1], &device),
            targets: Tensor::from_ints(labels.as_slice(), &device),
            labels,
        });
        let (score, _) = tally.read().unwrap();
        let mut names = Vec::new();
        for metric in METRICS {
            let Some(chance) = metric.chance else {
                continue;
            };
            let (name, expected) = (metric.name, chance(classes));
            match score.get(name) {
                // The cross-entropy is computed on the device, in single precision.
                Some(found) => assert!((found - expected).abs() < 1e-5, "{name}: {found}"),
                None => assert!(expected.is_nan(), "{name}: {expected}"),
            }
            names.push(name);
        }
        let expected = ["accuracy", "top_5_accuracy", "cross_entropy", "brier_score"];
        assert_eq!(names, expected);
    }
}

#[test]
fn one_logit_that_is_not_a_number_leaves_no_metric_but_the_accuracies() {
    let logits = vec![
        0.0,
        1.0,
        f32::NAN,
        0.0,
        0.0,
        0.0,
        1.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
    ];
    let predictions = Predictions::new(logits, vec![1, 0]);
    for (name, value) in of_logits() {
        let found = value(&predictions);
        match name {
            "accuracy" | "top_5_accuracy" => assert_eq!(found, 0.5, "{name}"),
            _ => assert!(found.is_nan(), "{name}: {found}"),
        }
    }
}

#[test]
fn the_feature_norm_is_euclidean() {
    let device = open_cpu(BackendChoice::Auto).unwrap();
    let Measure::MeanOfFeatures(norm) = feature_norm::FEATURE_NORM.measure else {
        panic!("it is one of the features");
    };
    let features = Tensor::from_floats([[3.0, -4.0], [0.0, 0.0]], &device.device);
    assert_eq!(read_values(norm(features)).unwrap(), [5.0, 0.0]);
}

#[test]
fn every_metric_is_found_by_its_name_and_by_its_abbreviation_and_no_two_share_one() {
    let names: Vec<&str> = (METRICS.iter())
        .flat_map(|metric| [Some(metric.name), metric.abbreviation])
        .flatten()
        .collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    for metric in METRICS {
        assert!(std::ptr::eq(Metric::find(metric.name).unwrap(), metric));
        if let Some(abbreviation) = metric.abbreviation {
            assert!(std::ptr::eq(Metric::find(abbreviation).unwrap(), metric));
        }
    }
    assert!(Metric::find("acuracy").is_none());
}

#[test]
fn values_are_shown_in_percent_where_they_are_shares() {
    let show = |name: &str| {
        let metric = Metric::find(name).unwrap();
        (metric.header(), metric.show(0.123_456))
    };
    assert_eq!(show("ece"), ("ece %".to_owned(), "12.35".to_owned()));
    assert_eq!(show("nll"), ("nll".to_owned(), "0.1235".to_owned()));
}
