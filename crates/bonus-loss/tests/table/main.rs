//! Properties that every row of the table of losses has, on every backend.

mod cases;
mod closed_forms;
mod tensors;
