//! `experiment doctor`: the CPU's instructions, and which configurations of the GPU are correct.

#[cfg(feature = "wgpu")]
mod gpu;

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use serde_json::json;
use training_kernels::Instructions;

use crate::cpu;
use crate::device::Unavailable;
use crate::json;
use crate::session::warn_of_scalar_instructions;
#[cfg(not(feature = "wgpu"))]
use crate::terminal::inform;
use crate::terminal::print;

/// Show the vector instructions of the CPU, and compare the GPU with the CPU
///
/// The GPU is tested in every configuration (SPIR-V and WGSL, with and without fusion), each in a separate
/// process, since drivers crash; the results are cached for this driver and program. `run` performs the tests
/// that it needs by itself. Comparing a GPU requires a program built with `--features wgpu`.
#[derive(Debug, Args)]
pub struct DoctorArguments {
    #[cfg(feature = "wgpu")]
    #[command(flatten)]
    gpu: gpu::GpuArguments,
    /// Show only the vector instructions of the CPU
    #[arg(long)]
    cpu: bool,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

/// The processor and the instructions of its kernels.
#[derive(Debug, Serialize)]
struct Cpu {
    name: String,
    cores: usize,
    /// The set that kernels run with.
    instructions: &'static str,
    /// The sets that this machine supports, widest last.
    available: Vec<&'static str>,
}

pub fn run(arguments: &DoctorArguments) -> Result<()> {
    let cpu = Cpu::of_this_machine()?;
    if cpu.instructions == Instructions::Scalar.name() {
        warn_of_scalar_instructions();
    }
    #[cfg(feature = "wgpu")]
    if !arguments.cpu {
        return gpu::run(&cpu, &arguments.gpu, arguments.json);
    }
    #[cfg(not(feature = "wgpu"))]
    if !arguments.cpu {
        return tell_without_gpu(&cpu, arguments.json);
    }
    if arguments.json {
        return print(&json::pretty(&json!({ "cpu": cpu })));
    }
    print(&cpu.text())
}

/// The processor, and why no GPU is compared with it.
#[cfg(not(feature = "wgpu"))]
fn tell_without_gpu(cpu: &Cpu, json: bool) -> Result<()> {
    let note = "this program was built without GPU support: `cargo run --release --features wgpu -- doctor`";
    if json {
        return print(&json::pretty(
            &json!({ "cpu": cpu, "adapter": null, "note": note }),
        ));
    }
    inform(format_args!("note: {note}"));
    print(&cpu.text())
}

impl Cpu {
    fn of_this_machine() -> Result<Self, Unavailable> {
        Ok(Self {
            name: cpu::name(),
            cores: cpu::cores(),
            instructions: Instructions::chosen()
                .map_err(Unavailable::Instructions)?
                .name(),
            available: Instructions::available().map(Instructions::name).collect(),
        })
    }

    fn text(&self) -> String {
        format!(
            "CPU: {}, {} {}, uses {} (available: {})\n",
            self.name,
            self.cores,
            if self.cores == 1 { "core" } else { "cores" },
            self.instructions,
            self.available.join(", ")
        )
    }
}
