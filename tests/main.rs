//! Tests of the whole program, a file for each topic.

mod bad_input;
mod bench;
mod data;
#[cfg(feature = "wgpu")]
mod gpu;
mod instructions;
mod jobs;
mod readme;
mod resume;
mod run;
mod support;
mod terminal;
