//! GPUs for Burn through wgpu: listing them, the options for compiling kernels, and where Burn
//! caches its tuning results.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[cfg(feature = "wgpu")]
mod adapter;
#[cfg(feature = "wgpu")]
mod error;
#[cfg(feature = "wgpu")]
mod kernel_options;
#[cfg(feature = "wgpu")]
mod runtime;
mod testing;
#[cfg(feature = "wgpu")]
mod wgsl;

#[cfg(feature = "wgpu")]
pub use self::adapter::{Adapter, AdapterIdentity};
#[cfg(feature = "wgpu")]
pub use self::error::{OpenError, UnknownKernelOptions};
#[cfg(feature = "wgpu")]
pub use self::kernel_options::{Compiler, KernelOptions};
#[cfg(feature = "wgpu")]
pub use self::runtime::cache_folder;
pub use self::testing::{skip, software, software_with_f16};
