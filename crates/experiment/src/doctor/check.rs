//! One number that says how far two devices are apart, and what is allowed.

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
    /// When there are more numbers on one side.
    pub fn new(what: impl Into<String>, expected: &[f32], found: &[f32], tolerance: f64) -> Self {
        assert_eq!(expected.len(), found.len(), "numbers to compare");
        let largest = expected.iter().fold(0.0, |largest, x| x.abs().max(largest));
        let difference = (expected.iter().zip(found))
            .map(|(expected, found)| f64::from(expected - found).abs())
            // Not `f64::max`, which ignores NaN.
            .fold(0.0, |largest, x| {
                if x > largest || x.is_nan() {
                    x
                } else {
                    largest
                }
            });
        // All zeros are to stay zeros.
        let error = if difference == 0.0 {
            0.0
        } else {
            difference / f64::from(largest)
        };
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
    }
}
