//! Errors of computed numbers relative to expected ones. A NaN on either side gives an error of NaN, which passes no
//! bound; `f64::max` would ignore it.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

/// The largest difference, relative to the largest magnitude expected: `max |found − expected| / max |expected|`,
/// 0 if nothing differs.
///
/// # Panics
/// When the slices are empty or differ in length.
pub fn error<E: Copy + Into<f64>>(found: &[f32], expected: &[E]) -> f64 {
    if !differ(found, expected) {
        return 0.0;
    }
    let magnitude = largest(expected.iter().map(|value| (*value).into().abs()));
    largest(differences(found, expected)) / magnitude
}

/// `‖found − expected‖ / ‖expected‖`, 0 if nothing differs.
///
/// # Panics
/// As [`error`].
pub fn distance<E: Copy + Into<f64>>(found: &[f32], expected: &[E]) -> f64 {
    if !differ(found, expected) {
        return 0.0;
    }
    let squares = differences(found, expected).map(|value| value.powi(2));
    let lengths = expected.iter().map(|value| (*value).into().powi(2));
    (squares.sum::<f64>() / lengths.sum::<f64>()).sqrt()
}

/// Whether anything differs, even where all expected numbers are 0; a NaN does.
fn differ<E: Copy + Into<f64>>(found: &[f32], expected: &[E]) -> bool {
    differences(found, expected).any(|difference| difference != 0.0)
}

fn differences<E: Copy + Into<f64>>(found: &[f32], expected: &[E]) -> impl Iterator<Item = f64> {
    assert_eq!(found.len(), expected.len(), "numbers to compare");
    assert!(!expected.is_empty(), "no numbers to compare");
    let pairs = found.iter().zip(expected);
    pairs.map(|(found, expected)| (f64::from(*found) - (*expected).into()).abs())
}

/// The largest of `magnitudes`; NaN if any of them is NaN.
fn largest(magnitudes: impl Iterator<Item = f64>) -> f64 {
    magnitudes.fold(0.0, |largest, value| {
        if value > largest || value.is_nan() {
            value
        } else {
            largest
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_relative_to_what_is_expected() {
        assert_eq!(error(&[1.5, -4.0], &[1.0_f32, -4.0]), 0.125);
        assert_eq!(error(&[1.5, -4.0], &[1.0_f64, -4.0]), 0.125);
        assert_eq!(error(&[0.0], &[0.0_f32]), 0.0);
        assert_eq!(error(&[1.0], &[0.0_f32]), f64::INFINITY);
        assert_eq!(distance(&[3.0, 0.0], &[0.0_f64, 4.0]), 1.25);
        assert_eq!(distance(&[0.0], &[0.0_f32]), 0.0);
        assert_eq!(distance(&[1.0], &[0.0_f32]), f64::INFINITY);
    }

    #[test]
    fn a_difference_that_is_not_a_number_is_below_no_bound() {
        let nan = f32::NAN;
        for (found, expected) in [
            ([nan, nan], [1.0, 2.0]),
            ([nan, 2.0], [1.0, 2.0]),
            ([1.0, nan], [1.0, 2.0]),
            ([1.0, 2.0], [f64::NAN, 2.0]),
            ([1.0, 2.0], [1.0, f64::NAN]),
            ([1.0, f32::INFINITY], [1.0, f64::INFINITY]),
            ([1.0, 2.0], [1.0, f64::INFINITY]),
        ] {
            let both = [error(&found, &expected), distance(&found, &expected)];
            assert!(
                both.iter().all(|value| value.is_nan()),
                "{found:?} {expected:?}"
            );
        }
    }

    #[test]
    #[should_panic(expected = "no numbers to compare")]
    fn nothing_is_not_equal_to_nothing() {
        error::<f32>(&[], &[]);
    }

    #[test]
    #[should_panic(expected = "numbers to compare")]
    fn a_part_is_not_equal_to_the_whole() {
        distance(&[1.0], &[1.0_f32, 2.0]);
    }
}
