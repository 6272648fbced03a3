//! What is refused: lists that are too short, numbers that are not finite, parameters out of range.

/// Why numbers have no statistics.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// A list is too short.
    #[error("values: expected at least {expected}, found {found}")]
    TooFew {
        /// How many are needed.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// Two lists that are to be pairs differ in length.
    #[error("pairs: expected as many values on either side, found {a} and {b}")]
    Unpaired {
        /// Values on the first side.
        a: usize,
        /// Values on the second side.
        b: usize,
    },
    /// A value is NaN, infinite, or so large that its square would be.
    #[error("values[{index}]: expected a number in [-1e100, 1e100], found {found}")]
    Value {
        /// Its place in the list, from 0.
        index: usize,
        /// The value.
        found: f64,
    },
    /// A parameter of a procedure is out of its range.
    #[error("{name}: expected {expected}, found {found}")]
    Parameter {
        /// Its name.
        name: &'static str,
        /// Its range in words.
        expected: &'static str,
        /// The value.
        found: f64,
    },
}

/// The largest magnitude of a value: sums of squares stay finite.
const LARGEST: f64 = 1e100;

pub fn check_values(values: &[f64], at_least: usize) -> Result<(), Error> {
    if values.len() < at_least {
        return Err(Error::TooFew {
            expected: at_least,
            found: values.len(),
        });
    }
    // NaN is in no range.
    let is_wrong = |value: &f64| !(-LARGEST..=LARGEST).contains(value);
    match values.iter().position(is_wrong) {
        Some(index) => Err(Error::Value {
            index,
            found: values[index],
        }),
        None => Ok(()),
    }
}

pub fn check_pairs(a: &[f64], b: &[f64], at_least: usize) -> Result<(), Error> {
    if a.len() != b.len() {
        return Err(Error::Unpaired {
            a: a.len(),
            b: b.len(),
        });
    }
    check_values(a, at_least)?;
    check_values(b, at_least)
}

/// α, the rate of false rejections.
pub fn check_alpha(alpha: f64) -> Result<(), Error> {
    let is_right = (1e-6..=0.5).contains(&alpha);
    check("alpha", "a number in [1e-6, 0.5]", alpha, is_right)
}

/// The smallest difference that matters; with 0 nothing is ever equivalent.
pub fn check_margin(margin: f64) -> Result<(), Error> {
    let is_right = (0.0..=LARGEST).contains(&margin);
    check("margin", "a finite number of at least 0", margin, is_right)
}

pub fn check_finite(name: &'static str, value: f64) -> Result<(), Error> {
    check(name, "a finite number", value, value.is_finite())
}

pub fn check_positive(name: &'static str, value: f64) -> Result<(), Error> {
    let is_right = value > 0.0 && value.is_finite();
    check(name, "a finite number above 0", value, is_right)
}

pub fn check(
    name: &'static str,
    expected: &'static str,
    found: f64,
    is_right: bool,
) -> Result<(), Error> {
    if is_right {
        Ok(())
    } else {
        Err(Error::Parameter {
            name,
            expected,
            found,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_place_expectation_and_what_was_found() {
        let message = |result: Result<(), Error>| result.unwrap_err().to_string();
        assert_eq!(
            message(check_values(&[1.0], 2)),
            "values: expected at least 2, found 1"
        );
        assert_eq!(
            message(check_values(&[1.0, f64::NAN], 2)),
            "values[1]: expected a number in [-1e100, 1e100], found NaN"
        );
        assert_eq!(
            message(check_pairs(&[1.0], &[], 1)),
            "pairs: expected as many values on either side, found 1 and 0"
        );
        assert_eq!(
            message(check_alpha(1.0)),
            "alpha: expected a number in [1e-6, 0.5], found 1"
        );
        assert_eq!(
            message(check_margin(-0.1)),
            "margin: expected a finite number of at least 0, found -0.1"
        );
        assert!(check_alpha(f64::NAN).is_err() && check_margin(f64::NAN).is_err());
        assert!(check_positive("x", f64::NAN).is_err() && check_positive("x", 0.0).is_err());
        assert!(check_values(&[f64::INFINITY], 1).is_err() && check_values(&[1e101], 1).is_err());
    }
}
