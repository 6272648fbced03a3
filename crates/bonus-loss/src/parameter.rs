//! What a loss can be told: parameters, the values they allow, and their defaults.

use std::fmt;

/// A parameter of a loss as the table states it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameter {
    pub name: &'static str,
    pub kind: ParameterKind,
    pub default: Value,
    pub description: &'static str,
}

/// The values that a parameter allows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ParameterKind {
    /// A finite number from `minimum` to `maximum`; infinity as `maximum` means no upper limit.
    Number {
        minimum: f64,
        maximum: f64,
        minimum_included: bool,
    },
    /// One of a few words.
    Choice(&'static [&'static str]),
}

impl ParameterKind {
    /// Numbers in `[minimum, maximum]`.
    pub(crate) const fn closed(minimum: f64, maximum: f64) -> Self {
        Self::Number {
            minimum,
            maximum,
            minimum_included: true,
        }
    }

    /// Numbers in `[minimum, ∞)`.
    pub(crate) const fn at_least(minimum: f64) -> Self {
        Self::closed(minimum, f64::INFINITY)
    }

    /// What an error message expects: `a number in [0, 1]`, `one of "sum", "mean"`.
    pub fn expectation(&self) -> String {
        match *self {
            Self::Number {
                minimum,
                maximum,
                minimum_included,
            } if maximum.is_finite() => {
                let bracket = if minimum_included { '[' } else { '(' };
                format!("a number in {bracket}{minimum}, {maximum}]")
            }
            Self::Number {
                minimum,
                minimum_included,
                ..
            } => {
                let bound = if minimum_included {
                    "at least"
                } else {
                    "above"
                };
                format!("a number of {bound} {minimum}")
            }
            Self::Choice(names) => format!("one of \"{}\"", names.join("\", \"")),
        }
    }

    /// Whether `value` is allowed; NaN and infinity never are.
    pub fn accepts(&self, value: &Value) -> bool {
        match (*self, *value) {
            (
                Self::Number {
                    minimum,
                    maximum,
                    minimum_included,
                },
                Value::Number(number),
            ) => {
                let above_minimum = number > minimum || (minimum_included && number >= minimum);
                number.is_finite() && above_minimum && number <= maximum
            }
            (Self::Choice(names), Value::Choice(name)) => names.contains(&name),
            _ => false,
        }
    }

    /// The choice called `text`, where this is a choice and has it.
    pub fn choice(&self, text: &str) -> Option<Value> {
        let Self::Choice(names) = *self else {
            return None;
        };
        let name = names.iter().find(|name| **name == text)?;
        Some(Value::Choice(name))
    }
}

/// A checked value of a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    Number(f64),
    Choice(&'static str),
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(formatter, "{number}"),
            Self::Choice(name) => formatter.write_str(name),
        }
    }
}

/// A value as a user gives it, before it is checked: a number or a word.
#[derive(Clone, Debug, PartialEq)]
pub enum ParameterValue {
    Number(f64),
    Text(String),
}

impl From<f64> for ParameterValue {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for ParameterValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Value> for ParameterValue {
    fn from(value: Value) -> Self {
        match value {
            Value::Number(number) => Self::Number(number),
            Value::Choice(name) => Self::Text(name.to_owned()),
        }
    }
}

impl fmt::Display for ParameterValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(formatter, "{number}"),
            Self::Text(text) => write!(formatter, "\"{text}\""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: ParameterKind = ParameterKind::Number {
        minimum: 0.0,
        maximum: 1.0,
        minimum_included: false,
    };
    const UNBOUNDED: ParameterKind = ParameterKind::at_least(-1.0);
    const CLASSES: ParameterKind = ParameterKind::Choice(&["sum", "mean"]);

    #[test]
    fn bounds_are_kept_and_infinity_and_nan_are_never_numbers() {
        for (kind, number, accepted) in [
            (UNIT, 0.0, false),
            (UNIT, 1e-300, true),
            (UNIT, 1.0, true),
            (UNIT, 1.5, false),
            (UNBOUNDED, -1.0, true),
            (UNBOUNDED, f64::INFINITY, false),
            (UNBOUNDED, f64::NAN, false),
            (CLASSES, 1.0, false),
        ] {
            assert_eq!(
                kind.accepts(&Value::Number(number)),
                accepted,
                "{kind:?} {number}"
            );
        }
    }

    #[test]
    fn choices_are_found_by_their_exact_word() {
        assert_eq!(CLASSES.choice("mean"), Some(Value::Choice("mean")));
        assert_eq!(CLASSES.choice("Mean"), None);
        assert_eq!(UNIT.choice("mean"), None);
    }

    #[test]
    fn expectations_read_as_words() {
        assert_eq!(UNIT.expectation(), "a number in (0, 1]");
        assert_eq!(UNBOUNDED.expectation(), "a number of at least -1");
        assert_eq!(CLASSES.expectation(), "one of \"sum\", \"mean\"");
    }
}
