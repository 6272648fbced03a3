//! The table of models. To add a model, add one file in `models/`, its module here, and its name in the table.

mod config;
mod entry;
mod lenet;
mod resnet18;

use burn::module::Module;
use burn::tensor::Tensor;

pub use self::config::{ModelConfig, Precision};
pub use self::entry::{
    Classifier, ConvolutionLayer, InputShapes, ModelEntry, ModelParameter, Shapes, UnexpectedShape,
    WIDTH,
};
pub use self::lenet::{LeNet, LeNetConfig};
pub use self::resnet18::{BasicBlock, ResNet18, ResNet18Config};

/// Generates [`MODELS`], their names, and [`Model`] from the types that implement [`Classifier`].
macro_rules! models {
    ($($model:ident),+ $(,)?) => {
        /// All models: names in TOML, the command line's list, documentation, the check of
        /// devices and the tests all use this table.
        pub static MODELS: &[ModelEntry] = &[$(
            ModelEntry::of::<$model>(|config, seed, device| {
                Model::$model($model::build(config, seed, device))
            })
        ),+];

        /// The names of [`MODELS`], in their order.
        pub const MODEL_NAMES: &[&str] = &[$($model::NAME),+];

        /// A network of any model of the table; create one with [`ModelConfig`].
        ///
        /// Its parameters have the names that they have in the network itself.
        #[derive(Module, Debug)]
        #[allow(clippy::large_enum_variant, reason = "a process holds a few of them")]
        pub enum Model {
            $(
                #[doc = concat!("[`", stringify!($model), "`].")]
                $model($model)
            ),+
        }

        impl Model {
            /// Logits of `images`: `[batch, channels, height, width]` to `[batch, classes]`.
            pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
                match self { $(Self::$model(network) => network.forward(images)),+ }
            }

            /// The input of the last layer: `[batch, channels, height, width]` to `[batch, features]`.
            pub fn features(&self, images: Tensor<4>) -> Tensor<2> {
                match self { $(Self::$model(network) => network.features(images)),+ }
            }

            /// The last layer: `[batch, features]` to logits `[batch, classes]`.
            pub fn classify(&self, features: Tensor<2>) -> Tensor<2> {
                match self { $(Self::$model(network) => network.classify(features)),+ }
            }

            /// Every convolution of images `[batch, height, width, channels]`, in their order.
            pub fn convolutions(&self, images: [usize; 4]) -> Vec<ConvolutionLayer> {
                match self { $(Self::$model(network) => network.convolutions(images)),+ }
            }
        }
    };
}

models! { ResNet18, LeNet }

/// The row of the table called `name`.
pub fn find(name: &str) -> Option<&'static ModelEntry> {
    MODELS.iter().find(|entry| entry.name == name)
}

#[cfg(test)]
mod tests;
