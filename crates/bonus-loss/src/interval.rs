//! The range of a numeric parameter.

use std::fmt::{self, Display, Formatter};

/// Finite numbers between two bounds; an infinite bound leaves that side open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    pub minimum: f64,
    pub minimum_included: bool,
    pub maximum: f64,
    pub maximum_included: bool,
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
            maximum_included: false,
            ..Self::closed(minimum, maximum)
        }
    }

    /// (minimum, maximum]
    pub const fn left_open(minimum: f64, maximum: f64) -> Self {
        Self {
            minimum_included: false,
            ..Self::closed(minimum, maximum)
        }
    }

    /// (minimum, maximum)
    pub const fn open(minimum: f64, maximum: f64) -> Self {
        Self {
            minimum_included: false,
            ..Self::half_open(minimum, maximum)
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

    /// (−∞, maximum)
    pub const fn below(maximum: f64) -> Self {
        Self::open(f64::NEG_INFINITY, maximum)
    }

    /// Whether `number` is inside; NaN and infinity never are.
    pub fn contains(&self, number: f64) -> bool {
        let above = number > self.minimum || self.minimum_included && number >= self.minimum;
        let below = number < self.maximum || self.maximum_included && number <= self.maximum;
        number.is_finite() && above && below
    }
}

/// Formatted to follow "a number".
impl Display for Interval {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let [minimum, maximum] = [self.minimum, self.maximum].map(Short);
        match (self.minimum.is_finite(), self.maximum.is_finite()) {
            (true, true) => {
                let left = if self.minimum_included { '[' } else { '(' };
                let right = if self.maximum_included { ']' } else { ')' };
                write!(formatter, "in {left}{minimum}, {maximum}{right}")
            }
            (true, false) if self.minimum_included => write!(formatter, "of at least {minimum}"),
            (true, false) => write!(formatter, "above {minimum}"),
            (false, true) if self.maximum_included => write!(formatter, "of at most {maximum}"),
            (false, true) => write!(formatter, "below {maximum}"),
            (false, false) => formatter.write_str("that is finite"),
        }
    }
}

/// A number without a long row of zeros.
struct Short(f64);

impl Display for Short {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        if (0.0..1e-6).contains(&self.0.abs()) && self.0 != 0.0 {
            write!(formatter, "{:e}", self.0)
        } else {
            write!(formatter, "{}", self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_kept_and_infinity_and_nan_are_never_inside() {
        for (interval, number, inside) in [
            (Interval::left_open(0.0, 1.0), 0.0, false),
            (Interval::left_open(0.0, 1.0), 1e-300, true),
            (Interval::left_open(0.0, 1.0), 1.0, true),
            (Interval::left_open(0.0, 1.0), 1.5, false),
            (Interval::half_open(0.0, 1.0), 0.0, true),
            (Interval::half_open(0.0, 1.0), 1.0, false),
            (Interval::open(0.0, 1.0), 0.0, false),
            (Interval::open(0.0, 1.0), 0.5, true),
            (Interval::from(-1.0), -1.0, true),
            (Interval::from(-1.0), f64::INFINITY, false),
            (Interval::from(-1.0), f64::NAN, false),
            (Interval::above(0.0), 0.0, false),
            (Interval::below(0.0), 0.0, false),
            (Interval::below(0.0), -4.0, true),
            (Interval::below(0.0), f64::NEG_INFINITY, false),
        ] {
            assert_eq!(interval.contains(number), inside, "{interval} {number}");
        }
    }

    #[test]
    fn intervals_read_as_they_follow_a_number() {
        for (interval, text) in [
            (Interval::closed(0.0, 1.0), "in [0, 1]"),
            (Interval::left_open(0.0, 1.0), "in (0, 1]"),
            (Interval::from(-1.0), "of at least -1"),
            (Interval::from(1e-30), "of at least 1e-30"),
            (Interval::above(0.0), "above 0"),
            (Interval::below(0.0), "below 0"),
        ] {
            assert_eq!(interval.to_string(), text);
        }
    }
}
