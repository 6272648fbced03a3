//! What a network is worth, trained or training.

mod bench;
mod evaluate;

pub use bench::*;
pub use evaluate::*;
