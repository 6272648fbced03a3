#![doc = include_str!("../README.md")]
// The kernels index several arrays of fixed length in step.
#![allow(clippy::needless_range_loop)]

mod batch_norm;
mod convolution;
#[cfg(any(feature = "flex", feature = "ndarray"))]
mod extension;
#[cfg(any(feature = "flex", feature = "ndarray"))]
mod gradient;
mod lanes;
mod memory;
mod operations;
mod output;
mod product;

pub use batch_norm::Then;
pub use convolution::Convolution;
pub use memory::KeepingAllocator;
pub use operations::{BatchNormTrain, batch_norm, batch_norm_train, convolution};
