//! What the properties are checked on: every loss at many parameters, logits of many kinds, and
//! the values that PyTorch computed (fixtures/losses.json).

use bonus_loss::{LOSSES, LossConfig, ParameterKind, ParameterValue};
use serde::Deserialize;

/// Every row of the table with every combination of default, lowest, highest and other allowed
/// values of its parameters, and a sum.
pub fn configs() -> Vec<LossConfig> {
    let mut configs = Vec::new();
    for entry in LOSSES.iter().filter(|entry| entry.name != "sum") {
        let mut variants = vec![LossConfig::new(entry.name).unwrap()];
        for parameter in entry.parameters {
            let values = values(&parameter.kind, parameter.default.into());
            let with = |variant: &LossConfig, value: &ParameterValue| {
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

fn values(kind: &ParameterKind, default: ParameterValue) -> Vec<ParameterValue> {
    match *kind {
        ParameterKind::Choice(names) => names.iter().map(|name| (*name).into()).collect(),
        ParameterKind::Number {
            minimum,
            maximum,
            minimum_included,
        } => {
            let lowest = if minimum_included {
                minimum
            } else {
                minimum + 0.1
            };
            let highest = if maximum.is_finite() {
                maximum
            } else {
                minimum + 5.0
            };
            let between = lowest + (highest - lowest) * 0.4;
            vec![default, lowest.into(), between.into(), highest.into()]
        }
    }
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

/// A case of the reference: a batch and what PyTorch found for it in float64.
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
        let text = format!("loss = {}", self.toml);
        let table: toml::Table = text.parse().unwrap();
        let loss = table["loss"].as_table().unwrap();
        let config = LossConfig::new(loss["name"].as_str().unwrap()).unwrap();
        let parameters = loss.iter().filter(|(key, _)| *key != "name");
        parameters.fold(config, |config, (key, value)| match value {
            toml::Value::Float(number) => config.with(key, *number).unwrap(),
            toml::Value::String(word) => config.with(key, word.as_str()).unwrap(),
            other => panic!("{key}: {other}"),
        })
    }
}

/// Every loss near the limits of its parameters and of p, with 300 digits (fixtures/make_limits.py).
pub fn limits() -> Vec<ReferenceCase> {
    serde_json::from_str(include_str!("../fixtures/limits.json")).unwrap()
}

pub fn reference() -> Vec<ReferenceCase> {
    serde_json::from_str(include_str!("../fixtures/losses.json")).unwrap()
}

/// How far from `expected` a number may lie.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    pub absolute: f64,
    pub relative: f64,
}

impl Tolerance {
    pub fn check(self, found: &[f64], expected: &[f64], what: &str) {
        assert_eq!(found.len(), expected.len(), "{what}");
        for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
            let allowed = self.absolute + self.relative * expected.abs();
            assert!(
                (found - expected).abs() <= allowed,
                "{what}, number {index}: expected {expected:e} ± {allowed:e}, found {found:e}"
            );
        }
    }
}
