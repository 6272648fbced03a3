#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod checkpoint;

mod batch_norm;
mod layers;
mod named;
mod resnet18;
mod running_statistic;
mod shortcut;

pub use batch_norm::BatchNorm2d;
pub use layers::{Convolution, InitialWeights, Linear};
pub use named::{MapNamed, map_named, named_gradients, named_tensors};
pub use resnet18::{BasicBlock, Precision, ResNet18, ResNet18Config};
pub use running_statistic::RunningStatistic;
pub use shortcut::Shortcut;
