//! The keys of `[train]`, one row each, and the settings type generated from them.

mod conditions;

use std::fmt;
use std::iter::successors;

use cifar_models::{MODEL_NAMES, ModelEntry, WIDTH};

use self::conditions::{Condition, DefaultsBy, Requirement};
use super::kinds::{Field, Interval, Kind, Setting};
use super::names::{
    AugmentationName, PrecisionName, ScheduleName, named, named_dataset, named_model,
};
use crate::datasets::{DATASET_NAMES, Dataset, MOST_TRAINING_IMAGES};

/// What follows "only with" in a row: `key in {"name", …}`, `key > bound`, or `model has "parameter"`.
macro_rules! condition {
    () => {
        None
    };
    ($key:ident in {$($name:literal),+}) => {
        condition!($key, Requirement::In(&[$($name),+]))
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

/// Generates [`TrainSettings`], its defaults and [`TRAIN_KEYS`] from one row per key: description, name,
/// type, default, range, the defaults that follow from another key, and what another key must be for it to have an
/// effect.
macro_rules! train_settings {
    ($(
        $(#[doc = $description:literal])+
        $name:ident: $type:ty = $default:expr, $kind:expr
            $(, by $by:ident {$($with:literal = $variant:ident($other_default:expr)),+})?
            $(, only with $other:ident $relation:tt $value:tt)?;
    )+) => {
        /// The keys of `[train]` that affect the results. The defaults are pytorch-cifar's
        /// recipe and never change once released, since a trial's id omits keys at their
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
            by: &[$(DefaultsBy {
                key: stringify!($by),
                names: &[$(($with, Setting::$variant($other_default))),+],
            })?],
            only_with: condition!($($other $relation $value)?),
            get: |settings| settings.$name.to_setting(),
            set: |settings, setting| settings.$name = Field::from_setting(setting),
        },)+];
    };
}

named! {
    /// The optimizers a sweep can name; what they compute is in `train/optimizers`.
    #[derive(Default)]
    OptimizerName {
        /// Stochastic gradient descent, with momentum.
        #[default]
        Sgd = "sgd",
        /// Adam with decoupled weight decay.
        AdamW = "adamw",
    }
}

train_settings! {
    /// Dataset to train and test on.
    dataset: &'static Dataset = named_dataset("cifar10"), Kind::Choice(DATASET_NAMES);
    /// Standard deviation of the pixel noise, in units of the pixel range.
    noise: f64 = 0.1, Kind::Number(Interval::closed(0.0, 1.0)), only with dataset in {"shapes"};
    /// Fraction of images that mix two classes.
    ambiguous: f64 = 0.0, Kind::Number(Interval::closed(0.0, 1.0)), only with dataset in {"shapes"};
    /// Network to train.
    model: &'static ModelEntry = named_model("resnet18"), Kind::Choice(MODEL_NAMES);
    /// Channels of the first stage; 64 is the standard network.
    width: usize = WIDTH.default, Kind::Whole(WIDTH.minimum, WIDTH.maximum), only with model has "width";
    /// Passes over the training images.
    epochs: usize = 200, Kind::Whole(1, 100_000);
    /// Images per step.
    batch_size: usize = 128, Kind::Whole(1, 65_536);
    /// Algorithm that updates the weights.
    optimizer: OptimizerName = OptimizerName::Sgd, Kind::Choice(OptimizerName::NAMES);
    /// Peak learning rate of the schedule.
    learning_rate: f64 = 0.1, Kind::Number(Interval::above(0.0)), by optimizer {"adamw" = Number(0.001)};
    /// Fraction of the previous step's velocity that is kept.
    momentum: f64 = 0.9, Kind::Number(Interval::half_open(0.0, 1.0)), only with optimizer in {"sgd"};
    /// Whether to use Nesterov momentum.
    nesterov: bool = false, Kind::Flag, only with momentum > 0.0;
    /// Decay rate of the running mean of gradients (the first moment).
    beta1: f64 = 0.9, Kind::Number(Interval::half_open(0.0, 1.0)), only with optimizer in {"adamw"};
    /// Decay rate of the running mean of squared gradients (the second moment).
    beta2: f64 = 0.999, Kind::Number(Interval::half_open(0.0, 1.0)), only with optimizer in {"adamw"};
    /// Added to the denominator, the square root of the second moment.
    epsilon: f64 = 1e-8, Kind::Number(Interval::from(1e-30)), only with optimizer in {"adamw"};
    /// Weight decay coefficient: sgd adds this multiple of the weights to their gradient; adamw multiplies it by the learning rate and subtracts that multiple of the weights at each step.
    weight_decay: f64 = 5e-4, Kind::Number(Interval::from(0.0)), by optimizer {"adamw" = Number(0.01)};
    /// Whether weight decay also applies to batch norm parameters and biases.
    decay_norm_and_bias: bool = true, Kind::Flag, only with weight_decay > 0.0;
    /// How the learning rate changes over the epochs.
    schedule: ScheduleName = ScheduleName::Cosine, Kind::Choice(ScheduleName::NAMES);
    /// Epochs during which the learning rate rises linearly to its full value.
    warmup_epochs: usize = 0, Kind::Whole(0, 100_000);
    /// Epochs between two reductions of the learning rate.
    step_epochs: usize = 60, Kind::Whole(1, 100_000), only with schedule in {"step"};
    /// Factor by which each reduction multiplies the learning rate.
    step_factor: f64 = 0.1, Kind::Number(Interval::open(0.0, 1.0)), only with schedule in {"step"};
    /// Precision of the convolutions; mixed is f16, with f32 where it is needed, and f32 throughout on a CPU.
    precision: PrecisionName = PrecisionName::F32, Kind::Choice(PrecisionName::NAMES);
    /// Random augmentation of the training images.
    augmentation: AugmentationName = AugmentationName::CropFlip, Kind::Choice(AugmentationName::NAMES), by dataset {"mnist" = Choice("crop")};
    /// Number of training images used; 0 uses all that are not held out for validation.
    subset: usize = 0, Kind::Whole(0, MOST_TRAINING_IMAGES);
    /// Number of training images held out for validation, never part of the subset; if 0, the test set is evaluated after each epoch.
    validation: usize = 0, Kind::Whole(0, MOST_TRAINING_IMAGES);
    /// Whether the test set is evaluated after the last epoch; the trials of a tuning stage do not read it.
    evaluate_test: bool = true, Kind::Flag;
}

impl TrainSettings {
    /// The settings with these values, all others at their default beside them.
    pub fn with(values: &[(&TrainKey, Setting)]) -> Self {
        let set = |mut settings: Self| {
            for (key, value) in values {
                (key.set)(&mut settings, *value);
            }
            settings
        };
        set(set(Self::default()).with_defaults_that_follow())
    }

    /// The settings with each key whose default follows from another at that default.
    pub fn with_defaults_that_follow(mut self) -> Self {
        for key in (TRAIN_KEYS.iter()).filter(|key| !key.by.is_empty()) {
            let default = key.default(&self);
            (key.set)(&mut self, default);
        }
        self
    }
}

/// One key of `[train]`: reading, checking, the grid, ids and every written form follow from it.
pub struct TrainKey {
    pub name: &'static str,
    pub description: &'static str,
    pub kind: Kind,
    /// The defaults that follow from other keys.
    pub by: &'static [DefaultsBy],
    /// What another key must be for this one to have an effect.
    pub only_with: Option<Condition>,
    pub get: fn(&TrainSettings) -> Setting,
    /// Panics if the setting is not of the key's kind.
    pub set: fn(&mut TrainSettings, Setting),
}

impl PartialEq for TrainKey {
    /// A name is in the table once.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl fmt::Debug for TrainKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

impl TrainKey {
    pub fn find(name: &str) -> Option<&'static Self> {
        TRAIN_KEYS.iter().find(|key| key.name == name)
    }

    /// What the key is beside the other `settings` where nothing is written.
    pub fn default(&self, settings: &TrainSettings) -> Setting {
        let followed = self.by.iter().find_map(|by| by.default(settings));
        followed.unwrap_or_else(|| (self.get)(&TrainSettings::default()))
    }

    /// Whether the key has an effect beside the other `settings`.
    pub fn counts(&self, settings: &TrainSettings) -> bool {
        self.unmet(settings).is_none()
    }

    /// What keeps the key from having an effect beside the other `settings`.
    pub fn unmet(&self, settings: &TrainSettings) -> Option<Condition> {
        self.conditions()
            .find(|condition| !condition.holds(settings))
    }

    /// What other keys must be for this one to have an effect: the key that it depends on must have one, too.
    pub fn conditions(&self) -> impl Iterator<Item = Condition> {
        successors(self.only_with, |condition| condition.other().only_with)
    }

    /// The defaults that follow from other keys: what the other is, such as `optimizer = "adamw"`, and the default.
    pub fn other_defaults(&self) -> impl Iterator<Item = (String, Setting)> {
        self.by.iter().flat_map(DefaultsBy::lines)
    }

    /// What the key means and what it is where nothing is written.
    pub fn help(&self) -> String {
        let mut help = format!(
            "{}; {} by default",
            self.description.trim().trim_end_matches('.'),
            (self.get)(&TrainSettings::default())
        );
        for (condition, default) in self.other_defaults() {
            help += &format!(", {default} with {condition}");
        }
        help
    }
}
