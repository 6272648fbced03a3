#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod checkpoint;

mod batch_norm;
mod buffer;
mod layers;
mod models;
mod named;
mod shortcut;
mod whitening;

pub use batch_norm::BatchNorm2d;
pub use buffer::Buffer;
pub use layers::{Convolution, InitialWeights, Linear};
pub use models::*;
pub use named::{MapNamed, batch_norm_biases, map_named, named_gradients, named_tensors};
pub use shortcut::Shortcut;
pub use whitening::Whitening;
