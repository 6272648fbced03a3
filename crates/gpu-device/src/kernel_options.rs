//! Options for compiling GPU kernels.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;
use burn::tensor::wgpu::wgpu::Backend;
use serde::{Deserialize, Serialize};

use crate::adapter::Adapter;
use crate::error::{OpenError, UnknownKernelOptions};
use crate::{runtime, wgsl};

/// How operations are compiled to kernels. Some drivers compute wrong results with some options, so each is
/// compared with the CPU before training with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct KernelOptions {
    /// The language of the kernels.
    pub compiler: Compiler,
    /// Whether adjacent operations are fused into one kernel.
    pub fusion: bool,
}

/// The language in which kernels are passed to the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compiler {
    /// Vulkan's own; the only one that reaches tensor cores.
    SpirV,
    /// WebGPU's; wgpu translates it for every graphics API.
    Wgsl,
}

impl KernelOptions {
    const ALL: [Self; 4] = [
        Self::new(Compiler::SpirV, true),
        Self::new(Compiler::SpirV, false),
        Self::new(Compiler::Wgsl, true),
        Self::new(Compiler::Wgsl, false),
    ];

    /// The options that fail with the fewest drivers.
    pub const SAFEST: Self = Self::new(Compiler::Wgsl, false);

    const fn new(compiler: Compiler, fusion: bool) -> Self {
        Self { compiler, fusion }
    }

    /// The options available on `adapter`, expected fastest first; on a software adapter, where
    /// speed does not matter, simplest first.
    pub fn of(adapter: &Adapter) -> Vec<Self> {
        let exists =
            |options: &Self| options.compiler == Compiler::Wgsl || adapter.api == Backend::Vulkan;
        let mut available: Vec<Self> = Self::ALL.into_iter().filter(exists).collect();
        if adapter.identity.software {
            available.reverse();
        }
        available
    }

    /// Opens `adapter` with these options. Call it once per process, before any other use of a GPU:
    /// Burn's settings are process-wide.
    ///
    /// # Errors
    /// When the driver fails.
    pub fn open(self, adapter: &Adapter) -> Result<Device, OpenError> {
        runtime::configure(self.fusion, adapter.identity.software);
        if self.compiler == Compiler::Wgsl && adapter.api == Backend::Vulkan {
            return wgsl::open(adapter);
        }
        Device::wgpu_options()
            .device_kind(adapter.kind.clone())
            .graphics_api(adapter.backend())
            .init()
            .map_err(OpenError::Burn)
    }
}

impl fmt::Display for KernelOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match (self.compiler, self.fusion) {
            (Compiler::SpirV, true) => "spirv+fusion",
            (Compiler::SpirV, false) => "spirv",
            (Compiler::Wgsl, true) => "wgsl+fusion",
            (Compiler::Wgsl, false) => "wgsl",
        })
    }
}

impl FromStr for KernelOptions {
    type Err = UnknownKernelOptions;

    fn from_str(text: &str) -> Result<Self, UnknownKernelOptions> {
        let known = Self::ALL
            .into_iter()
            .find(|known| known.to_string() == text);
        known.ok_or_else(|| UnknownKernelOptions {
            known: Self::ALL.map(|known| known.to_string()).join(", "),
            found: text.to_owned(),
        })
    }
}

impl From<KernelOptions> for String {
    fn from(options: KernelOptions) -> Self {
        options.to_string()
    }
}

impl TryFrom<String> for KernelOptions {
    type Error = UnknownKernelOptions;

    fn try_from(text: String) -> Result<Self, UnknownKernelOptions> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_from_their_name() {
        for options in KernelOptions::ALL {
            assert_eq!(options.to_string().parse(), Ok(options));
        }
        let error = "cuda".parse::<KernelOptions>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected one of spirv+fusion, spirv, wgsl+fusion, wgsl, found cuda"
        );
    }
}
