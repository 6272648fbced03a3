//! The device used by a command. A GPU is compared with the CPU before it is trusted.

#[cfg(not(feature = "wgpu"))]
use std::path::{Path, PathBuf};

use anyhow::Result;
use training_kernels::Instructions;

use crate::device::{OpenDevice, Unavailable, open_cpu};
use crate::settings::{BackendChoice, PrecisionName};
use crate::terminal::{inform, tell};

/// Opens the device for `choice` to compute in `precision`, and prints notes about it.
///
/// `auto` uses a GPU if one is available that passes the tests, never a software adapter, and the
/// fastest CPU backend otherwise. `wgpu` accepts a software adapter too, with a warning, since the user
/// asked for it.
///
/// # Errors
/// When the backend is not compiled in, no adapter exists, or none of its configurations passes.
pub fn open_device(choice: BackendChoice, precision: PrecisionName) -> Result<OpenDevice> {
    #[cfg(not(feature = "wgpu"))]
    let _ = precision;
    // Before anything is tried on a GPU that is compared with the CPU.
    Instructions::chosen().map_err(Unavailable::Instructions)?;
    let device = match choice {
        #[cfg(feature = "wgpu")]
        BackendChoice::Wgpu => return gpu::open(precision),
        #[cfg(not(feature = "wgpu"))]
        BackendChoice::Wgpu => return Err(crate::device::not_compiled_in(choice).into()),
        #[cfg(feature = "wgpu")]
        BackendChoice::Auto => gpu::open_if_good(precision)?,
        _ => None,
    };
    let device = match device {
        Some(gpu) => gpu,
        None => open_cpu(choice)?,
    };
    if device.instructions == Some(Instructions::Scalar) {
        warn_of_scalar_instructions();
    }
    if choice == BackendChoice::Auto {
        #[cfg(not(feature = "wgpu"))]
        tell_of_gpu();
        inform(format_args!("backend: {}", device.description()));
    }
    Ok(device)
}

/// Warns that the CPU's vector instructions are not used, if it has any.
pub fn warn_of_scalar_instructions() {
    let widest = Instructions::widest();
    if widest != Instructions::Scalar {
        tell(format_args!(
            "warning: {} is scalar, so training is several times slower than with this machine's {widest}",
            Instructions::VARIABLE
        ));
    }
}

/// Explains how to use the GPU that this build does not support, if there is one.
#[cfg(not(feature = "wgpu"))]
fn tell_of_gpu() {
    let file = || gpu_device_file(Path::new("/dev")).map(|file| file.display().to_string());
    let metal = cfg!(target_os = "macos").then(|| "Metal".to_owned());
    if let Some(gpu) = metal.or_else(file) {
        inform(format_args!(
            "note: this build does not use this machine's GPU ({gpu}); to use it: `cargo run --release --features wgpu -- …`"
        ));
    }
}

/// The file of a GPU's driver among the devices of a Linux system in `dev`.
#[cfg(not(feature = "wgpu"))]
fn gpu_device_file(dev: &Path) -> Option<PathBuf> {
    let nvidia = Some(dev.join("nvidia0")).filter(|file| file.exists());
    let render_node = || {
        let files = dev.join("dri").read_dir().ok()?;
        let mut files = files.filter_map(|file| Some(file.ok()?.path()));
        files.find(|file| {
            let name = file.file_name().unwrap_or_default();
            name.to_string_lossy().starts_with("renderD")
        })
    };
    nvidia.or_else(render_node)
}

/// The precision that `device` uses if `wanted` is requested; prints why if they differ.
pub fn usable_precision(device: &OpenDevice, wanted: PrecisionName) -> PrecisionName {
    let precision = device.precision(wanted);
    if let (true, Err(reason)) = (precision != wanted, &device.in_mixed) {
        tell(format_args!(
            "warning: precision: {reason}; using {precision} instead of {wanted}"
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
    use gpu_device::{Adapter, KernelOptions};

    use crate::device::{OpenDevice, Unavailable, open_gpu};
    use crate::doctor::{CompareDevices, Tried, Verdict};
    use crate::settings::PrecisionName;
    use crate::terminal::{inform, tell};

    /// The first use of an adapter tunes its kernels, which takes minutes on some.
    const LIMIT: Duration = Duration::from_mins(15);

    /// The best adapter of this machine.
    ///
    /// # Errors
    /// When there is none.
    pub fn best_adapter() -> Result<Adapter, Unavailable> {
        Adapter::best().ok_or_else(|| {
            Unavailable::Backend(
                "expected a GPU, found no adapter: install the GPU's Vulkan driver, or use --backend flex".to_owned(),
            )
        })
    }

    /// Opens the best adapter, be it a software adapter.
    pub fn open(precision: PrecisionName) -> Result<OpenDevice> {
        let adapter = best_adapter()?;
        if adapter.identity.software {
            tell(format_args!(
                "warning: no GPU was found; wgpu runs on the software adapter {}, slower than --backend flex",
                adapter.identity.name
            ));
        }
        let device = open_where_right(&adapter, precision)?;
        Ok(device.ok_or_else(|| {
            Unavailable::Backend(format!(
                "expected a GPU that agrees with the CPU, found {} with {}: `experiment doctor` shows the differences; update the driver, or use --backend flex",
                adapter.identity.name, adapter.identity.driver
            ))
        })?)
    }

    /// The best GPU, if there is one that passes the tests.
    pub fn open_if_good(precision: PrecisionName) -> Result<Option<OpenDevice>> {
        let Some(adapter) = Adapter::best().filter(|adapter| !adapter.identity.software) else {
            return Ok(None);
        };
        let device = open_where_right(&adapter, precision)?;
        if device.is_none() {
            tell(format_args!(
                "warning: {} computes different results than the CPU, so it is not used; `experiment doctor` shows the differences",
                adapter.identity.name
            ));
        }
        Ok(device)
    }

    /// Opens `adapter` with the first options that pass in f32. Untested options are tested, in mixed
    /// precision only if that is `wanted`: each test takes minutes on a GPU's first use.
    fn open_where_right(adapter: &Adapter, wanted: PrecisionName) -> Result<Option<OpenDevice>> {
        let mut verdict = Verdict::known(&adapter.identity)?;
        for options in KernelOptions::of(adapter) {
            let in_f32 = tried(&mut verdict, adapter, options, PrecisionName::F32)?;
            if !in_f32.is_right() {
                inform(format_args!(
                    "note: {options} is not used on {}: {}, {}",
                    adapter.identity.name,
                    in_f32.verdict(),
                    in_f32.reason()
                ));
                continue;
            }
            tried(&mut verdict, adapter, options, wanted)?;
            let in_mixed = verdict.in_mixed(options);
            let device = open_gpu(adapter, options, in_f32.determinism(), in_mixed)?;
            return Ok(Some(device));
        }
        Ok(None)
    }

    /// The outcome of `options` in `precision`, from the cached verdict or a new test.
    fn tried(
        verdict: &mut Verdict,
        adapter: &Adapter,
        options: KernelOptions,
        precision: PrecisionName,
    ) -> Result<Tried> {
        let task = CompareDevices { options, precision };
        let tried = verdict.known_or_tried(task, LIMIT, || {
            inform(format_args!(
                "checking {} with {options} in {precision} against the CPU (once per driver and program; takes minutes on a GPU's first use)",
                adapter.identity.name
            ));
        })?;
        Ok(tried.clone())
    }
}

#[cfg(all(test, not(feature = "wgpu")))]
mod tests {
    use std::fs;

    use super::gpu_device_file;

    #[test]
    fn a_gpu_is_known_by_its_drivers_file() {
        let dev = tempfile::tempdir().unwrap();
        assert_eq!(gpu_device_file(dev.path()), None);
        fs::create_dir(dev.path().join("dri")).unwrap();
        fs::write(dev.path().join("dri/card0"), "").unwrap();
        assert_eq!(gpu_device_file(dev.path()), None);
        let render_node = dev.path().join("dri/renderD128");
        fs::write(&render_node, "").unwrap();
        assert_eq!(gpu_device_file(dev.path()), Some(render_node));
        let nvidia = dev.path().join("nvidia0");
        fs::write(&nvidia, "").unwrap();
        assert_eq!(gpu_device_file(dev.path()), Some(nvidia));
    }
}
