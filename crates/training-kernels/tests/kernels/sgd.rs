//! Steps of stochastic gradient descent against their definition in float64.

use burn::tensor::Device;
use training_kernels::{SgdStep, sgd_step};

use crate::support::{Numbers, error, tensor, training_devices, values};

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
