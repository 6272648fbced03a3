//! Quantiles over the images.

/// Linear between the two values next to `share · (n − 1)`, as NumPy's; NaN where a value is.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    if sorted.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let place = share * (sorted.len() - 1) as f64;
    let (below, above) = (
        sorted[place.floor() as usize],
        sorted[place.ceil() as usize],
    );
    // Of equal infinities the difference is NaN.
    if below == above {
        return below;
    }
    below + (above - below) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_linear_between_values() {
        let values = [1.0, 2.0, 4.0, 8.0, 16.0];
        assert_eq!(quantile(&values, 0.5), 4.0);
        assert_eq!(quantile(&values, 0.25), 2.0);
        assert!((quantile(&values, 0.95) - 14.4).abs() < 1e-12);
        assert!((quantile(&values, 0.05) - 1.2).abs() < 1e-12);
        for share in [0.05, 0.5, 0.95] {
            assert_eq!(quantile(&[3.5], share), 3.5);
        }
    }

    #[test]
    fn a_few_infinite_log_odds_leave_the_middle_and_nan_leaves_nothing() {
        let infinity = f64::INFINITY;
        let values = [-infinity, -infinity, 1.0, infinity, infinity];
        assert_eq!(quantile(&values, 0.5), 1.0);
        assert_eq!(quantile(&values, 0.05), -infinity);
        assert_eq!(quantile(&values, 0.95), infinity);
        assert!(quantile(&[1.0, f64::NAN], 0.05).is_nan());
    }
}
