//! The difference between two devices as one number, and its tolerance.

use serde::{Deserialize, Serialize};

/// How far something computed on the device is from the same thing computed on the CPU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What was compared, such as `gradient of layer1.0.conv1.weight`.
    pub what: String,
    /// The largest difference, relative to the largest magnitude on the CPU; null in JSON where the
    /// device computed something that is not finite.
    pub error: Option<f64>,
    pub tolerance: f64,
}

impl Check {
    /// Compares `found` with `expected`, number by number.
    ///
    /// # Panics
    /// When the slices are empty or differ in length.
    pub fn new(what: impl Into<String>, expected: &[f32], found: &[f32], tolerance: f64) -> Self {
        let error = comparison::error(found, expected);
        Self {
            what: what.into(),
            error: error.is_finite().then_some(error),
            tolerance,
        }
    }

    pub fn passes(&self) -> bool {
        self.error.is_some_and(|error| error <= self.tolerance)
    }

    /// The error beside what is allowed, for a reader.
    pub fn error_text(&self) -> String {
        match self.error {
            Some(error) => format!("off by {error:.1e}, allowed {:.0e}", self.tolerance),
            None => "not a finite number".to_owned(),
        }
    }

    /// The error as a share of the tolerance, infinite where it is not a number.
    pub fn share(&self) -> f64 {
        self.error
            .map_or(f64::INFINITY, |error| error / self.tolerance)
    }
}

/// A [`Check`] for each of the lists of numbers on both sides, which have the same names.
///
/// # Panics
/// When the names differ, there are none, or the numbers are not as for [`Check::new`].
pub fn check_all<Name: AsRef<str>>(
    expected: &[(Name, Vec<f32>)],
    found: &[(Name, Vec<f32>)],
    tolerance: f64,
    what: impl Fn(&str) -> String,
) -> Vec<Check> {
    assert_eq!(expected.len(), found.len(), "lists to compare");
    assert!(!expected.is_empty(), "no lists to compare");
    let pairs = expected.iter().zip(found);
    let checks = pairs.map(|((name, expected), (other, found))| {
        assert_eq!(name.as_ref(), other.as_ref(), "lists to compare");
        Check::new(what(name.as_ref()), expected, found, tolerance)
    });
    checks.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(expected: &[f32], found: &[f32]) -> Option<f64> {
        Check::new("numbers", expected, found, 0.1).error
    }

    #[test]
    fn the_error_is_relative_to_the_largest_magnitude() {
        assert_eq!(error(&[1.0, -4.0], &[1.5, -4.0]), Some(0.125));
        assert_eq!(error(&[0.0, 0.0], &[0.0, 0.0]), Some(0.0));
    }

    #[test]
    fn what_is_not_finite_never_passes() {
        for wrong in [f32::NAN, f32::INFINITY] {
            let check = Check::new("numbers", &[1.0, 2.0], &[wrong, 2.0], 1e9);
            assert!(
                !check.passes() && check.share() == f64::INFINITY,
                "{check:?}"
            );
        }
        assert_eq!(error(&[0.0], &[1.0]), None);
        assert_eq!(error(&[f32::NAN; 2], &[f32::NAN; 2]), None);
        assert_eq!(error(&[f32::NAN, 1.0], &[f32::NAN, 1.0]), None);
        assert_eq!(error(&[f32::INFINITY, 1.0], &[1.0, 1.0]), None);
    }

    #[test]
    #[should_panic(expected = "no numbers to compare")]
    fn nothing_is_not_equal_to_nothing() {
        error(&[], &[]);
    }

    #[test]
    #[should_panic(expected = "lists to compare")]
    fn a_list_that_is_missing_is_not_equal_to_one() {
        let lists = [("weight", vec![1.0]), ("bias", vec![1.0])];
        check_all(&lists, &lists[..1], 0.1, str::to_owned);
    }

    #[test]
    #[should_panic(expected = "no lists to compare")]
    fn no_lists_are_not_equal_to_no_lists() {
        check_all::<&str>(&[], &[], 0.1, str::to_owned);
    }
}
