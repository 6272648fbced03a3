//! The keys of `[train]`, a row each, and the settings that they make.

use std::fmt::{self, Display, Formatter};

use cifar_models::{MODEL_NAMES, MODELS, ModelEntry, WIDTH};

use super::kinds::{Field, Interval, Kind, Setting};
use super::names::{
    AugmentationName, OptimizerName, PrecisionName, ScheduleName, named_dataset, named_model,
};
use crate::datasets::{DATASET_NAMES, Dataset, MOST_TRAINING_IMAGES};

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
    dataset: &'static Dataset = named_dataset("cifar10"), Kind::Choice(DATASET_NAMES);
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
    subset: usize = 0, Kind::Whole(0, MOST_TRAINING_IMAGES);
    /// Number of training images held out for validation, never part of the subset; with 0 the test set is evaluated each epoch.
    validation: usize = 0, Kind::Whole(0, MOST_TRAINING_IMAGES);
}

/// One key of `[train]`: reading, checking, the grid, ids and every written form follow from it.
pub struct TrainKey {
    pub name: &'static str,
    pub description: &'static str,
    pub kind: Kind,
    /// What another key must be for this one to have an effect.
    pub only_with: Option<Condition>,
    pub get: fn(&TrainSettings) -> Setting,
    /// Panics where the setting is not of the key's kind.
    pub set: fn(&mut TrainSettings, Setting),
}

impl TrainKey {
    pub fn find(name: &str) -> Option<&'static Self> {
        TRAIN_KEYS.iter().find(|key| key.name == name)
    }

    pub fn default(&self) -> Setting {
        (self.get)(&TrainSettings::default())
    }

    /// Whether the key has an effect beside the other `settings`.
    pub fn counts(&self, settings: &TrainSettings) -> bool {
        self.only_with
            .is_none_or(|condition| condition.holds(settings))
    }

    /// What the key means and what it is where nothing is written.
    pub fn help(&self) -> String {
        format!(
            "{}; {} by default",
            self.description.trim().trim_end_matches('.'),
            self.default()
        )
    }
}

/// What another key must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Condition {
    pub key: &'static str,
    pub requirement: Requirement,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Requirement {
    Choice(&'static str),
    /// A number above this one.
    Above(f64),
    /// A model that has this parameter.
    ModelParameter(&'static str),
}

impl Condition {
    /// What the other key is in `settings`.
    ///
    /// # Panics
    /// If there is no such key, which the table of keys rules out.
    pub fn found(&self, settings: &TrainSettings) -> Setting {
        let key = TrainKey::find(self.key).expect("a condition names a key of the table");
        (key.get)(settings)
    }

    fn holds(&self, settings: &TrainSettings) -> bool {
        match (self.requirement, self.found(settings)) {
            (Requirement::Choice(expected), Setting::Choice(found)) => found == expected,
            (Requirement::Above(bound), Setting::Number(found)) => found > bound,
            (Requirement::ModelParameter(parameter), Setting::Choice(found)) => {
                models_with(parameter).any(|model| model.name == found)
            }
            _ => false,
        }
    }
}

/// As it follows "only with".
impl Display for Condition {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self.requirement {
            Requirement::Choice(name) => write!(formatter, "{} = {name:?}", self.key),
            Requirement::Above(bound) => write!(formatter, "{} > {bound}", self.key),
            Requirement::ModelParameter(parameter) => {
                let names = models_with(parameter).map(|model| format!("{:?}", model.name));
                match names.collect::<Vec<_>>().as_slice() {
                    [name] => write!(formatter, "{} = {name}", self.key),
                    names => write!(formatter, "{} in {{{}}}", self.key, names.join(", ")),
                }
            }
        }
    }
}

/// The models that have the parameter called `name`.
fn models_with(name: &str) -> impl Iterator<Item = &'static ModelEntry> {
    (MODELS.iter()).filter(move |model| model.parameter(name).is_some())
}
