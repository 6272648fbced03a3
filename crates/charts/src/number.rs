//! Numbers as text, and the logarithm behind them. Only operations that IEEE 754 rounds exactly are used, and Rust's own
//! formatting: the C library's `log10` and `pow` differ in the last digit between platforms.

use std::f64::consts::{LN_2, LN_10, SQRT_2};

/// Numbers beyond ±`LARGEST` are drawn there, so that the difference of two is finite.
pub(crate) const LARGEST: f64 = 1e300;

/// What is drawn of `value`: nothing of NaN and infinity.
pub(crate) fn drawable(value: f64) -> Option<f64> {
    value
        .is_finite()
        .then(|| value.clamp(-LARGEST, LARGEST) + 0.0)
}

/// The mean of the values that can be drawn.
pub(crate) fn mean(values: &[f64]) -> Option<f64> {
    let values: Vec<f64> = values.iter().copied().filter_map(drawable).collect();
    let share = |value: &f64| value / values.len() as f64;
    (!values.is_empty()).then(|| values.iter().map(share).sum())
}

/// A coordinate in tenths of a unit, as all of them are written.
pub(crate) fn tenths(coordinate: f64) -> i64 {
    (coordinate * 10.0).round() as i64
}

/// The shortest text of a coordinate: `12`, `3.4`, `-.5`.
pub(crate) fn coordinate(tenths: i64) -> String {
    let sign = if tenths < 0 { "-" } else { "" };
    let (whole, tenth) = (tenths.unsigned_abs() / 10, tenths.unsigned_abs() % 10);
    match (whole, tenth) {
        (_, 0) => format!("{sign}{whole}"),
        (0, _) => format!("{sign}.{tenth}"),
        _ => format!("{sign}{whole}.{tenth}"),
    }
}

/// `value` with so many decimals.
pub(crate) fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let is_zero = text.chars().all(|c| "-0.".contains(c));
    let text = if is_zero {
        text.trim_start_matches('-')
    } else {
        &text
    };
    with_minus_sign(text)
}

/// `value` with so many significant digits, without trailing zeros: `0.25`, `1e-5`.
pub(crate) fn significant(value: f64, digits: usize) -> String {
    let Some(exponent) = floor_log10(value.abs()) else {
        return "0".to_owned();
    };
    let digits = digits.max(1) - 1;
    if (-3..6).contains(&exponent) {
        let decimals = (digits as i32 - exponent).max(0) as usize;
        return without_trailing_zeros(&fixed(value, decimals));
    }
    let text = with_minus_sign(&format!("{value:.digits$e}"));
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    format!("{}e{exponent}", without_trailing_zeros(mantissa))
}

/// `text` with a plus before what is positive, as differences are written.
pub(crate) fn with_sign(text: &str) -> String {
    let is_positive = !text.starts_with('−') && text.contains(|c| ('1'..='9').contains(&c));
    let sign = if is_positive { "+" } else { "" };
    format!("{sign}{text}")
}

fn with_minus_sign(text: &str) -> String {
    text.replace('-', "−")
}

fn without_trailing_zeros(text: &str) -> String {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text.to_owned()
    }
}

/// 10ⁿ, correctly rounded.
pub(crate) fn power_of_ten(exponent: i32) -> f64 {
    let power = format!("1e{exponent}").parse();
    power.expect("a number in scientific notation")
}

/// The n of 10ⁿ ≤ x < 10ⁿ⁺¹, exactly; `None` unless x is positive and finite.
pub(crate) fn floor_log10(x: f64) -> Option<i32> {
    if !(x > 0.0 && x.is_finite()) {
        return None;
    }
    let guess = log10(x).floor() as i32;
    let powers = (guess - 1..=guess + 1).rev();
    powers.into_iter().find(|n| power_of_ten(*n) <= x)
}

/// The logarithm of a positive number to base 10: ln m = 2 artanh((m − 1) / (m + 1)) of the mantissa m, and the exponent.
pub(crate) fn log10(x: f64) -> f64 {
    // Below the normal numbers the exponent's bits say nothing; the factor is 2⁵⁴.
    let (x, shift) = if x < f64::MIN_POSITIVE {
        (x * 18_014_398_509_481_984.0, -54)
    } else {
        (x, 0)
    };
    let bits = x.to_bits();
    let mut exponent = (bits >> 52 & 0x7ff) as i32 - 1023 + shift;
    let mut mantissa = f64::from_bits(bits & ((1 << 52) - 1) | 1023 << 52);
    if mantissa > SQRT_2 {
        mantissa /= 2.0;
        exponent += 1;
    }
    let ratio = (mantissa - 1.0) / (mantissa + 1.0);
    // |ratio| ≤ 0.172, whose 25th power is below the last digit.
    let series = (0..12).rev().fold(0.0, |sum, term| {
        sum * ratio * ratio + 1.0 / f64::from(2 * term + 1)
    });
    (2.0 * ratio * series + f64::from(exponent) * LN_2) / LN_10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_have_one_decimal_at_most() {
        let written = |value| coordinate(tenths(value));
        assert_eq!(written(12.0), "12");
        assert_eq!(written(3.4499), "3.4");
        assert_eq!(written(-0.5), "-.5");
        assert_eq!(written(-0.04), "0");
        assert_eq!(written(-12.25), "-12.3");
        assert_eq!(written(f64::NAN), "0");
    }

    #[test]
    fn numbers_are_rounded_without_a_negative_zero() {
        assert_eq!(fixed(0.25, 1), "0.2");
        assert_eq!(fixed(-0.04, 1), "0.0");
        assert_eq!(fixed(-1.5, 2), "−1.50");
        assert_eq!(with_sign(&fixed(1.5, 1)), "+1.5");
        assert_eq!(with_sign(&fixed(0.0, 1)), "0.0");
        assert_eq!(with_sign(&fixed(-2.0, 0)), "−2");
    }

    #[test]
    fn significant_digits_count_from_the_first_that_is_not_zero() {
        let cases = [
            (0.0, "0"),
            (93.126, "93.1"),
            (0.002_000_1, "0.002"),
            (1234.6, "1235"),
            (-1e-5, "−1e−5"),
            (1.5e300, "1.5e300"),
            (999_999.9, "1000000"),
            (f64::NAN, "0"),
        ];
        for (value, expected) in cases {
            assert_eq!(significant(value, 3), expected, "{value}");
        }
    }

    #[test]
    fn the_logarithm_is_right_to_the_last_digits() {
        let values = [
            1e-310, 1e-300, 0.1, 0.5, 1.0, 1.41, 1.42, 2.0, 9.99, 1e5, 1e300,
        ];
        for value in values {
            let (found, expected) = (log10(value), value.log10());
            let error = (found - expected).abs();
            assert!(
                error <= 1e-15 * expected.abs().max(1.0),
                "{value}: {found}, {expected}"
            );
        }
    }

    #[test]
    fn a_power_of_ten_begins_its_decade() {
        for exponent in -300..=300 {
            let power = power_of_ten(exponent);
            assert_eq!(floor_log10(power), Some(exponent));
            assert_eq!(
                floor_log10(f64::from_bits(power.to_bits() - 1)),
                Some(exponent - 1)
            );
        }
        assert_eq!(floor_log10(0.0), None);
        assert_eq!(floor_log10(f64::NAN), None);
    }

    #[test]
    fn the_mean_leaves_out_what_cannot_be_drawn() {
        assert_eq!(mean(&[1.0, f64::NAN, 3.0]), Some(2.0));
        assert_eq!(mean(&[f64::INFINITY]), None);
        assert_eq!(mean(&[]), None);
    }
}
