//! Tests of the whole program, a file for each topic.

mod bad_input;
mod bench;
mod child;
mod command_line;
mod comparison;
mod data;
mod diff;
mod eval;
mod export;
#[cfg(feature = "wgpu")]
mod gpu;
mod instructions;
mod jobs;
mod metrics;
mod models;
mod optimizers;
mod page;
mod provenance;
mod readme;
mod report;
mod resume;
mod rooms;
mod run;
mod show;
mod sources;
mod store;
mod style;
mod support;
mod terminal;
mod verify;
mod work;
