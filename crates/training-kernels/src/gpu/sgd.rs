//! A step of stochastic gradient descent in one kernel per parameter.

#![allow(
    clippy::collapsible_if,
    reason = "whether there is a scale is known when the kernel is compiled, whether to skip when it runs"
)]

use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::{empty, one_unit_each};
use crate::extension::{SgdKernels, TensorUnscaling};
use crate::sgd::SgdStep;

impl SgdKernels for CubeBackend {
    fn sgd_first_step(
        parameter: CubeTensor,
        gradient: CubeTensor,
        unscaling: TensorUnscaling<Self>,
        rule: SgdStep,
    ) -> (CubeTensor, CubeTensor) {
        step(parameter, gradient, None, unscaling, rule)
    }

    fn sgd_step(
        parameter: CubeTensor,
        gradient: CubeTensor,
        velocity: CubeTensor,
        unscaling: TensorUnscaling<Self>,
        rule: SgdStep,
    ) -> (CubeTensor, CubeTensor) {
        step(parameter, gradient, Some(velocity), unscaling, rule)
    }
}

fn step(
    parameter: CubeTensor,
    gradient: CubeTensor,
    velocity: Option<CubeTensor>,
    unscaling: TensorUnscaling<CubeBackend>,
    rule: SgdStep,
) -> (CubeTensor, CubeTensor) {
    let (parameter, gradient) = (into_contiguous(parameter), into_contiguous(gradient));
    let has_velocity = velocity.is_some();
    // A kernel requires all its bindings; nothing is read through those of absent tensors.
    let velocity = velocity.map_or_else(|| gradient.clone(), into_contiguous);
    let (scaled, [scale, skip]) = match unscaling {
        TensorUnscaling::None => (false, [(); 2].map(|()| gradient.clone())),
        TensorUnscaling::By { scale, skip } => (true, [scale, skip]),
    };
    let [new_parameter, new_velocity] =
        [(); 2].map(|()| empty(&parameter, parameter.meta.shape().clone(), parameter.dtype));
    let (count, dim) = one_unit_each(&parameter);
    step_kernel::launch(
        &new_parameter.client,
        count,
        dim,
        parameter.into_tensor_arg(),
        gradient.into_tensor_arg(),
        velocity.into_tensor_arg(),
        scale.into_tensor_arg(),
        skip.into_tensor_arg(),
        new_parameter.clone().into_tensor_arg(),
        new_velocity.clone().into_tensor_arg(),
        rule.learning_rate as f32,
        rule.momentum as f32,
        rule.weight_decay as f32,
        rule.nesterov,
        has_velocity,
        scaled,
    );
    (new_parameter, new_velocity)
}

/// [`SgdStep`], element by element, with a gradient that may be scaled; see [`Unscaling`].
///
/// [`Unscaling`]: crate::sgd::Unscaling
#[cube(launch)]
fn step_kernel(
    parameter: &Tensor<f32>,
    gradient: &Tensor<f32>,
    velocity: &Tensor<f32>,
    scale: &Tensor<f32>,
    skip: &Tensor<f32>,
    new_parameter: &mut Tensor<f32>,
    new_velocity: &mut Tensor<f32>,
    learning_rate: f32,
    momentum: f32,
    weight_decay: f32,
    #[comptime] nesterov: bool,
    #[comptime] has_velocity: bool,
    #[comptime] scaled: bool,
) {
    let place = ABSOLUTE_POS;
    if place >= new_parameter.len() {
        terminate!();
    }
    let before = parameter[place];
    let mut slope = gradient[place];
    if scaled {
        slope /= scale[0];
    }
    slope += weight_decay * before;
    let mut velocity_before = 0.0f32;
    let mut moved = slope;
    if has_velocity {
        velocity_before = velocity[place];
        moved += momentum * velocity_before;
    }
    let mut direction = moved;
    if nesterov {
        direction = slope + momentum * moved;
    }
    let mut after = before - learning_rate * direction;
    if scaled {
        if skip[0] > 0.0 {
            after = before;
            moved = velocity_before;
        }
    }
    new_velocity[place] = moved;
    new_parameter[place] = after;
}
