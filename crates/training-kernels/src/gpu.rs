//! The kernels of GPUs, written once in CubeCL: convolutions of f32, and what surrounds convolutions in a step.
//!
//! Burn would compute what surrounds them out of a dozen operations each, and the host that launches them would be
//! slower than the GPU that runs them. All of them compute in f32, from and to f16 where the images are.

mod batch_norm;
mod convolution;
mod finite;
mod sgd;

use burn::tensor::{DType, Shape};
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::calculate_cube_count_elemwise;
use cubecl::prelude::*;

/// Units of a cube: what every GPU has.
const UNITS: usize = 256;

/// A tensor without values on the device of `like`.
fn empty(like: &CubeTensor, shape: impl Into<Shape>, dtype: DType) -> CubeTensor {
    empty_device_contiguous_dtype(
        like.client.clone(),
        like.device.clone(),
        shape.into(),
        dtype,
    )
}

/// One unit for each element of `tensor`.
fn one_unit_each(tensor: &CubeTensor) -> (CubeCount, CubeDim) {
    let dim = CubeDim::new_1d(UNITS as u32);
    let elements = tensor.meta.shape().num_elements();
    (
        calculate_cube_count_elemwise(&tensor.client, elements, dim),
        dim,
    )
}
