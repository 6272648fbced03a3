//! The device that a command computes on. A GPU is held against the CPU before it is trusted.

use anyhow::Result;

use super::tell;
use crate::device::{OpenDevice, open_cpu};
use crate::sweep::{BackendChoice, PrecisionName};

/// Opens the device for `choice` and tells what is noteworthy about it.
///
/// `auto` takes a GPU where one is at hand that computes rightly, never a software adapter, and the
/// fastest CPU backend otherwise. `wgpu` takes a software adapter too, with a warning, since the user
/// asked for it.
///
/// # Errors
/// When the backend is not compiled in, no adapter exists, or none of the ways to compute on it is right.
pub fn open_device(choice: BackendChoice) -> Result<OpenDevice> {
    let device = match choice {
        #[cfg(feature = "wgpu")]
        BackendChoice::Wgpu => return gpu::open(),
        #[cfg(not(feature = "wgpu"))]
        BackendChoice::Wgpu => return Err(crate::device::not_compiled_in(choice).into()),
        #[cfg(feature = "wgpu")]
        BackendChoice::Auto => gpu::open_if_good()?,
        _ => None,
    };
    let device = match device {
        Some(gpu) => gpu,
        None => open_cpu(choice)?,
    };
    if choice == BackendChoice::Auto {
        tell(format_args!(
            "backend: {} ({})",
            device.backend, device.name
        ));
    }
    Ok(device)
}

/// The precision in which `device` computes what asks for `wanted`; says why where it is another.
pub fn usable_precision(device: &OpenDevice, wanted: PrecisionName) -> PrecisionName {
    let precision = device.precision(wanted);
    if let (true, Some(reason)) = (precision != wanted, &device.mixed_unavailable) {
        tell(format_args!(
            "warning: precision: {reason}; {precision} takes the place of {wanted}"
        ));
    }
    precision
}

#[cfg(feature = "wgpu")]
pub use self::gpu::best_adapter;

#[cfg(feature = "wgpu")]
mod gpu {
    use std::time::Duration;

    use anyhow::Result;
    use gpu_device::{Adapter, Combination};

    use super::super::tell;
    use crate::device::{Determinism, OpenDevice, Unavailable, open_gpu};
    use crate::doctor::{Verdict, try_in_child};

    /// The first use of an adapter tunes its kernels, which takes minutes on some.
    const LIMIT: Duration = Duration::from_mins(15);

    /// The best adapter of this machine.
    ///
    /// # Errors
    /// When there is none.
    pub fn best_adapter() -> Result<Adapter, Unavailable> {
        Adapter::best().ok_or_else(|| {
            Unavailable(
                "expected a GPU, found no adapter: install the GPU's Vulkan driver, or use --backend flex".to_owned(),
            )
        })
    }

    /// Opens the best adapter, be it a software adapter.
    pub fn open() -> Result<OpenDevice> {
        let adapter = best_adapter()?;
        if adapter.identity.software {
            tell(format_args!(
                "warning: no GPU was found; wgpu runs on the software adapter {}, slower than --backend flex",
                adapter.identity.name
            ));
        }
        let device = open_where_right(&adapter)?;
        Ok(device.ok_or_else(|| {
            Unavailable(format!(
                "expected a GPU that computes as the CPU does, found {} with {}: `experiment doctor` shows what differs; update the driver, or use --backend flex",
                adapter.identity.name, adapter.identity.driver
            ))
        })?)
    }

    /// The best GPU, where there is one that computes rightly.
    pub fn open_if_good() -> Result<Option<OpenDevice>> {
        let Some(adapter) = Adapter::best().filter(|adapter| !adapter.identity.software) else {
            return Ok(None);
        };
        let device = open_where_right(&adapter)?;
        if device.is_none() {
            tell(format_args!(
                "warning: {} does not compute as the CPU does, so it is not used; `experiment doctor` shows what differs",
                adapter.identity.name
            ));
        }
        Ok(device)
    }

    /// Opens `adapter` in the first way that is right, trying those that have not been tried yet.
    fn open_where_right(adapter: &Adapter) -> Result<Option<OpenDevice>> {
        let mut verdict = Verdict::known(&adapter.identity)?;
        for combination in Combination::of(adapter) {
            if verdict.of(combination).is_none() {
                tell(format_args!(
                    "checking {} with {combination} against the CPU (once for this driver and program; a GPU's first time takes minutes)",
                    adapter.identity.name
                ));
                verdict.add(try_in_child(combination, LIMIT)?)?;
            }
            match verdict.of(combination) {
                Some(tried) if tried.is_right() => {
                    let determinism = if tried.is_deterministic() {
                        Determinism::Bitwise
                    } else {
                        Determinism::Tolerance
                    };
                    let mixed_unavailable = tried.mixed_unavailable();
                    let device = open_gpu(adapter, combination, determinism, mixed_unavailable)?;
                    return Ok(Some(device));
                }
                Some(tried) => tell(format_args!(
                    "note: {combination} is not used on {}: {}, {}",
                    adapter.identity.name,
                    tried.verdict(),
                    tried.ground()
                )),
                None => {}
            }
        }
        Ok(None)
    }
}
