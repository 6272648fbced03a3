//! The tensor forwards and what autodiff makes of them, on each backend.

use bonus_loss::{CrossEntropy, Loss, Targets};
use burn::nn::loss::Reduction;
use burn::tensor::{DType, Device, FloatDType, Int, Tensor, TensorData};

use crate::cases::{Batch, Tolerance, batches, configs, reference};

const FLOAT32: Tolerance = Tolerance {
    absolute: 2e-6,
    relative: 2e-5,
};

pub fn flex() -> Device {
    Device::flex()
}

pub fn ndarray() -> Device {
    // Deprecated by Burn in favour of Flex; tested as long as it exists.
    #[allow(deprecated)]
    Device::ndarray()
}

#[test]
fn flex_equals_the_reference() {
    check_reference(&flex());
}

#[test]
fn ndarray_equals_the_reference() {
    check_reference(&ndarray());
}

#[test]
fn wgpu_equals_the_reference() {
    gpu_device::software().iter().for_each(check_reference);
}

#[test]
fn flex_equals_the_closed_forms() {
    check_closed_forms(&flex(), FloatDType::F32, FLOAT32);
}

#[test]
fn flex_in_float64_equals_the_closed_forms() {
    let tolerance = Tolerance {
        absolute: 1e-13,
        relative: 1e-11,
    };
    check_closed_forms(&flex(), FloatDType::F64, tolerance);
}

#[test]
fn ndarray_equals_the_closed_forms() {
    check_closed_forms(&ndarray(), FloatDType::F32, FLOAT32);
}

#[test]
fn wgpu_equals_the_closed_forms() {
    let check = |device| check_closed_forms(device, FloatDType::F32, FLOAT32);
    gpu_device::software().iter().for_each(check);
}

fn check_reference(device: &Device) {
    for case in reference() {
        let batch = case.batch();
        for expected in &case.expected {
            let loss = expected.config().init();
            let (losses, gradients) = evaluate(&loss, &batch, device, FloatDType::F32);
            let slopes: Vec<f64> = expected.grad_logits.concat();
            FLOAT32.check(&losses, &expected.per_example, &expected.toml);
            FLOAT32.check(
                &gradients,
                &slopes,
                &format!("gradient of {}", expected.toml),
            );
        }
    }
}

fn check_closed_forms(device: &Device, precision: FloatDType, tolerance: Tolerance) {
    for config in configs() {
        let loss = config.init();
        for batch in batches() {
            let compare = |found: (Vec<f64>, Vec<f64>), of: &dyn Fn(usize) -> Vec<f64>, what| {
                let examples = || batch.logits.iter().enumerate();
                let values: Vec<f64> = examples()
                    .map(|(example, logits)| loss.value(logits, &of(example)))
                    .collect();
                let slopes: Vec<f64> = examples()
                    .flat_map(|(example, logits)| loss.gradient(logits, &of(example)))
                    .collect();
                let what = format!("{config} of {what} {batch:?}");
                tolerance.check(&found.0, &values, &what);
                tolerance.check(&found.1, &slopes, &format!("gradient of {what}"));
            };
            let hard = evaluate(&loss, &batch, device, precision);
            compare(hard, &|example| batch.one_hot(example), "classes of");
            let soft: Vec<Vec<f64>> = (0..batch.logits.len())
                .map(|example| batch.soft(example))
                .collect();
            let found = evaluate_on(
                &loss,
                &batch.logits,
                matrix(&soft, device),
                device,
                precision,
            );
            compare(found, &|example| soft[example].clone(), "distributions of");
        }
    }
}

/// The loss of each example, and the gradient of their sum by every logit.
pub fn evaluate(
    loss: &Loss,
    batch: &Batch,
    device: &Device,
    precision: FloatDType,
) -> (Vec<f64>, Vec<f64>) {
    let (_, targets) = tensors(batch, &device.clone().autodiff());
    evaluate_on(loss, &batch.logits, targets, device, precision)
}

fn evaluate_on(
    loss: &Loss,
    logits: &[Vec<f64>],
    targets: impl Into<Targets>,
    device: &Device,
    precision: FloatDType,
) -> (Vec<f64>, Vec<f64>) {
    let logits = matrix(logits, &device.clone().autodiff());
    let logits = logits.cast(precision).detach().require_grad();
    let losses = loss.forward_no_reduction(logits.clone(), targets);
    let gradients = losses.clone().sum_dim(0).backward();
    let gradient = logits.grad(&gradients).expect("every loss has a gradient");
    (numbers(losses), numbers(gradient))
}

fn tensors(batch: &Batch, device: &Device) -> (Tensor<2>, Tensor<1, Int>) {
    let targets: Vec<i64> = batch.targets.iter().map(|class| *class as i64).collect();
    (
        matrix(&batch.logits, device),
        Tensor::from_data(targets.as_slice(), device),
    )
}

fn matrix(rows: &[Vec<f64>], device: &Device) -> Tensor<2> {
    let data = TensorData::new(rows.concat(), [rows.len(), rows[0].len()]);
    // In float64 where the device has it; a cast on the way there would round.
    let precision = if device.supports_dtype(DType::F64) {
        DType::F64
    } else {
        DType::F32
    };
    Tensor::from_data(data, (device, precision))
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

#[test]
fn a_batch_gives_what_its_examples_give_alone() {
    let batch = Batch::spread(5, 10, 6.0);
    for config in configs() {
        let loss = config.init();
        let (losses, gradients) = evaluate(&loss, &batch, &flex(), FloatDType::F32);
        for (example, logits) in batch.logits.iter().enumerate() {
            let alone = Batch {
                logits: vec![logits.clone()],
                targets: vec![batch.targets[example]],
            };
            let (value, gradient) = evaluate(&loss, &alone, &flex(), FloatDType::F32);
            assert_eq!(value, losses[example..=example], "{config}");
            assert_eq!(gradient, gradients[example * 10..][..10], "{config}");
        }
    }
}

#[test]
fn half_precision_logits_are_computed_in_float32() {
    let device = flex().autodiff();
    let (logits, targets) = tensors(&Batch::spread(4, 10, 12.0), &device);
    let halves = logits.cast(FloatDType::BF16).detach().require_grad();
    for config in configs() {
        let loss = config.init();
        let losses = loss.forward_no_reduction(halves.clone(), targets.clone());
        let full = halves.clone().cast(FloatDType::F32);
        let expected = loss.forward_no_reduction(full, targets.clone());
        assert_eq!(losses.dtype(), DType::F32, "{config}");
        assert_eq!(numbers(losses.clone()), numbers(expected), "{config}");
        let gradients = losses.sum_dim(0).backward();
        assert_eq!(
            halves.grad(&gradients).unwrap().dtype(),
            DType::BF16,
            "{config}"
        );
    }
}

#[test]
fn targets_may_come_from_the_device_without_autodiff() {
    let batch = Batch::spread(4, 10, 3.0);
    let (logits, _) = tensors(&batch, &flex().autodiff());
    let (_, targets) = tensors(&batch, &flex());
    for config in configs() {
        let losses = config
            .init()
            .forward_no_reduction(logits.clone(), targets.clone());
        assert_eq!(losses.dims(), [4]);
    }
}

#[test]
fn reductions_are_the_mean_and_the_sum_of_the_examples() {
    let (logits, targets) = tensors(&Batch::spread(4, 10, 3.0), &flex());
    let loss = CrossEntropy::new().init();
    let losses = numbers(loss.forward_no_reduction(logits.clone(), targets.clone()));
    let total: f64 = losses.iter().sum();
    for (reduction, expected) in [
        (Reduction::Sum, total),
        (Reduction::Mean, total / 4.0),
        (Reduction::BatchMean, total / 4.0),
        (Reduction::Auto, total / 4.0),
    ] {
        let reduced = loss.forward(logits.clone(), targets.clone(), reduction);
        FLOAT32.check(&numbers(reduced), &[expected], "reduction");
    }
}

#[test]
#[should_panic(expected = "logits of shape [4, 10] and targets of shape [4, 9]")]
fn distributions_over_other_classes_panic_with_both_shapes() {
    let (logits, _) = tensors(&Batch::spread(4, 10, 3.0), &flex());
    let (targets, _) = tensors(&Batch::spread(4, 9, 3.0), &flex());
    configs()[0].init().forward_no_reduction(logits, targets);
}

#[test]
#[should_panic(expected = "logits of shape [4, 10] and targets of shape [3]")]
fn targets_of_another_batch_panic_with_both_shapes() {
    let (logits, _) = tensors(&Batch::spread(4, 10, 3.0), &flex());
    let (_, targets) = tensors(&Batch::spread(3, 10, 3.0), &flex());
    configs()[0].init().forward_no_reduction(logits, targets);
}

#[test]
#[should_panic(expected = "at least two classes, found logits of shape [4, 1]")]
fn a_single_class_panics_with_the_shape() {
    let (logits, targets) = tensors(&Batch::spread(4, 1, 3.0), &flex());
    configs()[0].init().forward_no_reduction(logits, targets);
}
