//! Every procedure against scipy, statsmodels and numerical integration; `fixtures/make_reference.py` says how.

use serde_json::Value;
use statistics::{
    Anytime, Design, Difference, Planned, Share, correlation, holm, interval_95, mcnemar_p,
    sign_flip_p, superiority_of_pairs, superiority_of_samples, wilson,
};

const REFERENCE: &str = include_str!("fixtures/reference.json");

/// scipy's own accuracy, and the twelve digits of the file.
const TOLERANCE: f64 = 1e-9;

/// Of a list of the file, which is not empty.
fn rows(name: &str) -> Vec<Value> {
    let reference: Value = serde_json::from_str(REFERENCE).expect("the fixture is JSON");
    let rows = reference[name].as_array().expect("a list").clone();
    assert!(!rows.is_empty(), "{name} is empty");
    rows
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn numbers(value: &Value) -> Vec<f64> {
    let values: Vec<f64> = value
        .as_array()
        .expect("a list")
        .iter()
        .map(number)
        .collect();
    assert!(!values.is_empty(), "no numbers");
    values
}

/// Relative where numbers are above 1; fails on NaN and on lists of different lengths, or none.
#[track_caller]
fn assert_equal(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    assert!(!found.is_empty(), "no numbers to compare");
    for (one, other) in found.iter().zip(expected) {
        let is_equal = (one - other).abs() <= tolerance * other.abs().max(1.0);
        assert!(is_equal, "expected {expected:?}, found {found:?}");
    }
}

fn flat(share: &Share) -> [f64; 3] {
    [share.share, share.interval[0], share.interval[1]]
}

/// The two arms of a row, and their first values as pairs.
fn arms(row: &Value) -> [Vec<f64>; 4] {
    let (a, b) = (numbers(&row["a"]), numbers(&row["b"]));
    let pairs = a.len().min(b.len());
    [a[..pairs].to_vec(), b[..pairs].to_vec(), a, b]
}

#[test]
fn pairs_have_the_numbers_of_scipy() {
    for row in rows("comparisons") {
        let ([a, b, ..], expected) = (arms(&row), &row["paired"]);
        let difference = Difference::paired(&a, &b).unwrap();
        let found = [
            difference.mean(),
            difference.p_two_sided(),
            difference.p_equivalence(0.3).unwrap(),
            sign_flip_p(&a, &b, 0).unwrap(),
            correlation(&a, &b).unwrap().unwrap(),
        ];
        let names = ["mean", "p", "p_equivalence", "sign_flip_p", "correlation"];
        assert_equal(
            &found,
            &names.map(|name| number(&expected[name])),
            TOLERANCE,
        );
        let interval = difference.interval(0.05).unwrap();
        assert_equal(&interval, &numbers(&expected["interval"]), TOLERANCE);
        let share = superiority_of_pairs(&a, &b, 0.05).unwrap();
        assert_equal(&flat(&share), &numbers(&expected["superiority"]), TOLERANCE);
        let differences: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a - b).collect();
        assert_equal(&interval_95(&differences).unwrap(), &interval, 1e-12);
    }
}

#[test]
fn samples_have_the_numbers_of_scipy() {
    for row in rows("comparisons") {
        let ([.., a, b], expected) = (arms(&row), &row["welch"]);
        let difference = Difference::welch(&a, &b).unwrap();
        let found = [
            difference.mean(),
            difference.p_two_sided(),
            difference.p_equivalence(0.3).unwrap(),
            difference.degrees_of_freedom(),
        ];
        let names = ["mean", "p", "p_equivalence", "degrees_of_freedom"];
        assert_equal(
            &found,
            &names.map(|name| number(&expected[name])),
            TOLERANCE,
        );
        let interval = difference.interval(0.05).unwrap();
        assert_equal(&interval, &numbers(&expected["interval"]), TOLERANCE);
        let share = superiority_of_samples(&a, &b, 0.05).unwrap();
        assert_equal(&flat(&share), &numbers(&expected["superiority"]), TOLERANCE);
    }
}

#[test]
fn e_values_are_the_integrals_that_they_stand_for() {
    let mut bounded = 0;
    for row in rows("comparisons") {
        let [pairs_a, pairs_b, a, b] = arms(&row);
        let paired = |g| Anytime::of(Design::Paired, &pairs_a, &pairs_b, g).unwrap();
        let samples = |g| Anytime::of(Design::Unpaired, &a, &b, g).unwrap();
        let kinds: [(&str, &dyn Fn(f64) -> Anytime); 2] =
            [("anytime_pairs", &paired), ("anytime_samples", &samples)];
        for (name, anytime) in kinds {
            let cases = row[name].as_array().expect("a list");
            assert_eq!(cases.len(), 2);
            for case in cases {
                let anytime = anytime(number(&case["g"]));
                let look = anytime.looks().last().expect("a look");
                assert_equal(&[look.e_value(0.0)], &[number(&case["e"])], 1e-7);
                let interval = look.interval(0.05).unwrap();
                if case["interval"].is_null() {
                    assert!(interval.iter().all(|end| end.is_infinite()), "{interval:?}");
                } else {
                    bounded += 1;
                    assert_equal(&interval, &numbers(&case["interval"]), 1e-7);
                }
            }
        }
    }
    assert!(bounded >= 10, "only {bounded} intervals were compared");
}

#[test]
fn adjusted_p_values_are_those_of_statsmodels() {
    for row in rows("holm") {
        let adjusted = holm(&numbers(&row["p"])).unwrap();
        assert_equal(&adjusted, &numbers(&row["adjusted"]), TOLERANCE);
    }
}

#[test]
fn intervals_of_counts_are_those_of_statsmodels() {
    for row in rows("wilson") {
        let count = |name: &str| usize::try_from(row[name].as_u64().expect("a count")).unwrap();
        let share = wilson(count("successes"), count("trials"), 0.05).unwrap();
        assert_equal(&share.interval, &numbers(&row["interval"]), TOLERANCE);
    }
}

#[test]
fn mcnemars_p_is_that_of_statsmodels() {
    for row in rows("mcnemar") {
        let count = |name: &str| u32::try_from(row[name].as_u64().expect("a count")).unwrap();
        let p = mcnemar_p(count("gained"), count("lost"));
        assert_equal(&[p], &[number(&row["p"])], TOLERANCE);
    }
}

#[test]
fn power_is_that_of_statsmodels() {
    for row in rows("power") {
        let is_paired = row["paired"].as_bool().expect("a truth value");
        let design = if is_paired {
            Design::Paired
        } else {
            Design::Unpaired
        };
        let planned = Planned::new(design, 0.16, 0.05).unwrap();
        let seeds = usize::try_from(row["n"].as_u64().expect("a count")).unwrap();
        let difference = number(&row["difference"]);
        let found = [
            planned.power(seeds, difference).unwrap(),
            planned
                .power_of_equivalence(seeds, difference / 4.0, 0.2)
                .unwrap(),
            planned.detectable_difference(seeds, 0.8).unwrap(),
        ];
        let names = ["power", "power_of_equivalence", "detectable"];
        assert_equal(&found, &names.map(|name| number(&row[name])), 1e-6);
    }
}
