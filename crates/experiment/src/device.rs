//! The compiled-in backends and the device that each one opens.

use anyhow::Context;
use burn::tensor::Device;
#[cfg(feature = "wgpu")]
use gpu_device::{Adapter, KernelOptions};
use training_kernels::{Instructions, UnavailableInstructions};

use crate::records::Determinism;
use crate::settings::{BackendChoice, PrecisionName};

/// A device ready for use.
#[derive(Clone, Debug)]
pub struct OpenDevice {
    pub device: Device,
    /// The backend that was opened; never `auto`.
    pub backend: BackendChoice,
    /// The device as it names itself.
    pub name: String,
    pub driver: Option<String>,
    /// Its kernel options, if there is a choice.
    pub kernels: Option<String>,
    /// Those that the CPU's kernels run with; `None` on a GPU.
    pub instructions: Option<Instructions>,
    /// The reproducibility of training in f32.
    pub in_f32: Determinism,
    /// The same in mixed precision, or why it is not supported.
    pub in_mixed: Result<Determinism, String>,
}

/// Why a backend cannot be opened, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    #[error("backend: {0}")]
    Backend(String),
    #[error("{name}: {0}", name = Instructions::VARIABLE)]
    Instructions(UnavailableInstructions),
}

impl OpenDevice {
    /// Backend, device and instructions, such as `flex (CPU, avx2)`.
    pub fn description(&self) -> String {
        let instructions = self.instructions.map(|set| format!(", {set}"));
        format!(
            "{} ({}{})",
            self.backend,
            self.name,
            instructions.unwrap_or_default()
        )
    }

    /// What the same training gives again in `precision`, which this device computes in.
    pub fn determinism(&self, precision: PrecisionName) -> Determinism {
        match (precision, &self.in_mixed) {
            (PrecisionName::Mixed, Ok(determinism)) => *determinism,
            _ => self.in_f32,
        }
    }

    /// What else results in `precision` may depend on: whether they repeat, driver and kernels.
    pub fn details(&self, precision: PrecisionName) -> String {
        let mut details = match self.determinism(precision) {
            Determinism::Bitwise => "results are bitwise reproducible".to_owned(),
            #[cfg(feature = "wgpu")]
            Determinism::Tolerance => "results are reproducible up to rounding".to_owned(),
        };
        for (name, value) in [("driver", &self.driver), ("kernels", &self.kernels)] {
            if let Some(value) = value {
                details += &format!(", {name} {value}");
            }
        }
        details
    }

    /// The device on which gradients are recorded.
    pub fn autodiff(&self) -> Device {
        self.device.clone().autodiff()
    }

    /// The precision that this device uses if `wanted` is requested.
    pub fn precision(&self, wanted: PrecisionName) -> PrecisionName {
        match self.in_mixed {
            Err(_) => PrecisionName::F32,
            Ok(_) => wanted,
        }
    }
}

/// The CPU backends that are compiled in, the fastest first.
const CPU_BACKENDS: &[BackendChoice] = &[
    #[cfg(feature = "flex")]
    BackendChoice::Flex,
    #[cfg(feature = "ndarray")]
    BackendChoice::Ndarray,
];

/// The fastest CPU backend, which GPUs are compared with too.
///
/// # Errors
/// When none is compiled in.
pub fn cpu_backend() -> Result<BackendChoice, Unavailable> {
    first_of(CPU_BACKENDS)
}

fn first_of(backends: &[BackendChoice]) -> Result<BackendChoice, Unavailable> {
    backends.first().copied().ok_or_else(|| {
        Unavailable::Backend(
            "expected a CPU backend in this build, to train on or to compare a GPU with, found none: build it without `--no-default-features`, or with `--features flex` too".to_owned(),
        )
    })
}

/// Opens the CPU backend that `choice` names, the fastest one for `auto`.
///
/// # Errors
/// When the backend is not compiled in, or none of the CPU; when the environment asks for instructions that
/// this machine does not have.
pub fn open_cpu(choice: BackendChoice) -> Result<OpenDevice, Unavailable> {
    if choice == BackendChoice::Auto {
        return open_cpu(cpu_backend()?);
    }
    let device = cpu_device(choice).ok_or_else(|| not_compiled_in(choice))?;
    Ok(OpenDevice {
        device,
        backend: choice,
        name: "CPU".to_owned(),
        driver: None,
        kernels: None,
        instructions: Some(Instructions::chosen().map_err(Unavailable::Instructions)?),
        in_f32: Determinism::Bitwise,
        in_mixed: Err(format!("the kernels of {choice} compute in f32")),
    })
}

/// That of the CPU backend that `choice` names, where it is compiled in.
fn cpu_device(choice: BackendChoice) -> Option<Device> {
    match choice {
        #[cfg(feature = "flex")]
        BackendChoice::Flex => Some(Device::flex()),
        // Burn deprecates this backend; it stays for comparison as long as Burn ships it.
        #[cfg(feature = "ndarray")]
        #[allow(deprecated)]
        BackendChoice::Ndarray => Some(Device::ndarray()),
        _ => None,
    }
}

/// Opens `adapter` with `options` and its test results: whether it is deterministic in f32, in which
/// it passed, and in mixed precision, or why it did not pass there. Call it once per process.
///
/// # Errors
/// When the driver fails.
#[cfg(feature = "wgpu")]
pub fn open_gpu(
    adapter: &Adapter,
    options: KernelOptions,
    in_f32: Determinism,
    in_mixed: Result<Determinism, &str>,
) -> Result<OpenDevice, Unavailable> {
    let identity = adapter.identity.clone();
    let device = (options.open(adapter))
        .map_err(|error| Unavailable::Backend(format!("{}: {error:#}", identity.name)))?;
    Ok(OpenDevice {
        device,
        backend: BackendChoice::Wgpu,
        name: identity.name,
        driver: Some(format!("{} ({})", identity.driver, identity.api)),
        kernels: Some(options.to_string()),
        instructions: None,
        in_f32,
        in_mixed: in_mixed.map_err(str::to_owned),
    })
}

/// Lets the CPU backends use `threads` threads, all cores where `None`. To be called once, before
/// any tensor exists, on the thread that computes.
///
/// That thread is one of them: handing each small operation to another thread and waiting for it would
/// take longer than many of them.
pub fn use_threads(threads: Option<usize>) -> anyhow::Result<()> {
    // 0 leaves it to rayon, which takes all cores.
    let threads = threads.unwrap_or(0);
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .use_current_thread()
        .build_global()
        .with_context(|| format!("threads: {threads} threads could not be started"))
}

/// The error for a backend that is left out of this build.
pub fn not_compiled_in(missing: BackendChoice) -> Unavailable {
    Unavailable::Backend(format!(
        "expected one that this program was built with, found {missing}: build it with `cargo run --release --features {missing} -- …`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "flex")]
    #[test]
    fn a_cpu_backend_opens_under_its_own_name() {
        let device = open_cpu(BackendChoice::Flex).expect("flex is compiled in");
        assert_eq!(device.backend, BackendChoice::Flex);
        let instructions = Instructions::chosen().expect("those of this test");
        assert_eq!(device.description(), format!("flex (CPU, {instructions})"));
    }

    #[cfg(feature = "flex")]
    #[test]
    fn a_cpu_backend_computes_in_f32_whatever_is_wanted_and_says_why() {
        let device = open_cpu(BackendChoice::Flex).expect("flex is compiled in");
        assert_eq!(device.precision(PrecisionName::Mixed), PrecisionName::F32);
        let reason = device.in_mixed.expect_err("a reason");
        assert_eq!(reason, "the kernels of flex compute in f32");
    }

    #[cfg(any(feature = "flex", feature = "ndarray"))]
    #[test]
    fn auto_is_resolved() {
        let device = open_cpu(BackendChoice::Auto).expect("a CPU backend is compiled in");
        assert_ne!(device.backend, BackendChoice::Auto);
    }

    #[test]
    fn a_program_without_a_cpu_backend_says_how_to_get_one() {
        let message = first_of(&[]).unwrap_err().to_string();
        assert!(
            message.starts_with("backend: expected a CPU backend"),
            "{message}"
        );
        assert!(message.contains("`--features flex`"), "{message}");
    }
}
