//! GPUs for Burn through wgpu: which there are, the ways to compile kernels for them, and where Burn
//! keeps what it learnt about them.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[cfg(feature = "wgpu")]
mod adapter;
#[cfg(feature = "wgpu")]
mod combination;
#[cfg(feature = "wgpu")]
mod runtime;
#[cfg(feature = "wgpu")]
mod wgsl;

use burn::tensor::Device;

#[cfg(feature = "wgpu")]
pub use self::adapter::{Adapter, AdapterIdentity};
#[cfg(feature = "wgpu")]
pub use self::combination::{Combination, Compiler};
#[cfg(feature = "wgpu")]
pub use self::runtime::cache_folder;

/// The software adapter of this machine as tests want it: the safest combination, and a message on
/// standard error where there is no adapter or its driver refuses. Without the feature `wgpu` there is none, and nothing
/// is said.
pub fn software() -> Option<Device> {
    #[cfg(feature = "wgpu")]
    return combination::software();
    #[cfg(not(feature = "wgpu"))]
    None
}
