#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod checkpoint;
pub mod random;

mod batch_norm;
mod layers;
mod models;
mod named;
mod running_statistic;
mod shortcut;

pub use batch_norm::BatchNorm2d;
pub use layers::{Convolution, InitialWeights, Linear};
pub use models::{
    BasicBlock, Classifier, ConvolutionLayer, InputShapes, MODEL_NAMES, MODELS, Model, ModelConfig,
    ModelEntry, ModelParameter, Precision, ResNet18, ResNet18Config, Shapes, UnexpectedShape,
    WIDTH, find,
};
pub use named::{MapNamed, map_named, named_gradients, named_tensors};
pub use running_statistic::RunningStatistic;
pub use shortcut::Shortcut;
