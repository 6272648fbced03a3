//! Tests of the whole program, a file for each topic.

mod bad_input;
mod bench;
mod command_line;
mod data;
mod eval;
#[cfg(feature = "wgpu")]
mod gpu;
mod instructions;
mod jobs;
mod models;
mod provenance;
mod readme;
mod report;
mod resume;
mod run;
mod store;
mod support;
mod terminal;
