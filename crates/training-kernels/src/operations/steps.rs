//! Steps of optimizers as functions of Burn's tensors, on every device.

#[cfg(any(feature = "flex", feature = "ndarray", feature = "wgpu"))]
use burn::backend::Dispatch;
use burn::tensor::{Bool, DType, Tensor};

#[cfg(any(feature = "flex", feature = "ndarray", feature = "wgpu"))]
use super::{on_cpu, on_gpu};
use crate::adamw::AdamWStep;
#[cfg(feature = "wgpu")]
use crate::extension::FiniteKernel;
#[cfg(any(feature = "flex", feature = "ndarray", feature = "wgpu"))]
use crate::extension::{AdamWKernel, SgdKernels, TensorUnscaling};
use crate::sgd::{SgdStep, Unscaling};

/// A step of stochastic gradient descent on one parameter: the new parameter and the new velocity.
/// The formula is that of [`SgdStep`]; before the first step there is no velocity.
///
/// # Panics
/// When parameter, gradient and velocity differ in shape or type, and on a device that records gradients.
pub fn sgd_step<const D: usize>(
    parameter: Tensor<D>,
    gradient: Tensor<D>,
    velocity: Option<Tensor<D>>,
    rule: SgdStep,
) -> [Tensor<D>; 2] {
    step(parameter, gradient, velocity, None, rule)
}

/// As [`sgd_step`], with a gradient that was multiplied by a loss scale.
///
/// # Panics
/// As [`sgd_step`].
pub fn scaled_sgd_step<const D: usize>(
    parameter: Tensor<D>,
    gradient: Tensor<D>,
    velocity: Option<Tensor<D>>,
    unscaling: &Unscaling,
    rule: SgdStep,
) -> [Tensor<D>; 2] {
    step(parameter, gradient, velocity, Some(unscaling), rule)
}

fn step<const D: usize>(
    parameter: Tensor<D>,
    gradient: Tensor<D>,
    velocity: Option<Tensor<D>>,
    unscaling: Option<&Unscaling>,
    rule: SgdStep,
) -> [Tensor<D>; 2] {
    check_tensors(&parameter, [Some(&gradient), velocity.as_ref()]);
    #[cfg(any(feature = "flex", feature = "ndarray", feature = "wgpu"))]
    if parameter.dtype() == DType::F32 && (on_cpu(&parameter) || on_gpu(&parameter)) {
        let (parameter, gradient) = (parameter.into_dispatch(), gradient.into_dispatch());
        let unscaling = match unscaling.cloned() {
            None => TensorUnscaling::None,
            Some(Unscaling { scale, skip }) => TensorUnscaling::By {
                scale: scale.into_dispatch(),
                skip: skip.into_dispatch(),
            },
        };
        let (parameter, velocity) = match velocity {
            None => <Dispatch as SgdKernels>::sgd_first_step(parameter, gradient, unscaling, rule),
            Some(velocity) => {
                let velocity = velocity.into_dispatch();
                <Dispatch as SgdKernels>::sgd_step(parameter, gradient, velocity, unscaling, rule)
            }
        };
        return [parameter, velocity].map(Tensor::from_dispatch);
    }
    match unscaling {
        None => step_by_operations(parameter, gradient, velocity, rule),
        Some(unscaling) => {
            let step = |parameter, state: Vec<Tensor<D>>, gradient| {
                let velocity = state.into_iter().next();
                let [parameter, velocity] = step_by_operations(parameter, gradient, velocity, rule);
                (parameter, vec![velocity])
            };
            let state = velocity.into_iter().collect();
            let (parameter, mut state) = unscaled_step(parameter, state, gradient, unscaling, step);
            [parameter, state.remove(0)]
        }
    }
}

/// A step of any optimizer along a gradient that was multiplied by a loss scale: the parameter and its state as `step`
/// makes them of parameter, state and the gradient itself, or as they were where the step is skipped. A state that did
/// not exist before is then 0.
pub fn unscaled_step<const D: usize>(
    parameter: Tensor<D>,
    state: Vec<Tensor<D>>,
    gradient: Tensor<D>,
    unscaling: &Unscaling,
    step: impl FnOnce(Tensor<D>, Vec<Tensor<D>>, Tensor<D>) -> (Tensor<D>, Vec<Tensor<D>>),
) -> (Tensor<D>, Vec<Tensor<D>>) {
    let gradient = gradient / unscaling.scale.clone().reshape([1; D]);
    let skip = unscaling.skip.clone().greater_elem(0.0).reshape([1; D]);
    let skip = skip.expand(parameter.dims());
    let (parameter_before, mut state_before) = (parameter.clone(), state.clone().into_iter());
    let (parameter, state) = step(parameter, state, gradient);
    let state = state.into_iter().map(|after| {
        let before = state_before.next().unwrap_or_else(|| after.zeros_like());
        after.mask_where(skip.clone(), before)
    });
    let state = state.collect();
    (parameter.mask_where(skip, parameter_before), state)
}

/// [`sgd_step`] on devices without a kernel.
fn step_by_operations<const D: usize>(
    parameter: Tensor<D>,
    gradient: Tensor<D>,
    velocity: Option<Tensor<D>>,
    rule: SgdStep,
) -> [Tensor<D>; 2] {
    let gradient = gradient + parameter.clone() * rule.weight_decay;
    let velocity = match velocity {
        None => gradient.clone(),
        Some(velocity) => velocity * rule.momentum + gradient.clone(),
    };
    let direction = if rule.nesterov {
        gradient + velocity.clone() * rule.momentum
    } else {
        velocity.clone()
    };
    [parameter - direction * rule.learning_rate, velocity]
}

/// A step of AdamW on one parameter: the new parameter and its new moments, the running means of gradients and of their
/// squares. The formula is that of [`AdamWStep`]; before the first step the moments are 0.
///
/// # Panics
/// When parameter, gradient and moments differ in shape or type, and on a device that records gradients.
pub fn adamw_step<const D: usize>(
    parameter: Tensor<D>,
    gradient: Tensor<D>,
    moments: [Tensor<D>; 2],
    corrections: &[Tensor<1>; 2],
    rule: AdamWStep,
) -> [Tensor<D>; 3] {
    let [mean, mean_square] = moments;
    let others = [&gradient, &mean, &mean_square].map(Some);
    check_tensors(&parameter, others);
    #[cfg(any(feature = "flex", feature = "ndarray", feature = "wgpu"))]
    if on_cpu(&parameter) {
        let [first, second] = corrections.clone().map(Tensor::into_dispatch);
        let (parameter, mean, mean_square) = <Dispatch as AdamWKernel>::adamw_step(
            parameter.into_dispatch(),
            gradient.into_dispatch(),
            mean.into_dispatch(),
            mean_square.into_dispatch(),
            first,
            second,
            rule,
        );
        return [parameter, mean, mean_square].map(Tensor::from_dispatch);
    }
    let AdamWStep {
        learning_rate,
        betas: [beta1, beta2],
        epsilon,
        weight_decay,
    } = rule;
    let [first, second] = corrections.clone().map(|tensor| tensor.reshape([1; D]));
    let mean = mean * beta1 + gradient.clone() * (1.0 - beta1);
    let mean_square = mean_square * beta2 + gradient.clone() * gradient * (1.0 - beta2);
    let denominator = (mean_square.clone() / second).sqrt() + epsilon;
    let direction = mean.clone() / first / denominator;
    let decayed = parameter * (1.0 - learning_rate * weight_decay);
    [decayed - direction * learning_rate, mean, mean_square]
}

fn check_tensors<const D: usize, const N: usize>(
    parameter: &Tensor<D>,
    others: [Option<&Tensor<D>>; N],
) {
    assert!(
        !parameter.device().is_autodiff(),
        "expected a parameter on a device without gradients"
    );
    for other in others.into_iter().flatten() {
        assert!(
            other.dims() == parameter.dims(),
            "expected gradient and state of the parameter's shape {:?}, found {:?}",
            parameter.dims(),
            other.dims()
        );
        assert!(
            other.dtype() == parameter.dtype(),
            "expected gradient and state of {:?} as the parameter, found {:?}",
            parameter.dtype(),
            other.dtype()
        );
    }
}

/// Whether every number of the `tensors` is finite, `[1]`. Nothing is read back from the device.
///
/// # Panics
/// When there is no tensor.
pub fn are_finite(tensors: Vec<Tensor<1>>) -> Tensor<1, Bool> {
    #[cfg(feature = "wgpu")]
    if tensors
        .iter()
        .all(|tensor| on_gpu(tensor) && tensor.dtype() == DType::F32)
    {
        return marks_of_not_finite(&tensors).sum().equal_elem(0.0);
    }
    // One non-finite number makes the sum non-finite, and finite ones are too small and too few to overflow
    // f32: this takes one pass over the numbers.
    let sums = tensors.into_iter().map(Tensor::sum);
    let total = sums.reduce(|total, sum| total + sum);
    total.expect("tensors to look into").is_finite()
}

/// Zeros, with ones if a number in the `tensors` is not finite.
#[cfg(feature = "wgpu")]
fn marks_of_not_finite(tensors: &[Tensor<1>]) -> Tensor<1> {
    /// Enough units for a large GPU.
    const MARKS: usize = 1 << 16;
    let last = tensors.last().expect("tensors to look into").clone();
    let marks = Tensor::<1>::zeros([MARKS], &last.device()).into_dispatch();
    let marks = tensors.chunks(8).fold(marks, |marks, eight| {
        // The last group of eight is padded with a tensor that is checked anyway.
        let tensor = |index| eight.get(index).unwrap_or(&last).clone().into_dispatch();
        <Dispatch as FiniteKernel>::mark_not_finite(
            marks,
            tensor(0),
            tensor(1),
            tensor(2),
            tensor(3),
            tensor(4),
            tensor(5),
            tensor(6),
            tensor(7),
        )
    });
    Tensor::from_dispatch(marks)
}
