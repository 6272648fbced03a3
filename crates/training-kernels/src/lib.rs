#![doc = include_str!("../README.md")]
#![allow(
    clippy::inline_always,
    reason = "what is inlined into a kernel is compiled for its vectors, and nothing else is"
)]
#![allow(
    clippy::needless_range_loop,
    reason = "the kernels index several arrays of fixed length in step"
)]
#![cfg_attr(
    not(any(feature = "flex", feature = "ndarray")),
    allow(
        dead_code,
        unused_variables,
        reason = "no backend then has the kernels of the CPU"
    )
)]

mod adamw;
mod batch_norm;
mod convolution;
#[cfg(any(feature = "flex", feature = "ndarray", feature = "wgpu"))]
mod extension;
#[cfg(feature = "wgpu")]
mod gpu;
#[cfg(any(feature = "flex", feature = "ndarray", feature = "wgpu"))]
mod gradient;
mod instructions;
mod lanes;
mod memory;
mod operations;
mod output;
mod product;
mod sgd;

pub use adamw::AdamWStep;
pub use batch_norm::Epilogue;
pub use convolution::Convolution;
pub use instructions::{Instructions, UnavailableInstructions};
pub use memory::CachingAllocator;
pub use operations::{
    BatchNormTrain, adamw_step, are_finite, batch_norm, batch_norm_train, convolution,
    scaled_sgd_step, sgd_step, unscaled_step,
};
pub use sgd::{SgdStep, Unscaling};
