//! What a row of the table of `[train]` keys says about its key.

use std::fmt::{self, Display, Formatter};

use bonus_loss::ParameterKind;
use cifar_models::{MODELS, ModelEntry};

use super::settings::{TRAIN_KEYS, TrainSettings};

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

/// The values a key can take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Flag,
    /// Whole numbers from the first to the second, both included.
    Whole(usize, usize),
    Number(Interval),
    Choice(&'static [&'static str]),
}

impl From<ParameterKind> for Kind {
    fn from(kind: ParameterKind) -> Self {
        match kind {
            ParameterKind::Number {
                minimum,
                maximum,
                minimum_included,
            } => Self::Number(Interval {
                minimum,
                minimum_included,
                maximum,
                maximum_included: true,
            }),
            ParameterKind::Choice(names) => Self::Choice(names),
        }
    }
}

/// What is expected, as in "expected a number above 0".
impl Display for Kind {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => write!(formatter, "true or false"),
            Self::Whole(minimum, maximum) => {
                write!(formatter, "a whole number from {minimum} to {maximum}")
            }
            Self::Number(interval) => write!(formatter, "a number {interval}"),
            Self::Choice([name]) => write!(formatter, "{name:?}"),
            Self::Choice(names) => {
                let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
                write!(formatter, "one of {}", names.join(", "))
            }
        }
    }
}

/// Finite numbers between two bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    minimum: f64,
    minimum_included: bool,
    maximum: f64,
    maximum_included: bool,
}

impl Interval {
    /// [minimum, maximum]
    pub const fn closed(minimum: f64, maximum: f64) -> Self {
        Self {
            minimum,
            minimum_included: true,
            maximum,
            maximum_included: true,
        }
    }

    /// [minimum, maximum)
    pub const fn half_open(minimum: f64, maximum: f64) -> Self {
        Self {
            minimum,
            minimum_included: true,
            maximum,
            maximum_included: false,
        }
    }

    /// (minimum, maximum)
    pub const fn open(minimum: f64, maximum: f64) -> Self {
        Self {
            minimum,
            minimum_included: false,
            maximum,
            maximum_included: false,
        }
    }

    /// [minimum, ∞)
    pub const fn from(minimum: f64) -> Self {
        Self::half_open(minimum, f64::INFINITY)
    }

    /// (minimum, ∞)
    pub const fn above(minimum: f64) -> Self {
        Self::open(minimum, f64::INFINITY)
    }

    pub fn contains(&self, number: f64) -> bool {
        let Self {
            minimum, maximum, ..
        } = *self;
        let above = if self.minimum_included {
            number >= minimum
        } else {
            number > minimum
        };
        let below = if self.maximum_included {
            number <= maximum
        } else {
            number < maximum
        };
        number.is_finite() && above && below
    }
}

/// As it follows "a number".
impl Display for Interval {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            minimum, maximum, ..
        } = self;
        match (self.minimum_included, self.maximum.is_finite()) {
            (true, false) => write!(formatter, "of at least {minimum}"),
            (false, false) => write!(formatter, "above {minimum}"),
            (included, true) => {
                let left = if included { '[' } else { '(' };
                let right = if self.maximum_included { ']' } else { ')' };
                write!(formatter, "in {left}{minimum}, {maximum}{right}")
            }
        }
    }
}

/// The value of a key, whatever its type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Setting {
    Flag(bool),
    Whole(usize),
    Number(f64),
    Choice(&'static str),
}

/// As written in TOML; a number's digits are the fewest that read back as the same number.
impl Display for Setting {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(formatter, "{flag}"),
            Self::Whole(whole) => write!(formatter, "{whole}"),
            Self::Number(number) => write!(formatter, "{number:?}"),
            Self::Choice(name) => write!(formatter, "{name:?}"),
        }
    }
}

/// A type that a field of [`TrainSettings`] can have.
pub(super) trait Field {
    fn to_setting(self) -> Setting;

    /// Panics where the setting is of another kind.
    fn from_setting(setting: Setting) -> Self;
}

macro_rules! field {
    ($type:ty, $variant:ident) => {
        impl Field for $type {
            fn to_setting(self) -> Setting {
                Setting::$variant(self)
            }

            fn from_setting(setting: Setting) -> Self {
                match setting {
                    Setting::$variant(value) => value,
                    other => panic!("expected {}, found {other}", stringify!($variant)),
                }
            }
        }
    };
}

field!(bool, Flag);
field!(usize, Whole);
field!(f64, Number);
