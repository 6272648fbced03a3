//! What computes: the backends compiled in and the device each one opens.

use burn::tensor::{DType, Device};

use crate::sweep::{BackendChoice, PrecisionName};

/// A device ready for use.
#[derive(Clone, Debug)]
pub struct OpenDevice {
    pub device: Device,
    /// The backend that was opened; never `auto`.
    pub backend: BackendChoice,
    /// The device as it names itself, and what its kernels are compiled for where it says so.
    pub name: String,
    pub driver: Option<String>,
    /// Why it cannot compute in mixed precision, where it cannot.
    pub mixed_unavailable: Option<String>,
    /// What the user should know before computing on it.
    pub warning: Option<String>,
}

/// Why a backend cannot be opened, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("backend: {0}")]
pub struct Unavailable(String);

impl OpenDevice {
    /// The device on which gradients are recorded.
    pub fn autodiff(&self) -> Device {
        self.device.clone().autodiff()
    }

    /// The precision in which this device computes what asks for `wanted`.
    pub fn precision(&self, wanted: PrecisionName) -> PrecisionName {
        match self.mixed_unavailable {
            Some(_) => PrecisionName::F32,
            None => wanted,
        }
    }
}

/// Why `device` cannot compute in mixed precision; `None` where it can.
fn mixed_unavailable(backend: BackendChoice, device: &Device) -> Option<String> {
    if backend != BackendChoice::Wgpu {
        return Some(format!("the kernels of {backend} compute in f32"));
    }
    (!device.supports_dtype(DType::F16)).then(|| "the adapter does not compute in f16".to_owned())
}

/// Opens the device that `choice` names.
///
/// `auto` takes a GPU where one is at hand, never a software adapter, and the fastest CPU backend
/// otherwise. `wgpu` takes a software adapter too, with a warning, since the user asked for it.
///
/// # Errors
/// When the backend is not compiled in, or no adapter exists.
pub fn open(choice: BackendChoice) -> Result<OpenDevice, Unavailable> {
    match choice {
        BackendChoice::Auto => open(automatic()),
        #[cfg(feature = "wgpu")]
        BackendChoice::Wgpu => wgpu::open(),
        #[cfg(feature = "flex")]
        BackendChoice::Flex => Ok(cpu(choice, Device::flex())),
        // Burn deprecates this backend; it stays for comparison as long as Burn ships it.
        #[cfg(feature = "ndarray")]
        #[allow(deprecated)]
        BackendChoice::Ndarray => Ok(cpu(choice, Device::ndarray())),
        // Reached where a backend is left out of the build.
        #[allow(unreachable_patterns)]
        missing => Err(Unavailable(format!(
            "expected one that this binary was built with, found {missing}: build it again with `cargo build --release -p experiment --features {missing}`"
        ))),
    }
}

fn automatic() -> BackendChoice {
    #[cfg(feature = "wgpu")]
    if wgpu::hardware().is_some() {
        return BackendChoice::Wgpu;
    }
    if cfg!(feature = "flex") {
        BackendChoice::Flex
    } else {
        BackendChoice::Ndarray
    }
}

#[cfg(any(feature = "flex", feature = "ndarray"))]
fn cpu(backend: BackendChoice, device: Device) -> OpenDevice {
    OpenDevice {
        mixed_unavailable: mixed_unavailable(backend, &device),
        device,
        backend,
        name: "CPU".to_owned(),
        driver: None,
        warning: None,
    }
}

#[cfg(feature = "wgpu")]
mod wgpu {
    use burn::tensor::{Device, DeviceType};

    use super::{BackendChoice, OpenDevice, Unavailable, mixed_unavailable};

    /// The first real GPU, or else the first software adapter.
    pub fn open() -> Result<OpenDevice, Unavailable> {
        if let Some(gpu) = hardware() {
            return Ok(describe(gpu));
        }
        let adapters = Device::enumerate(DeviceType::Wgpu).into_vec();
        let Some(software) = adapters.into_iter().next() else {
            return Err(Unavailable(
                "expected a GPU for wgpu, found no adapter: install the GPU's Vulkan driver, or use --backend flex".to_owned(),
            ));
        };
        let mut device = describe(software);
        device.warning = Some(format!(
            "no GPU was found; wgpu runs on the software adapter {}, slower than --backend flex",
            device.name
        ));
        Ok(device)
    }

    /// The first adapter that is a card; a software adapter has no physical device.
    pub fn hardware() -> Option<Device> {
        let gpu = Device::enumerate_physical().into_iter().next()?;
        gpu.devices.into_vec().into_iter().next()
    }

    fn describe(device: Device) -> OpenDevice {
        let identity = device.identity();
        OpenDevice {
            mixed_unavailable: mixed_unavailable(BackendChoice::Wgpu, &device),
            device,
            backend: BackendChoice::Wgpu,
            name: identity.as_ref().map_or_else(
                || "unnamed adapter".to_owned(),
                |identity| identity.name.clone(),
            ),
            driver: identity.map(|identity| identity.fingerprint),
            warning: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "flex")]
    #[test]
    fn a_cpu_backend_opens_under_its_own_name() {
        let device = open(BackendChoice::Flex).expect("flex is compiled in");
        assert_eq!(device.backend, BackendChoice::Flex);
    }

    #[cfg(feature = "flex")]
    #[test]
    fn a_cpu_backend_computes_in_f32_whatever_is_wanted_and_says_why() {
        let device = open(BackendChoice::Flex).expect("flex is compiled in");
        assert_eq!(device.precision(PrecisionName::Mixed), PrecisionName::F32);
        let reason = device.mixed_unavailable.expect("a reason");
        assert_eq!(reason, "the kernels of flex compute in f32");
    }

    #[test]
    fn auto_is_resolved() {
        let device = open(BackendChoice::Auto).expect("a CPU is always there");
        assert_ne!(device.backend, BackendChoice::Auto);
    }
}
