//! `experiment`: settles which classification loss is better. See README.md and DESIGN.md.

#![forbid(unsafe_code)]

mod bench;
mod commands;
mod cpu;
mod data;
mod device;
mod digest;
#[cfg(feature = "wgpu")]
mod doctor;
mod json;
mod measure;
mod plan;
mod records;
mod report;
mod settings;
mod store;
mod sweep;
mod synthetic;
mod terminal;
mod train;

use std::process::ExitCode;

use cifar_models::checkpoint::CheckpointError;
use clap::Parser;
use training_kernels::KeepingAllocator;

use crate::commands::{BadInput, CommandLine, Unfinished};
use crate::data::DataError;
use crate::device::Unavailable;
use crate::store::StoreError;
use crate::sweep::Diagnostics;
use crate::terminal::tell;

#[global_allocator]
static ALLOCATOR: KeepingAllocator = KeepingAllocator::new();

fn main() -> ExitCode {
    match commands::execute(&CommandLine::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of our output has left, as `head` does: nobody is there to be told.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            match error.downcast_ref::<Diagnostics>() {
                Some(diagnostics) => diagnostics.print(),
                None => tell(format_args!("error: {error:#}")),
            }
            ExitCode::from(exit_code(&error))
        }
    }
}

/// What `commands::EXIT_CODES` promises.
fn exit_code(error: &anyhow::Error) -> u8 {
    let is_usage = error.is::<Diagnostics>()
        || error.is::<BadInput>()
        || error.is::<CheckpointError>()
        || error.is::<Unavailable>();
    match (error.downcast_ref(), error.downcast_ref()) {
        _ if is_usage => 2,
        _ if error.is::<DataError>() => 4,
        (Some(StoreError::NotAStore { .. }), _) => 2,
        (Some(StoreError::Locked { .. } | StoreError::NoLocks { .. }), _) => 5,
        (_, Some(unfinished)) => Unfinished::exit_code(unfinished),
        _ => 1,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
