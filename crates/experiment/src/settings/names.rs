//! What settings choose among by name: one table each of schedules, backends …, and those of datasets and models.

use cifar_models::ModelEntry;

use super::kinds::{Field, Setting};
use crate::datasets::Dataset;

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

        impl serde::Serialize for $enum {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> serde::Deserialize<'de> for $enum {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = String::deserialize(deserializer)?;
                Self::from_name(&name)
                    .ok_or_else(|| serde::de::Error::unknown_variant(&name, Self::NAMES))
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

pub(super) use named;

named! {
    /// How the learning rate changes over the epochs.
    ScheduleName { Constant = "constant", Cosine = "cosine", Step = "step" }
}
named! {
    /// Random augmentation of the training images.
    AugmentationName { None = "none", Crop = "crop", CropFlip = "crop_flip" }
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

impl AugmentationName {
    /// Whether images are mirrored at random.
    pub fn flips(self) -> bool {
        match self {
            Self::None | Self::Crop => false,
            Self::CropFlip => true,
        }
    }
}

/// A model that is known to be in the table of models.
pub fn named_model(name: &str) -> &'static ModelEntry {
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

/// A dataset that is known to be in the table of datasets.
pub fn named_dataset(name: &str) -> &'static Dataset {
    Dataset::find(name).expect("the name is one of the table's")
}

impl Field for &'static Dataset {
    fn to_setting(self) -> Setting {
        Setting::Choice(self.name)
    }

    fn from_setting(setting: Setting) -> Self {
        match setting {
            Setting::Choice(name) => named_dataset(name),
            other => panic!("expected the name of a dataset, found {other}"),
        }
    }
}
