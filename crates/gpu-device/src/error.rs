//! Errors when opening a GPU.

use burn::tensor::wgpu::wgpu::RequestDeviceError;
use cubecl::wgpu::WgpuInitError;
use cubecl_common::device_handle::ServiceCreationError;

/// Why an adapter cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Burn's settings or its access to the driver failed.
    #[error("device: {0}")]
    Burn(WgpuInitError),
    /// The driver did not provide a device.
    #[error("device: the driver refused: {0}")]
    Refused(RequestDeviceError),
    /// A device was registered in this process before.
    #[error("device: {0:?}")]
    Registered(ServiceCreationError),
}

/// A text that names no [`KernelOptions`](crate::KernelOptions).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected one of {known}, found {found}")]
pub struct UnknownKernelOptions {
    pub(crate) known: String,
    pub(crate) found: String,
}
