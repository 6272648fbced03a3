//! Tests of the whole program, a file for each topic.

mod bad_input;
mod data;
mod gpu;
mod readme;
mod resume;
mod run;
mod support;
