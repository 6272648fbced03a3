//! What happened, on disk.

mod result;

pub use result::*;
