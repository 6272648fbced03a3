//! Text of a sweep file → checked settings. Does nothing but check.

mod settings;

pub use settings::*;
