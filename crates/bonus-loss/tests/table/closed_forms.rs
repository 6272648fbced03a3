//! The float64 closed forms.

use std::collections::BTreeSet;

use bonus_loss::{Kind, LOSSES, LossConfig, Value};

use crate::cases::{Batch, Expected, Tolerance, batches, configs, reference};

/// A few roundings of float64.
const REFERENCE: Tolerance = Tolerance {
    absolute: 1e-15,
    relative: 1e-12,
};

#[test]
fn the_reference_has_every_loss_and_every_choice() {
    let cases = reference();
    let configs: Vec<LossConfig> = cases[0].expected.iter().map(Expected::config).collect();
    for entry in LOSSES {
        let of_entry = || configs.iter().filter(|config| config.name() == entry.name);
        assert!(of_entry().count() > 0, "{}", entry.name);
        for parameter in entry.parameters {
            let Kind::Choice(names) = parameter.kind else {
                continue;
            };
            for name in names {
                let chosen = (parameter.name, Value::Choice(name));
                let found = of_entry().any(|config| config.parameters().contains(&chosen));
                assert!(found, "{}.{}={name}", entry.name, parameter.name);
            }
        }
    }
}

#[test]
fn closed_forms_equal_the_reference() {
    for case in reference() {
        let batch = case.batch();
        for expected in &case.expected {
            let loss = expected.config().init();
            for (example, logits) in batch.logits.iter().enumerate() {
                let targets = batch.one_hot(example);
                let value = loss.value(logits, &targets);
                let gradient = loss.gradient(logits, &targets);
                let what = format!("{} of {logits:?}", expected.toml);
                REFERENCE.check(&[value], &expected.per_example[example..=example], &what);
                REFERENCE.check(&gradient, &expected.grad_logits[example], &what);
            }
        }
    }
}

#[test]
fn gradients_are_the_central_differences_of_the_values() {
    const STEP: f64 = 1e-5;
    let tolerance = Tolerance {
        absolute: 1e-8,
        relative: 1e-7,
    };
    for config in configs() {
        let loss = config.init();
        for (logits, targets) in distributions() {
            let along = |class: usize, step: f64| {
                let mut moved = logits.clone();
                moved[class] += step;
                loss.value(&moved, &targets)
            };
            let difference = |class| (along(class, STEP) - along(class, -STEP)) / (2.0 * STEP);
            let differences: Vec<f64> = (0..logits.len()).map(difference).collect();
            let gradient = loss.gradient(&logits, &targets);
            let what = format!("{config} of {logits:?}, targets {targets:?}");
            tolerance.check(&gradient, &differences, &what);
        }
    }
}

/// Logits with hard targets, and with targets spread over several classes.
fn distributions() -> Vec<(Vec<f64>, Vec<f64>)> {
    let mut examples = Vec::new();
    for batch in [Batch::spread(4, 2, 3.0), Batch::spread(6, 10, 4.0)] {
        for (example, logits) in batch.logits.iter().enumerate() {
            examples.push((logits.clone(), batch.one_hot(example)));
            examples.push((logits.clone(), batch.soft(example)));
        }
    }
    examples
}

#[test]
fn values_and_gradients_are_finite_at_every_logit() {
    for config in configs() {
        let loss = config.init();
        for batch in batches() {
            for (example, logits) in batch.logits.iter().enumerate() {
                let targets = batch.one_hot(example);
                let gradient = loss.gradient(logits, &targets);
                assert!(
                    loss.value(logits, &targets).is_finite(),
                    "{config} of {logits:?}"
                );
                assert!(
                    gradient.iter().all(|slope| slope.is_finite()),
                    "{config} of {logits:?}"
                );
            }
        }
    }
}

#[test]
fn gradients_of_losses_of_a_softmax_sum_to_zero() {
    let configs = configs().into_iter().filter(is_of_softmax);
    let mut names = BTreeSet::new();
    for config in configs {
        let loss = config.init();
        for (logits, targets) in distributions() {
            let total: f64 = loss.gradient(&logits, &targets).iter().sum();
            assert!(total.abs() < 1e-12, "{config}: {total}");
        }
        names.insert(config.name());
    }
    assert!(names.len() >= LOSSES.len() - 2, "{names:?}");
}

/// Whether adding a number to all logits leaves the loss as it is.
fn is_of_softmax(config: &LossConfig) -> bool {
    let sigmoid = ("activation", Value::Choice("sigmoid"));
    config.name() != "binary_cross_entropy"
        && !config.parameters().contains(&sigmoid)
        && config.terms().iter().all(|(_, term)| is_of_softmax(term))
}

#[test]
fn every_parameter_changes_the_loss() {
    let configs = configs();
    for entry in LOSSES {
        for (index, parameter) in entry.parameters.iter().enumerate() {
            let variants = || configs.iter().filter(|config| config.name() == entry.name);
            let changed = variants().any(|first| {
                let others = variants().filter(|second| differ_only_at(index, first, second));
                others.map(values).any(|value| value != values(first))
            });
            assert!(changed, "{}.{}", entry.name, parameter.name);
        }
    }
}

fn differ_only_at(index: usize, first: &LossConfig, second: &LossConfig) -> bool {
    let (first, second) = (first.parameters(), second.parameters());
    let mut pairs = first.iter().zip(&second).enumerate();
    pairs.all(|(position, (one, other))| (one != other) == (position == index))
}

/// The loss of an example that is right beyond doubt, and of one that is open.
fn values(config: &LossConfig) -> [f64; 2] {
    let loss = config.init();
    [12.5, 0.5].map(|logit| loss.value(&[logit, 0.0, -0.5], &[1.0, 0.0, 0.0]))
}

#[test]
#[should_panic(expected = "found 2 logits and 3 targets")]
fn targets_that_do_not_fit_the_logits_are_refused() {
    configs()[0].init().value(&[0.0; 2], &[0.0; 3]);
}

#[test]
#[should_panic(expected = "at least two classes")]
fn a_single_class_is_refused() {
    configs()[0].init().gradient(&[0.0], &[1.0]);
}
