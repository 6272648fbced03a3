//! What the properties are checked on: every loss at many parameters, logits of many kinds, and
//! the values that the formulas give (fixtures/make_reference.py).

use bonus_loss::{Interval, Kind, LOSSES, LossConfig, UncheckedValue};
use serde::Deserialize;

/// Every row of the table with every combination of default, lowest, highest and other allowed
/// values of its parameters, and a sum.
pub fn configs() -> Vec<LossConfig> {
    let mut configs = Vec::new();
    for entry in LOSSES.iter().filter(|entry| entry.name != "sum") {
        let mut variants = vec![LossConfig::new(entry.name).unwrap()];
        for parameter in entry.parameters {
            let values = values(&parameter.kind, parameter.default.into());
            let with = |variant: &LossConfig, value: &UncheckedValue| {
                variant.clone().with(parameter.name, value.clone()).unwrap()
            };
            let with_each = |variant| values.iter().map(move |value| with(variant, value));
            variants = variants.iter().flat_map(with_each).collect();
        }
        configs.extend(variants);
    }
    let terms: Vec<_> = configs.iter().step_by(5).cloned().collect();
    let weights = (1..=terms.len()).map(|index| 1.0 / index as f64).collect();
    configs.push(LossConfig::sum(terms, weights).unwrap());
    configs
}

fn values(kind: &Kind, default: UncheckedValue) -> Vec<UncheckedValue> {
    match *kind {
        Kind::Flag => vec![false.into(), true.into()],
        Kind::Whole(minimum, maximum) => {
            vec![default, (minimum as f64).into(), (maximum as f64).into()]
        }
        Kind::Choice(names) => names.iter().map(|name| (*name).into()).collect(),
        Kind::Number(interval) => {
            let [lowest, highest] = ends(interval);
            let between = lowest + (highest - lowest) * 0.4;
            vec![default, lowest.into(), between.into(), highest.into()]
        }
    }
}

/// The lowest and the highest number, or some way towards an end that is open.
fn ends(interval: Interval) -> [f64; 2] {
    let Interval {
        minimum, maximum, ..
    } = interval;
    let lowest = match minimum.is_finite() {
        true if interval.minimum_included => minimum,
        true => minimum + 0.1,
        false => maximum - 5.0,
    };
    let highest = match maximum.is_finite() {
        true if interval.maximum_included => maximum,
        true => maximum - 0.1,
        false => minimum + 5.0,
    };
    [lowest, highest]
}

/// Logits of a batch and their targets.
#[derive(Clone, Debug)]
pub struct Batch {
    pub logits: Vec<Vec<f64>>,
    pub targets: Vec<usize>,
}

impl Batch {
    /// Numbers of either sign up to `scale`, all of them float32 numbers, so that every precision
    /// starts from the same logits.
    pub fn spread(batch: usize, classes: usize, scale: f64) -> Self {
        let logit = |index: usize| {
            let unit = (index as f64 * 0.754_877_666_246_693).fract(); // low discrepancy
            f64::from(((2.0 * unit - 1.0) * scale) as f32)
        };
        let row = |example: usize| {
            (0..classes)
                .map(|k| logit(7 + example * classes + k))
                .collect()
        };
        Self {
            logits: (0..batch).map(row).collect(),
            targets: (0..batch)
                .map(|example| (example * 5 + 1) % classes)
                .collect(),
        }
    }

    /// One example: `target` on the target, 0 on the other classes.
    pub fn single(classes: usize, target: f64) -> Self {
        let mut logits = vec![0.0; classes];
        logits[1] = target;
        Self {
            logits: vec![logits],
            targets: vec![1],
        }
    }

    pub fn one_hot(&self, example: usize) -> Vec<f64> {
        let mut targets = vec![0.0; self.logits[example].len()];
        targets[self.targets[example]] = 1.0;
        targets
    }

    /// 70 % on the target, the rest on all classes alike.
    pub fn soft(&self, example: usize) -> Vec<f64> {
        let hard = self.one_hot(example);
        let floor = 0.3 / hard.len() as f64;
        hard.iter().map(|t| 0.7 * t + floor).collect()
    }
}

/// Ordinary and hard batches: few and many classes, one example, equal logits, p that rounds to 0
/// or 1, logits of ±100 and in the hundreds.
pub fn batches() -> Vec<Batch> {
    let mut batches = vec![
        Batch::spread(8, 2, 3.0),
        Batch::spread(8, 10, 3.0),
        Batch::spread(3, 100, 8.0),
        Batch::spread(4, 10, 100.0),
        Batch::spread(4, 3, 900.0),
    ];
    for target in [-100.0, -20.0, 0.0, 9.0, 20.0, 100.0] {
        batches.push(Batch::single(2, target));
        batches.push(Batch::single(10, target));
    }
    batches
}

/// A case of the reference: a batch and what the formulas give for it.
#[derive(Deserialize)]
pub struct ReferenceCase {
    pub logits: Vec<Vec<f64>>,
    pub targets: Vec<usize>,
    pub expected: Vec<Expected>,
}

#[derive(Deserialize)]
pub struct Expected {
    pub toml: String,
    pub per_example: Vec<f64>,
    pub grad_logits: Vec<Vec<f64>>,
}

impl ReferenceCase {
    pub fn batch(&self) -> Batch {
        Batch {
            logits: self.logits.clone(),
            targets: self.targets.clone(),
        }
    }
}

impl Expected {
    pub fn config(&self) -> LossConfig {
        LossConfig::deserialize(toml::de::ValueDeserializer::parse(&self.toml).unwrap()).unwrap()
    }
}

/// Ordinary logits and parameters.
pub fn reference() -> Vec<ReferenceCase> {
    cases(include_str!("../fixtures/losses.json"))
}

/// Every loss near the limits of its parameters and of p.
pub fn limits() -> Vec<ReferenceCase> {
    cases(include_str!("../fixtures/limits.json"))
}

/// Cases with a number for all that is compared.
fn cases(json: &str) -> Vec<ReferenceCase> {
    let cases: Vec<ReferenceCase> = serde_json::from_str(json).unwrap();
    assert!(!cases.is_empty());
    for case in &cases {
        assert!(!case.logits.is_empty() && !case.expected.is_empty());
        assert_eq!(case.targets.len(), case.logits.len());
        for expected in &case.expected {
            assert_eq!(expected.per_example.len(), case.logits.len());
            let lengths = |rows: &[Vec<f64>]| rows.iter().map(Vec::len).collect::<Vec<_>>();
            assert_eq!(lengths(&expected.grad_logits), lengths(&case.logits));
        }
    }
    cases
}

/// How far from what is expected a number may be.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    pub absolute: f64,
    pub relative: f64,
}

impl Tolerance {
    /// Fails where a number is off, where one is NaN, and if there is none.
    pub fn check(self, found: &[f64], expected: &[f64], what: &str) {
        assert_eq!(found.len(), expected.len(), "{what}");
        assert!(!found.is_empty(), "{what}: no numbers to compare");
        for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
            let allowed = self.absolute + self.relative * expected.abs();
            assert!(
                (found - expected).abs() <= allowed,
                "{what}, number {index}: expected {expected:e} ± {allowed:e}, found {found:e}"
            );
        }
    }
}

const LOOSE: Tolerance = Tolerance {
    absolute: 1.0,
    relative: 1.0,
};

#[test]
fn numbers_within_the_tolerance_pass() {
    LOOSE.check(&[1.0, 5.0], &[0.0, 2.0], "numbers");
}

#[test]
#[should_panic(expected = "numbers, number 1: expected 2e0 ± 3e0, found NaN")]
fn nan_is_never_within_a_tolerance() {
    LOOSE.check(&[1.0, f64::NAN], &[0.0, 2.0], "numbers");
}

#[test]
#[should_panic(expected = "numbers, number 0: expected NaN")]
fn nothing_is_within_a_tolerance_of_nan() {
    LOOSE.check(&[1.0], &[f64::NAN], "numbers");
}

#[test]
#[should_panic(expected = "numbers: no numbers to compare")]
fn a_comparison_of_nothing_fails() {
    LOOSE.check(&[], &[], "numbers");
}
