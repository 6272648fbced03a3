//! GELU against its definition in float64 and against Burn's own operation.

use burn::tensor::activation;
use burn::tensor::{Device, Tensor};
use comparison::error;
use training_kernels::gelu;

use crate::support::{devices, tensor, training_devices, values};

const BOUND: f64 = 1e-6;

/// From −9 to 9, more than a task computes.
fn numbers() -> Vec<f32> {
    (0..40_000)
        .map(|index| (index - 20_000) as f32 * 4.5e-4)
        .collect()
}

fn normal_probability(x: f64) -> f64 {
    0.5 * erfc(-x / std::f64::consts::SQRT_2)
}

/// By its series below 3 and its continued fraction above, to some 1e-15.
fn erfc(x: f64) -> f64 {
    if x < 0.0 {
        return 2.0 - erfc(-x);
    }
    let scale = (-x * x).exp() / std::f64::consts::PI.sqrt();
    if x < 3.0 {
        let mut term = x;
        let mut sum = x;
        for n in 1..200 {
            term *= 2.0 * x * x / f64::from(2 * n + 1);
            sum += term;
        }
        return 1.0 - 2.0 * scale * sum;
    }
    let fraction = (1..200)
        .rev()
        .fold(x, |below, n| x + f64::from(n) / 2.0 / below);
    scale / fraction
}

#[test]
fn values_and_gradients_are_those_of_the_definition() {
    let density = |x: f64| (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt();
    let numbers = numbers();
    let doubles = || numbers.iter().map(|&x| f64::from(x));
    let expected: Vec<f32> = doubles()
        .map(|x| (x * normal_probability(x)) as f32)
        .collect();
    let slopes: Vec<f32> = doubles()
        .map(|x| (normal_probability(x) + x * density(x)) as f32)
        .collect();
    for device in training_devices() {
        let input = tensor::<1>(&numbers, [numbers.len()], &device).require_grad();
        let output = gelu(input.clone());
        assert!(error(&values(output.clone()), &expected) < BOUND);
        let gradient = input.grad(&output.sum().backward()).unwrap();
        assert!(error(&values(gradient), &slopes) < BOUND);
    }
}

#[test]
fn far_from_zero_it_is_the_number_or_zero_and_nan_stays() {
    for device in devices() {
        let input = [-1e30_f32, -60.0, 0.0, 60.0, 1e30, f32::INFINITY];
        let found = values(gelu(Tensor::<1>::from_floats(input, &device)));
        assert_eq!(found, [0.0, 0.0, 0.0, 60.0, 1e30, f32::INFINITY]);
        let found = values(gelu(Tensor::<1>::from_floats([f32::NAN, 1.0], &device)));
        assert!(found[0].is_nan() && found[1].is_finite());
    }
}

#[test]
fn it_is_burns_own_gelu() {
    let numbers = numbers();
    for device in devices() {
        let input = tensor::<1>(&numbers, [numbers.len()], &device);
        let expected = values(activation::gelu(input.clone()));
        assert!(error(&values(gelu(input)), &expected) < 1e-5);
    }
}

#[test]
fn nothing_has_no_gelu() {
    let device = Device::flex();
    assert_eq!(values(gelu(Tensor::<1>::zeros([0], &device))), [0.0; 0]);
}
