//! Checked settings of a sweep: what the text of a TOML file means.

use bonus_loss::LossConfig;

/// A sweep file, read and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    pub name: String,
    pub description: String,
    /// The values of `[train]`, one for each point of `[grid]` (one where there is no grid).
    pub points: Vec<TrainSettings>,
    /// The keys of `[grid]` in the order of the file.
    pub axes: Vec<String>,
    pub losses: Vec<LossConfig>,
    pub seeds: Vec<u64>,
    pub execution: ExecutionSettings,
}

/// Where and how a sweep runs; nothing here changes the mathematics or a trial's id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExecutionSettings {
    pub backend: BackendChoice,
    /// Threads of the CPU backends; all cores where `None`.
    pub threads: Option<usize>,
}

/// The keys of `[train]` that change the mathematics. The defaults are pytorch-cifar's recipe and
/// never change once released, since a trial's id leaves out keys at their default.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainSettings {
    pub dataset: DatasetName,
    /// `shapes` only: standard deviation of the pixel noise, in units of the pixel range.
    pub noise: f64,
    /// `shapes` only: share of images that mix two classes, in [0, 1].
    pub ambiguous: f64,
    pub model: ModelName,
    /// Channels of the first stage; 64 is the standard network.
    pub width: usize,
    pub epochs: usize,
    pub batch_size: usize,
    pub optimizer: OptimizerName,
    pub learning_rate: f64,
    pub momentum: f64,
    pub nesterov: bool,
    pub weight_decay: f64,
    /// Whether weight decay acts on batch norm's parameters and on biases too.
    pub decay_norm_and_bias: bool,
    pub schedule: ScheduleName,
    /// Epochs during which the learning rate rises linearly to its full value.
    pub warmup_epochs: usize,
    /// `schedule = "step"` only: epochs between two reductions.
    pub step_epochs: usize,
    /// `schedule = "step"` only: factor of each reduction.
    pub step_factor: f64,
    pub augmentation: AugmentationName,
    /// Number of training images used; 0 uses all.
    pub subset: usize,
    /// Number of training images held out for validation; with 0 the test set is evaluated each epoch.
    pub validation: usize,
}

impl Default for TrainSettings {
    fn default() -> Self {
        Self {
            dataset: DatasetName::Cifar10,
            noise: 0.1,
            ambiguous: 0.0,
            model: ModelName::Resnet18,
            width: 64,
            epochs: 200,
            batch_size: 128,
            optimizer: OptimizerName::Sgd,
            learning_rate: 0.1,
            momentum: 0.9,
            nesterov: false,
            weight_decay: 5e-4,
            decay_norm_and_bias: true,
            schedule: ScheduleName::Cosine,
            warmup_epochs: 0,
            step_epochs: 60,
            step_factor: 0.1,
            augmentation: AugmentationName::CropFlip,
            subset: 0,
            validation: 0,
        }
    }
}

/// An enum whose variants are named in TOML and on the command line: the one table of its names.
macro_rules! named {
    ($(#[$doc:meta])* $enum:ident { $($(#[$variant_doc:meta])* $variant:ident = $name:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $enum { $($(#[$variant_doc])* $variant),+ }

        impl $enum {
            /// Every name, in the order of the table.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }

            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }

        impl std::fmt::Display for $enum {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.name())
            }
        }

        impl std::str::FromStr for $enum {
            type Err = String;

            fn from_str(name: &str) -> Result<Self, String> {
                Self::from_name(name)
                    .ok_or_else(|| format!("expected one of {}, found '{name}'", Self::NAMES.join(", ")))
            }
        }
    };
}

named! {
    /// The datasets a sweep can name.
    DatasetName { Cifar10 = "cifar10", Cifar100 = "cifar100", Shapes = "shapes" }
}
named! {
    /// The models a sweep can name.
    ModelName { Resnet18 = "resnet18" }
}
named! {
    /// The optimizers a sweep can name.
    OptimizerName { Sgd = "sgd" }
}
named! {
    /// How the learning rate changes over the epochs.
    ScheduleName { Constant = "constant", Cosine = "cosine", Step = "step" }
}
named! {
    /// How training images are changed at random.
    AugmentationName { None = "none", CropFlip = "crop_flip" }
}
named! {
    /// What computes.
    BackendChoice { Auto = "auto", Wgpu = "wgpu", Flex = "flex", Ndarray = "ndarray" }
}

impl Default for BackendChoice {
    fn default() -> Self {
        Self::Auto
    }
}
