//! What a row of the table of `[train]` keys says about its key.

use std::fmt::{self, Display, Formatter};

pub use bonus_loss::{Interval, Kind, Value as Setting};

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
