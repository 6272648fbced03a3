//! How a loss is defined: one list of its texts and parameters generates its row of the table, its type
//! with a setter for each parameter, and its documentation.

/// The type of a loss. Its parameters are numbers in an interval, or choices (see [`choice`]).
macro_rules! loss {
    (
        $loss:ident {
            name: $name:literal,
            summary: $summary:literal,
            formula: $formula:literal,
            gradient: $gradient:literal,
            source: $source:literal,
            recommended: [$(
                { $($set:ident = $to:literal),+ } => $reason:literal,
            )*],
            parameters: {$(
                $(#[doc = $description:literal])+
                $parameter:ident: $type:ident = $default:expr $(, $interval:expr)?;
            )*},
        }
    ) => {
        #[doc = concat!("`", $name, "`: ", $summary, "\n\n```text\n", $formula, "\n\n", $gradient, "\n```\n\nSource: ", $source, ".")]
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $loss { $($parameter: $type,)* }

        impl $loss {
            pub(crate) const ENTRY: $crate::LossEntry = $crate::LossEntry {
                name: $name,
                summary: $summary,
                formula: $formula,
                gradient: $gradient,
                source: $source,
                parameters: &[$($crate::Parameter {
                    name: stringify!($parameter),
                    kind: loss!(@kind $type $(, $interval)?),
                    default: loss!(@default $default $(, $interval)?),
                    description: concat!($($description),+).trim_ascii(),
                },)*],
                recommended: &[$($crate::Recommendation {
                    parameters: &[$((stringify!($set), $crate::Value::Number($to)),)+],
                    reason: $reason,
                },)*],
                build: |config| std::sync::Arc::new(Self::of(config)),
            };

            /// Every parameter at its default.
            pub fn new() -> Self {
                Self { $($parameter: $default,)* }
            }

            $(
                $(#[doc = $description])+
                ///
                /// # Panics
                /// If it is out of range; [`LossConfig::with`](crate::LossConfig::with)
                /// returns an error instead.
                #[must_use]
                pub fn $parameter(self, $parameter: $type) -> Self {
                    let value = $crate::parameter::ParameterType::to_value($parameter);
                    let config = $crate::LossConfig::from(self).with(stringify!($parameter), value);
                    Self::of(&config.unwrap_or_else(|error| panic!("{error}")))
                }
            )*

            /// The loss, ready for use.
            pub fn init(self) -> $crate::Loss {
                $crate::LossConfig::from(self).init()
            }

            fn of(config: &$crate::LossConfig) -> Self {
                Self { $($parameter: config.parameter(stringify!($parameter)),)* }
            }
        }

        impl Default for $loss {
            fn default() -> Self {
                Self::new()
            }
        }

        impl From<$loss> for $crate::LossConfig {
            fn from(loss: $loss) -> Self {
                let values = vec![$($crate::parameter::ParameterType::to_value(loss.$parameter),)*];
                Self::single(&$loss::ENTRY, values)
            }
        }
    };
    (@kind $type:ident, $interval:expr) => { $crate::Kind::Number($interval) };
    (@kind $type:ident) => { $crate::Kind::Choice($type::NAMES) };
    (@default $default:expr, $interval:expr) => { $crate::Value::Number($default) };
    (@default $default:expr) => { $crate::Value::Choice($default.name()) };
}

/// An enum whose variants have a name in TOML, for parameters that are not numbers.
macro_rules! choice {
    (
        $(#[$doc:meta])*
        $choice:ident { $($(#[$variant_doc:meta])* $variant:ident = $name:literal),+ $(,)? }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $choice { $($(#[$variant_doc])* $variant),+ }

        impl $choice {
            pub(crate) const NAMES: &'static [&'static str] = &[$($name),+];

            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }

        impl $crate::parameter::ParameterType for $choice {
            fn to_value(self) -> $crate::Value {
                $crate::Value::Choice(self.name())
            }

            fn from_value(value: $crate::Value) -> Self {
                match value {
                    $($crate::Value::Choice($name) => Self::$variant,)+
                    other => panic!("expected a {}, found {other}", stringify!($choice)),
                }
            }
        }
    };
}

pub(crate) use {choice, loss};
