//! Values and gradients near every limit, to the rounding of the logits.

use bonus_loss::{LOSSES, LossConfig};
use burn::tensor::{Device, FloatDType};

use crate::cases::{Batch, Expected, ReferenceCase, Tolerance, limits};
use crate::tensors::{evaluate, flex, ndarray};

/// Where a loss is a difference by definition and passes through 0 it is exact to the rounding of its
/// terms, which are near 1; everywhere else, to that of itself.
fn terms(expected: &Expected) -> f64 {
    let config = expected.config();
    let smoothed = config.name() == "cross_entropy" && !config.changed_parameters().is_empty();
    f64::from(u8::from(config.name() == "encouraging" || smoothed))
}

/// The largest logit, whose rounding is that of z and so that of e^z relative to itself.
fn largest(case: &ReferenceCase) -> f64 {
    let logits = case.logits.iter().flatten();
    logits.fold(1.0, |largest: f64, logit| largest.max(logit.abs()))
}

fn tolerance(case: &ReferenceCase, expected: &Expected, epsilon: f64, tiniest: f64) -> Tolerance {
    let relative = 4.0 * epsilon * (1.0 + largest(case));
    Tolerance {
        absolute: relative * terms(expected) + tiniest,
        relative,
    }
}

#[test]
fn the_limits_cover_the_table() {
    let cases = limits();
    assert!(cases.len() > 30);
    for case in &cases {
        for entry in LOSSES.iter().filter(|entry| entry.name != "sum") {
            let is_entry = |expected: &Expected| expected.config().name() == entry.name;
            assert!(case.expected.iter().any(is_entry), "{}", entry.name);
        }
    }
}

#[test]
fn closed_forms_are_exact_at_every_limit() {
    for case in limits() {
        let targets = case.batch().one_hot(0);
        for expected in &case.expected {
            let loss = expected.config().init();
            let what = format!("{} of {:?}", expected.toml, case.logits);
            let tolerance = tolerance(&case, expected, f64::EPSILON, f64::MIN_POSITIVE);
            let value = loss.value(&case.logits[0], &targets);
            tolerance.check(&[value], &expected.per_example, &what);
            let gradient = loss.gradient(&case.logits[0], &targets);
            tolerance.check(
                &gradient,
                &expected.grad_logits[0],
                &format!("gradient of {what}"),
            );
        }
    }
}

#[test]
fn flex_is_exact_at_every_limit() {
    check_limits(&flex(), FloatDType::F32);
}

#[test]
fn flex_in_float64_is_exact_at_every_limit() {
    check_limits(&flex(), FloatDType::F64);
}

#[test]
fn ndarray_is_exact_at_every_limit() {
    check_limits(&ndarray(), FloatDType::F32);
}

#[test]
fn wgpu_is_finite_at_every_limit() {
    // its shaders round exp and log more coarsely
    if let Some(device) = gpu_device::software() {
        for case in limits() {
            for expected in &case.expected {
                let loss = expected.config().init();
                let (value, gradient) = evaluate(&loss, &case.batch(), &device, FloatDType::F32);
                assert!(
                    value
                        .iter()
                        .chain(&gradient)
                        .all(|number| number.is_finite())
                );
            }
        }
    }
}

#[test]
fn the_full_bonus_is_exact_for_the_largest_logits_of_float32() {
    let config = LossConfig::new("encouraging").unwrap();
    let loss = config.with("log_end", 1.0).unwrap().init();
    for other in [-3e38, -1e31, -1e30, 1e30, 3e38] {
        let other = f64::from(other as f32);
        let batch = Batch {
            logits: vec![vec![0.0, other]],
            targets: vec![0],
        };
        let (value, gradient) = evaluate(&loss, &batch, &flex(), FloatDType::F32);
        assert_eq!((value, gradient), (vec![other], vec![-1.0, 1.0]));
    }
}

fn check_limits(device: &Device, precision: FloatDType) {
    let (epsilon, tiniest) = match precision {
        FloatDType::F64 => (f64::EPSILON, f64::MIN_POSITIVE),
        _ => (f64::from(f32::EPSILON), f64::from(f32::MIN_POSITIVE)),
    };
    for case in limits() {
        for expected in &case.expected {
            let loss = expected.config().init();
            let (value, gradient) = evaluate(&loss, &case.batch(), device, precision);
            let what = format!("{} of {:?} in {precision:?}", expected.toml, case.logits);
            let tolerance = tolerance(&case, expected, epsilon, tiniest);
            tolerance.check(&value, &expected.per_example, &what);
            tolerance.check(
                &gradient,
                &expected.grad_logits[0],
                &format!("gradient of {what}"),
            );
        }
    }
}
