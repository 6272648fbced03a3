#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod checkpoint;

mod batch_norm;
mod layers;
mod models;
mod named;
mod running_statistic;
mod shortcut;

pub use batch_norm::BatchNorm2d;
pub use layers::{Convolution, InitialWeights, Linear, max_pool2d};
pub use models::*;
pub use named::{MapNamed, map_named, named_gradients, named_tensors};
pub use running_statistic::RunningStatistic;
pub use shortcut::Shortcut;
