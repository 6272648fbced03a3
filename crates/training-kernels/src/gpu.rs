//! The GPU kernels, written once in CubeCL: convolutions in f32, and the other operations of a training step.
//!
//! Burn would compose each of the others from a dozen operations, and launching these would take the host
//! longer than the GPU takes to run them. All of them compute in f32, from and to f16 if the images are f16.

mod batch_norm;
mod convolution;
mod finite;
mod sgd;

use burn::tensor::{DType, Shape};
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::calculate_cube_count_elemwise;
use cubecl::prelude::*;

/// Units of a cube, a number that every GPU supports.
const UNITS: usize = 256;

/// An uninitialized tensor on the device of `like`.
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
