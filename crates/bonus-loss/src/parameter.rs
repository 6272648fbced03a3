//! Parameters of losses, their valid values and their defaults.

use std::fmt::{self, Display, Formatter};

use crate::Interval;

/// A parameter of a loss in the table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameter {
    pub name: &'static str,
    pub kind: Kind,
    pub default: Value,
    pub description: &'static str,
}

/// The valid values of a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Flag,
    /// Integers from the first to the second, inclusive.
    Whole(usize, usize),
    Number(Interval),
    /// One of several names.
    Choice(&'static [&'static str]),
}

impl Kind {
    /// The value of `found`, if it is of this kind.
    pub fn check(&self, found: &UncheckedValue) -> Option<Value> {
        match (*self, found) {
            (Self::Flag, UncheckedValue::Flag(flag)) => Some(Value::Flag(*flag)),
            (Self::Whole(minimum, maximum), UncheckedValue::Number(number)) => {
                let whole = (number.fract() == 0.0).then_some(*number as usize)?;
                let inside = *number >= 0.0 && (minimum..=maximum).contains(&whole);
                inside.then_some(Value::Whole(whole))
            }
            // −0 + 0 = 0: equal values have equal texts.
            (Self::Number(interval), UncheckedValue::Number(number)) => {
                (interval.contains(*number)).then_some(Value::Number(number + 0.0))
            }
            (Self::Choice(names), UncheckedValue::Text(text)) => {
                let name = names.iter().find(|name| *name == text)?;
                Some(Value::Choice(name))
            }
            _ => None,
        }
    }
}

/// What is expected, as in "expected a number above 0".
impl Display for Kind {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => write!(formatter, "true or false"),
            Self::Whole(minimum, maximum) => {
                write!(formatter, "an integer from {minimum} to {maximum}")
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

/// A checked value of a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    Flag(bool),
    Whole(usize),
    Number(f64),
    Choice(&'static str),
}

impl Value {
    /// The value as `f64`; `None` for flags and choices.
    pub fn number(&self) -> Option<f64> {
        match *self {
            Self::Whole(whole) => Some(whole as f64),
            Self::Number(number) => Some(number),
            Self::Flag(_) | Self::Choice(_) => None,
        }
    }

    /// As in labels: without quotes, and without a decimal point for integers.
    pub fn bare(&self) -> String {
        match self {
            Self::Flag(flag) => flag.to_string(),
            Self::Whole(whole) => whole.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Choice(name) => (*name).to_owned(),
        }
    }
}

/// As written in TOML; numbers have the fewest digits that round-trip.
impl Display for Value {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(formatter, "{flag}"),
            Self::Whole(whole) => write!(formatter, "{whole}"),
            Self::Number(number) => write!(formatter, "{number:?}"),
            Self::Choice(name) => write!(formatter, "{name:?}"),
        }
    }
}

/// A type of a parameter's field.
pub(crate) trait ParameterType {
    fn to_value(self) -> Value;

    /// Panics if the value is of another kind, which checking rules out.
    fn from_value(value: Value) -> Self;
}

impl ParameterType for f64 {
    fn to_value(self) -> Value {
        Value::Number(self)
    }

    fn from_value(value: Value) -> Self {
        match value {
            Value::Number(number) => number,
            other => panic!("expected a number, found {other}"),
        }
    }
}

/// A value given by a user, not yet checked.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize), serde(untagged))]
pub enum UncheckedValue {
    Flag(bool),
    Number(f64),
    Text(String),
}

impl From<bool> for UncheckedValue {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<f64> for UncheckedValue {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for UncheckedValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Value> for UncheckedValue {
    fn from(value: Value) -> Self {
        match value {
            Value::Flag(flag) => Self::Flag(flag),
            Value::Whole(whole) => Self::Number(whole as f64),
            Value::Number(number) => Self::Number(number),
            Value::Choice(name) => Self::Text(name.to_owned()),
        }
    }
}

impl Display for UncheckedValue {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(formatter, "{flag}"),
            Self::Number(number) => write!(formatter, "{number}"),
            Self::Text(text) => write!(formatter, "{text:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASSES: Kind = Kind::Choice(&["sum", "mean"]);

    #[test]
    fn each_kind_takes_its_own_values_alone() {
        let number = Kind::Number(Interval::closed(0.0, 5.0));
        let whole = Kind::Whole(1, 5);
        let accepted: [(Kind, UncheckedValue, Value); 5] = [
            (Kind::Flag, true.into(), Value::Flag(true)),
            (whole, 2.0.into(), Value::Whole(2)),
            (number, 2.5.into(), Value::Number(2.5)),
            (number, (-0.0).into(), Value::Number(0.0)),
            (CLASSES, "mean".into(), Value::Choice("mean")),
        ];
        for (kind, found, value) in accepted {
            assert_eq!(kind.check(&found), Some(value), "{kind}: {found}");
        }
        let refused: [(Kind, UncheckedValue); 9] = [
            (Kind::Flag, 1.0.into()),
            (whole, 2.5.into()),
            (whole, 0.0.into()),
            (whole, (-1.0).into()),
            (whole, f64::INFINITY.into()),
            (number, f64::NAN.into()),
            (number, "2".into()),
            (CLASSES, "Mean".into()),
            (CLASSES, 1.0.into()),
        ];
        for (kind, found) in refused {
            assert_eq!(kind.check(&found), None, "{kind}: {found}");
        }
    }

    #[test]
    fn kinds_read_as_what_is_expected() {
        let q = Kind::Number(Interval::left_open(0.0, 1.0));
        assert_eq!(q.to_string(), "a number in (0, 1]");
        assert_eq!(CLASSES.to_string(), "one of \"sum\", \"mean\"");
        assert_eq!(Kind::Choice(&["sgd"]).to_string(), "\"sgd\"");
        assert_eq!(Kind::Flag.to_string(), "true or false");
        let whole = Kind::Whole(1, 5).to_string();
        assert_eq!(whole, "an integer from 1 to 5");
    }

    #[test]
    fn values_are_written_as_in_toml_and_bare_in_labels() {
        for (value, toml, bare) in [
            (Value::Number(1.0), "1.0", "1"),
            (Value::Number(1e-7), "1e-7", "0.0000001"),
            (Value::Whole(3), "3", "3"),
            (Value::Choice("sum"), "\"sum\"", "sum"),
        ] {
            assert_eq!((&*value.to_string(), &*value.bare()), (toml, bare));
        }
    }
}
