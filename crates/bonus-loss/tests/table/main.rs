//! Properties that every row of the table of losses has, on every backend.

#![allow(clippy::doc_markdown, clippy::float_cmp)] // as in the library

mod cases;
mod closed_forms;
mod limits;
mod tensors;
