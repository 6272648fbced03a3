//! Steps of AdamW against their definition in float64.

use burn::tensor::Device;
use comparison::error;
use training_kernels::{AdamWStep, adamw_step};

use crate::support::{Numbers, tensor, training_devices, values};

/// Parameters and moments after three steps along the same gradient, as `torch.optim.AdamW` states them.
fn in_double(rule: &AdamWStep, parameter: &[f32], gradient: &[f32]) -> [Vec<f64>; 3] {
    let [beta1, beta2] = rule.betas;
    let mut results = [const { Vec::new() }; 3];
    for (parameter, gradient) in parameter.iter().zip(gradient) {
        let g = f64::from(*gradient);
        let [mut p, mut m, mut v] = [f64::from(*parameter), 0.0, 0.0];
        for step in 1..=3 {
            p -= rule.learning_rate * rule.weight_decay * p;
            m = beta1 * m + (1.0 - beta1) * g;
            v = beta2 * v + (1.0 - beta2) * g * g;
            let [first, second] = [beta1, beta2].map(|beta| 1.0 - beta.powi(step));
            p -= rule.learning_rate * (m / first) / ((v / second).sqrt() + rule.epsilon);
        }
        for (result, value) in results.iter_mut().zip([p, m, v]) {
            result.push(value);
        }
    }
    results
}

#[test]
fn steps_are_those_of_the_definition() {
    // More than one task, and no whole number of lanes.
    const COUNT: usize = 40_001;
    let mut numbers = Numbers::new(13);
    let [parameter, mut gradient] = [(); 2].map(|()| numbers.values(COUNT));
    // A step along no gradient is the decay alone.
    gradient[7] = 0.0;
    for (betas, epsilon, weight_decay) in [
        ([0.9, 0.999], 1e-8, 0.01),
        ([0.0, 0.5], 0.1, 0.0),
        ([0.8, 0.99], 1e-3, 0.5),
    ] {
        let rule = AdamWStep {
            learning_rate: 0.1,
            betas,
            epsilon,
            weight_decay,
        };
        let expected = in_double(&rule, &parameter, &gradient);
        for device in training_devices().into_iter().map(Device::without_autodiff) {
            let zeros = || tensor(&vec![0.0; COUNT], [COUNT], &device);
            let mut at = [tensor(&parameter, [COUNT], &device), zeros(), zeros()];
            for step in 1..=3 {
                let corrections =
                    betas.map(|beta: f64| tensor(&[(1.0 - beta.powi(step)) as f32], [1], &device));
                let along = tensor(&gradient, [COUNT], &device);
                let [p, m, v] = at;
                at = adamw_step(p, along, [m, v], &corrections, rule);
            }
            for (found, expected) in at.map(values).iter().zip(&expected) {
                let error = error(found, expected);
                assert!(error < 1e-6, "{rule:?}: {error:.1e}");
            }
        }
    }
}

#[test]
#[should_panic(expected = "the parameter's shape [3], found [4]")]
fn a_moment_of_another_shape_panics_with_both_shapes() {
    let rule = AdamWStep {
        learning_rate: 0.1,
        betas: [0.9, 0.999],
        epsilon: 1e-8,
        weight_decay: 0.0,
    };
    let vector = |len| tensor(&vec![1.0; len], [len], &Device::flex());
    let corrections = [(); 2].map(|()| vector(1));
    adamw_step(
        vector(3),
        vector(3),
        [vector(3), vector(4)],
        &corrections,
        rule,
    );
}
