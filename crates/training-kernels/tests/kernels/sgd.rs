//! Steps of stochastic gradient descent against their definition in float64.

use burn::tensor::{Device, Tensor};
use comparison::error;
use training_kernels::{SgdStep, Unscaling, are_finite, scaled_sgd_step, sgd_step};

use crate::support::{Numbers, tensor, training_devices, values};

/// Three steps along the same gradient, as `torch.optim.SGD` states them.
fn in_double(rule: &SgdStep, parameter: &[f32], gradient: &[f32]) -> Vec<f64> {
    let after_three_steps = |(parameter, gradient): (&f32, &f32)| {
        let (mut p, mut velocity) = (f64::from(*parameter), None);
        for _ in 0..3 {
            let g = f64::from(*gradient) + rule.weight_decay * p;
            let v = velocity.map_or(g, |v: f64| rule.momentum * v + g);
            velocity = Some(v);
            p -= rule.learning_rate
                * if rule.nesterov {
                    g + rule.momentum * v
                } else {
                    v
                };
        }
        p
    };
    parameter
        .iter()
        .zip(gradient)
        .map(after_three_steps)
        .collect()
}

#[test]
fn steps_are_those_of_the_definition() {
    // More than one task, and no whole number of lanes.
    let mut numbers = Numbers::new(9);
    let [parameter, gradient] = [(); 2].map(|()| numbers.values(40_001));
    for (momentum, nesterov, weight_decay) in
        [(0.0, false, 0.0), (0.9, false, 5e-4), (0.9, true, 0.1)]
    {
        let rule = SgdStep {
            learning_rate: 0.1,
            momentum,
            nesterov,
            weight_decay,
        };
        let expected = in_double(&rule, &parameter, &gradient);
        for device in training_devices().into_iter().map(Device::without_autodiff) {
            let step = |p, v| sgd_step(p, tensor(&gradient, [40_001], &device), v, rule);
            let [p, v] = step(tensor(&parameter, [40_001], &device), None);
            let [p, v] = step(p, Some(v));
            let [p, _] = step(p, Some(v));
            let error = error(&values(p), &expected);
            assert!(error < 1e-6, "{rule:?}: {error:.1e}");
        }
    }
}

#[test]
fn a_scaled_step_is_that_of_the_gradient_itself_or_none_at_all() {
    const COUNT: usize = 1001;
    let mut numbers = Numbers::new(11);
    let [parameter, gradient, velocity] = [(); 3].map(|()| numbers.values(COUNT));
    let scaled: Vec<f32> = gradient.iter().map(|value| value * 4096.0).collect();
    let rule = SgdStep {
        learning_rate: 0.1,
        momentum: 0.9,
        nesterov: true,
        weight_decay: 5e-4,
    };
    for device in training_devices().into_iter().map(Device::without_autodiff) {
        let on_device = |values: &[f32]| tensor(values, [COUNT], &device);
        let unscaling = |skip: f32| Unscaling {
            scale: tensor(&[4096.0], [1], &device),
            skip: tensor(&[skip], [1], &device),
        };
        for velocity in [None, Some(&velocity)] {
            let step = |gradient: &[f32], skip| {
                let before = velocity.map(|velocity| on_device(velocity));
                let (parameter, gradient) = (on_device(&parameter), on_device(gradient));
                scaled_sgd_step(parameter, gradient, before, &unscaling(skip), rule).map(values)
            };
            let before = velocity.map(|velocity| on_device(velocity));
            let (at, along) = (on_device(&parameter), on_device(&gradient));
            let unscaled = sgd_step(at, along, before, rule).map(values);
            for (found, expected) in step(&scaled, 0.0).iter().zip(&unscaled) {
                let error = error(found, expected);
                assert!(error < 1e-6, "{error:.1e}");
            }
            let stays = velocity.cloned().unwrap_or_else(|| vec![0.0; COUNT]);
            let skipped = step(&[f32::NAN; COUNT], 1.0);
            assert_eq!(skipped, [parameter.clone(), stays]);
        }
    }
}

#[test]
fn one_number_that_is_not_finite_is_found_in_any_tensor() {
    // More than a kernel looks into at a time, and more numbers than it has units.
    let mut lengths = vec![1, 300, 70_000];
    lengths.extend(2..10);
    for device in training_devices().into_iter().map(Device::without_autodiff) {
        let finite = |bad: Option<(usize, f32)>| {
            let tensor_with = |(index, len): (usize, &usize)| -> Tensor<1> {
                let mut values = vec![f32::MAX / 1e6; *len];
                if let Some((_, value)) = bad.filter(|(at, _)| *at == index) {
                    values[len - 1] = value;
                }
                tensor(&values, [*len], &device)
            };
            let tensors = lengths.iter().enumerate().map(tensor_with).collect();
            are_finite(tensors).into_scalar::<bool>()
        };
        assert!(finite(None));
        for index in 0..lengths.len() {
            for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                assert!(!finite(Some((index, value))), "{value} in tensor {index}");
            }
        }
    }
}

#[test]
#[should_panic(expected = "the parameter's shape [3], found [4]")]
fn a_gradient_of_another_shape_panics_with_both_shapes() {
    let rule = SgdStep {
        learning_rate: 0.1,
        momentum: 0.0,
        nesterov: false,
        weight_decay: 0.0,
    };
    let vector = |len| tensor(&vec![0.0; len], [len], &Device::flex());
    sgd_step(vector(3), vector(4), None, rule);
}
