//! `experiment`: settles which classification loss is better. See README.md and DESIGN.md.

mod commands;
mod data;
mod device;
mod measure;
mod plan;
mod report;
mod store;
mod sweep;
mod train;

use std::process::ExitCode;

use clap::Parser;

use crate::commands::{CommandLine, Unfinished};
use crate::data::DataError;
use crate::store::StoreError;
use crate::sweep::Diagnostics;

fn main() -> ExitCode {
    match commands::execute(&CommandLine::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of our output has left, as `head` does: nobody is there to be told.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            match error.downcast_ref::<Diagnostics>() {
                Some(diagnostics) => diagnostics.print(),
                None => eprintln!("error: {error:#}"),
            }
            ExitCode::from(exit_code(&error))
        }
    }
}

/// 1 unexpected, 2 bad usage or settings, 3 some trials failed, 4 data, 5 store locked,
/// 75 interrupted and resumable.
fn exit_code(error: &anyhow::Error) -> u8 {
    if error.is::<Diagnostics>() {
        2
    } else if let Some(unfinished) = error.downcast_ref::<Unfinished>() {
        match unfinished {
            Unfinished::Failed { .. } => 3,
            Unfinished::Interrupted { .. } => 75,
        }
    } else if error.is::<DataError>() {
        4
    } else if let Some(StoreError::Locked { .. }) = error.downcast_ref() {
        5
    } else {
        1
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
