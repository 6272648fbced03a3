//! What computes: the backends compiled in and the device each one opens.

use anyhow::{Result, bail};
use burn::tensor::Device;

use crate::sweep::BackendChoice;

/// A device ready for use.
#[derive(Clone, Debug)]
pub struct OpenDevice {
    pub device: Device,
    /// The backend that was opened; never `auto`.
    pub backend: BackendChoice,
    /// The device as it names itself, and what its kernels are compiled for where it says so.
    pub name: String,
    pub driver: Option<String>,
}

impl OpenDevice {
    /// The device on which gradients are recorded.
    pub fn autodiff(&self) -> Device {
        self.device.clone().autodiff()
    }
}

/// Opens the device that `choice` names.
///
/// `auto` takes a GPU where one is at hand, never a software adapter, and the fastest CPU backend
/// otherwise. `wgpu` takes a software adapter too, with a warning, since the user asked for it.
///
/// # Errors
/// When the backend is not compiled in, or no adapter exists.
pub fn open(choice: BackendChoice) -> Result<OpenDevice> {
    match choice {
        BackendChoice::Auto => match gpu::hardware() {
            Some(device) => Ok(device),
            None => open_cpu(),
        },
        BackendChoice::Wgpu => gpu::open(),
        BackendChoice::Flex => open_flex(),
        BackendChoice::Ndarray => open_ndarray(),
    }
}

fn open_cpu() -> Result<OpenDevice> {
    if cfg!(feature = "flex") {
        open_flex()
    } else if cfg!(feature = "ndarray") {
        open_ndarray()
    } else {
        bail!(
            "backend: no GPU was found and this binary has no CPU backend: build it with --features flex"
        )
    }
}

#[cfg(any(feature = "flex", feature = "ndarray"))]
fn cpu(backend: BackendChoice, device: Device) -> OpenDevice {
    OpenDevice {
        device,
        backend,
        name: "CPU".to_owned(),
        driver: None,
    }
}

#[cfg(feature = "flex")]
fn open_flex() -> Result<OpenDevice> {
    Ok(cpu(BackendChoice::Flex, Device::flex()))
}

#[cfg(not(feature = "flex"))]
fn open_flex() -> Result<OpenDevice> {
    Err(missing(BackendChoice::Flex))
}

#[cfg(feature = "ndarray")]
fn open_ndarray() -> Result<OpenDevice> {
    // Burn deprecates this backend; it stays here for comparison as long as Burn ships it.
    #[allow(deprecated)]
    let device = Device::ndarray();
    Ok(cpu(BackendChoice::Ndarray, device))
}

#[cfg(not(feature = "ndarray"))]
fn open_ndarray() -> Result<OpenDevice> {
    Err(missing(BackendChoice::Ndarray))
}

#[cfg(not(all(feature = "flex", feature = "ndarray", feature = "wgpu")))]
fn missing(backend: BackendChoice) -> anyhow::Error {
    anyhow::anyhow!(
        "backend: this binary was built without `{backend}`: build it again with `cargo build --release --features {backend}`"
    )
}

#[cfg(feature = "wgpu")]
mod gpu {
    use anyhow::{Context, Result};
    use burn::tensor::{Device, DeviceType};

    use super::{BackendChoice, OpenDevice};

    /// The first real GPU.
    pub fn hardware() -> Option<OpenDevice> {
        let gpu = Device::enumerate_physical().into_iter().next()?;
        let device = gpu.devices.into_vec().into_iter().next()?;
        Some(describe(device))
    }

    pub fn open() -> Result<OpenDevice> {
        if let Some(device) = hardware() {
            return Ok(device);
        }
        let software = Device::enumerate(DeviceType::Wgpu)
            .into_vec()
            .into_iter()
            .next()
            .context("backend: wgpu found no adapter on this machine: install the GPU's Vulkan driver, or use --backend flex")?;
        let device = describe(software);
        eprintln!(
            "warning: no GPU was found; wgpu runs on the software adapter {}, which is slower than --backend flex",
            device.name
        );
        Ok(device)
    }

    fn describe(device: Device) -> OpenDevice {
        let identity = device.identity();
        OpenDevice {
            backend: BackendChoice::Wgpu,
            name: identity
                .as_ref()
                .map_or_else(|| "unknown adapter".to_owned(), |identity| identity.name.clone()),
            driver: identity.map(|identity| identity.fingerprint),
            device,
        }
    }
}

#[cfg(not(feature = "wgpu"))]
mod gpu {
    use anyhow::Result;

    use super::{BackendChoice, OpenDevice, missing};

    pub fn hardware() -> Option<OpenDevice> {
        None
    }

    pub fn open() -> Result<OpenDevice> {
        Err(missing(BackendChoice::Wgpu))
    }
}
