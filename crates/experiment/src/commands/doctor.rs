//! `experiment doctor`: what this machine computes with, and which ways of computing on its GPU are right.

#[cfg(feature = "wgpu")]
mod gpu;

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use serde_json::json;
use training_kernels::Instructions;

use super::device::warn_of_scalar_instructions;
use super::print;
use crate::cpu;
use crate::device::Unavailable;
#[cfg(not(feature = "wgpu"))]
use crate::terminal::inform;

/// Tell what the CPU computes with, and compare the GPU with it
///
/// The GPU is tried in every way of computing on it (SPIR-V and WGSL, with fusion and without), each in a
/// process of its own, since drivers crash; what is right is remembered for this driver and program. `run`
/// does by itself what it needs of this. Only a program built with `--features wgpu` has this part.
#[derive(Debug, Args)]
pub struct DoctorArguments {
    #[cfg(feature = "wgpu")]
    #[command(flatten)]
    gpu: gpu::GpuArguments,
    /// Tell what the CPU computes with, and stop
    #[arg(long)]
    cpu: bool,
    /// Print all of it for programs
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
    /// The sets that this machine has, the widest one last.
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
        inform(
            "note: this program was built without the GPU's part: `cargo run --release --features wgpu -- doctor`",
        );
    }
    if arguments.json {
        return print(&(serde_json::to_string_pretty(&json!({ "cpu": cpu }))? + "\n"));
    }
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
            "CPU: {}, {} cores, computes with {} (has {})\n",
            self.name,
            self.cores,
            self.instructions,
            self.available.join(", ")
        )
    }
}
