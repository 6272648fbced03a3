//! The valid values of a key and its setting, in terms of a loss's parameters.

pub use bonus_loss::{Interval, Kind, Value as Setting};

/// A type that a setting can have.
pub trait Field {
    fn to_setting(self) -> Setting;

    /// Panics if the setting is of another kind.
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
