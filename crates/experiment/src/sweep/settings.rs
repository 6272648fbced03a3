//! Checked settings of a sweep: what the text of a TOML file means.

use bonus_loss::LossConfig;
use cifar_models::{MODEL_NAMES, ModelEntry, WIDTH};

use super::keys::{Condition, Field, Interval, Kind, Requirement, Setting, TrainKey};

/// A sweep file, read and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    pub name: String,
    pub description: String,
    /// The values of `[train]`, one for each point of `[grid]` (one where there is no grid); the
    /// last key of the grid changes fastest.
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

/// What follows "only with" in a row: `key = "name"`, `key > bound`, or `model has "parameter"`.
macro_rules! condition {
    () => {
        None
    };
    ($key:ident = $name:literal) => {
        condition!($key, Requirement::Choice($name))
    };
    ($key:ident > $bound:literal) => {
        condition!($key, Requirement::Above($bound))
    };
    (model has $parameter:literal) => {
        condition!(model, Requirement::ModelParameter($parameter))
    };
    ($key:ident, $requirement:expr) => {
        Some(Condition {
            key: stringify!($key),
            requirement: $requirement,
        })
    };
}

/// Makes [`TrainSettings`], its defaults and [`TRAIN_KEYS`] from one row a key: description, name,
/// type, default, range, and what another key must be for it to have an effect.
macro_rules! train_settings {
    ($(
        $(#[doc = $description:literal])+
        $name:ident: $type:ty = $default:expr, $kind:expr $(, only with $other:ident $relation:tt $value:literal)?;
    )+) => {
        /// The keys of `[train]` that change the mathematics. The defaults are pytorch-cifar's
        /// recipe and never change once released, since a trial's id leaves out keys at their
        /// default.
        #[derive(Clone, Debug, PartialEq)]
        pub struct TrainSettings {
            $($(#[doc = $description])+ pub $name: $type,)+
        }

        impl Default for TrainSettings {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        /// Every key of [`TrainSettings`], in the order in which people read them.
        pub static TRAIN_KEYS: &[TrainKey] = &[$(TrainKey {
            name: stringify!($name),
            description: concat!($($description),+),
            kind: $kind,
            only_with: condition!($($other $relation $value)?),
            get: |settings| settings.$name.to_setting(),
            set: |settings, setting| settings.$name = Field::from_setting(setting),
        },)+];
    };
}

train_settings! {
    /// Images to train and to test on.
    dataset: DatasetName = DatasetName::Cifar10, Kind::Choice(DatasetName::NAMES);
    /// Standard deviation of the pixel noise, in units of the pixel range.
    noise: f64 = 0.1, Kind::Number(Interval::closed(0.0, 1.0)), only with dataset = "shapes";
    /// Share of images that mix two classes.
    ambiguous: f64 = 0.0, Kind::Number(Interval::closed(0.0, 1.0)), only with dataset = "shapes";
    /// Network to train.
    model: &'static ModelEntry = named_model("resnet18"), Kind::Choice(MODEL_NAMES);
    /// Channels of the first stage; 64 is the standard network.
    width: usize = WIDTH.default, Kind::Whole(WIDTH.minimum, WIDTH.maximum), only with model has "width";
    /// Passes over the training images.
    epochs: usize = 200, Kind::Whole(1, 100_000);
    /// Images in a step.
    batch_size: usize = 128, Kind::Whole(1, 65_536);
    /// Rule that turns gradients into steps.
    optimizer: OptimizerName = OptimizerName::Sgd, Kind::Choice(OptimizerName::NAMES);
    /// Highest learning rate of the schedule.
    learning_rate: f64 = 0.1, Kind::Number(Interval::above(0.0));
    /// Share of the last step's velocity that is kept.
    momentum: f64 = 0.9, Kind::Number(Interval::half_open(0.0, 1.0));
    /// Whether the gradient is taken where momentum leads (Nesterov).
    nesterov: bool = false, Kind::Flag, only with momentum > 0.0;
    /// Factor of the weights that is added to their gradient.
    weight_decay: f64 = 5e-4, Kind::Number(Interval::from(0.0));
    /// Whether weight decay acts on batch norm's parameters and on biases too.
    decay_norm_and_bias: bool = true, Kind::Flag, only with weight_decay > 0.0;
    /// How the learning rate changes over the epochs.
    schedule: ScheduleName = ScheduleName::Cosine, Kind::Choice(ScheduleName::NAMES);
    /// Epochs during which the learning rate rises linearly to its full value.
    warmup_epochs: usize = 0, Kind::Whole(0, 100_000);
    /// Epochs between two reductions of the learning rate.
    step_epochs: usize = 60, Kind::Whole(1, 100_000), only with schedule = "step";
    /// Factor of each reduction of the learning rate.
    step_factor: f64 = 0.1, Kind::Number(Interval::open(0.0, 1.0)), only with schedule = "step";
    /// What the convolutions compute in; mixed is f16, with f32 for all that needs it, and f32 throughout on a CPU.
    precision: PrecisionName = PrecisionName::F32, Kind::Choice(PrecisionName::NAMES);
    /// How training images are changed at random.
    augmentation: AugmentationName = AugmentationName::CropFlip, Kind::Choice(AugmentationName::NAMES);
    /// Number of training images used; 0 uses all that are not held out for validation.
    subset: usize = 0, Kind::Whole(0, 50_000);
    /// Number of training images held out for validation, never part of the subset; with 0 the test set is evaluated each epoch.
    validation: usize = 0, Kind::Whole(0, 50_000);
}

/// A model that is known to be in the table of models.
fn named_model(name: &str) -> &'static ModelEntry {
    cifar_models::find(name).expect("the name is one of the table's")
}

impl Field for &'static ModelEntry {
    fn to_setting(self) -> Setting {
        Setting::Choice(self.name)
    }

    fn from_setting(setting: Setting) -> Self {
        match setting {
            Setting::Choice(name) => named_model(name),
            other => panic!("expected the name of a model, found {other}"),
        }
    }
}

/// An enum whose variants are named in TOML and on the command line: the one table of its names.
macro_rules! named {
    ($(#[$doc:meta])* $enum:ident { $($(#[$variant_meta:meta])* $variant:ident = $name:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $enum { $($(#[$variant_meta])* $variant),+ }

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

        impl clap::ValueEnum for $enum {
            fn value_variants<'a>() -> &'a [Self] {
                &[$(Self::$variant),+]
            }

            fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
                Some(clap::builder::PossibleValue::new(self.name()))
            }
        }

        impl Field for $enum {
            fn to_setting(self) -> Setting {
                Setting::Choice(self.name())
            }

            fn from_setting(setting: Setting) -> Self {
                match setting {
                    Setting::Choice(name) => Self::from_name(name),
                    _ => None,
                }
                .expect("a checked setting is of its key's kind")
            }
        }
    };
}

named! {
    /// The datasets a sweep can name.
    DatasetName { Cifar10 = "cifar10", Cifar100 = "cifar100", Shapes = "shapes" }
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
    /// What convolutions compute in.
    PrecisionName { F32 = "f32", Mixed = "mixed" }
}
named! {
    /// What computes.
    #[derive(Default)]
    BackendChoice { #[default] Auto = "auto", Wgpu = "wgpu", Flex = "flex", Ndarray = "ndarray" }
}
