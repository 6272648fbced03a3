//! `experiment`: finds out which classification loss is better. See README.md and DESIGN.md.

#![forbid(unsafe_code)]

mod bench;
mod child;
mod cluster;
mod commands;
mod cpu;
mod data;
mod datasets;
mod device;
mod digest;
#[cfg(feature = "wgpu")]
mod doctor;
mod exit;
mod forecast;
mod json;
mod measure;
mod memory;
mod plan;
mod records;
mod report;
mod session;
mod settings;
mod store;
mod study;
mod sweep;
mod synthetic;
mod terminal;
mod train;

use std::process::ExitCode;

use cifar_models::checkpoint::CheckpointError;
use clap::Parser;

use crate::commands::CommandLine;
use crate::data::DataError;
use crate::device::Unavailable;
use crate::exit::{BadInput, Exit};
use crate::session::Unfinished;
use crate::store::StoreError;
use crate::sweep::Diagnostics;

fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    let exit = commands::execute(&command_line).unwrap_or_else(|error| {
        // The reader of our output has exited, as `head` does: there is nobody to report to.
        if is_broken_pipe(&error) {
            return Exit::Done;
        }
        commands::tell_error(&command_line, &error);
        exit_of(&error)
    });
    exit.into()
}

fn exit_of(error: &anyhow::Error) -> Exit {
    let is_usage = error.is::<Diagnostics>()
        || error.is::<BadInput>()
        || error.is::<CheckpointError>()
        || error.is::<Unavailable>();
    match (error.downcast_ref(), error.downcast_ref()) {
        _ if is_usage => Exit::BadInput,
        _ if error.is::<DataError>() => Exit::Data,
        (Some(StoreError::NotAStore { .. } | StoreError::NoTrial { .. }), _) => Exit::BadInput,
        (_, Some(unfinished)) => Unfinished::exit(unfinished),
        _ => Exit::Unexpected,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
