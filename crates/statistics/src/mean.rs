//! A few equal trials → mean, spread, and what they say about the mean of many.

use crate::distributions::t_quantile;

/// Σxᵢ / n; `None` of nothing, NaN where a value is.
///
/// ```
/// assert_eq!(statistics::mean(&[1.0, 2.0, 6.0]), Some(3.0));
/// ```
pub fn mean(values: &[f64]) -> Option<f64> {
    let (&first, _) = values.split_first()?;
    // Summed as differences, so that the mean of equal values is that value and their spread is 0.
    let differences: f64 = values.iter().map(|value| value - first).sum();
    Some(first + differences / values.len() as f64)
}

/// √(Σ(xᵢ − mean)² / (n − 1)), the sample standard deviation; `None` of fewer than two values, NaN where
/// a value is not finite.
///
/// ```
/// assert_eq!(statistics::standard_deviation(&[1.0, 2.0, 3.0]), Some(1.0));
/// ```
pub fn standard_deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

/// mean ± t(0.975, n − 1) · s / √n: `[low, high]`; `None` of fewer than two values, NaN where a value is not finite.
///
/// Assumes independent values of one normal distribution (Student, 1908). Over many repetitions 95 % of such intervals
/// contain the distribution's mean.
///
/// ```
/// let [low, high] = statistics::interval_95(&[94.1, 93.9, 94.0]).unwrap();
/// assert!((low - 93.75).abs() < 0.01 && (high - 94.25).abs() < 0.01);
/// ```
pub fn interval_95(values: &[f64]) -> Option<[f64; 2]> {
    let mean = mean(values)?;
    let standard_error = standard_deviation(values)? / (values.len() as f64).sqrt();
    let half_width = t_quantile(0.975, (values.len() - 1) as f64) * standard_error;
    Some([mean - half_width, mean + half_width])
}

/// Of at least one value.
pub(crate) fn mean_of(values: &[f64]) -> f64 {
    mean(values).expect("callers have a value")
}

/// Σ(xᵢ − mean)² / (n − 1), of at least two values.
pub(crate) fn variance_of(values: &[f64]) -> f64 {
    let standard_deviation = standard_deviation(values).expect("callers have two values");
    standard_deviation.powi(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assert_close;

    #[test]
    fn four_values_have_the_statistics_computed_by_hand() {
        // Mean 5; squares 9 + 1 + 1 + 9 = 20; s = √(20 / 3); half width 3.1824 · s / 2.
        let values = [2.0, 4.0, 6.0, 8.0];
        assert_close(mean(&values).unwrap(), 5.0, 1e-15);
        assert_close(standard_deviation(&values).unwrap(), 2.581_988_897, 1e-9);
        let [low, high] = interval_95(&values).unwrap();
        assert_close(low, 5.0 - 4.108_52, 2e-5);
        assert_close(high, 5.0 + 4.108_52, 2e-5);
    }

    #[test]
    fn one_value_has_a_mean_and_no_spread() {
        assert_eq!(mean(&[0.9]), Some(0.9));
        assert_eq!(standard_deviation(&[0.9]), None);
        assert_eq!(interval_95(&[0.9]), None);
    }

    #[test]
    fn no_value_has_no_statistics() {
        assert_eq!(mean(&[]), None);
        assert_eq!(standard_deviation(&[]), None);
        assert_eq!(interval_95(&[]), None);
    }

    #[test]
    fn equal_values_have_exactly_no_spread() {
        assert_eq!(mean(&[0.1; 3]), Some(0.1));
        assert_eq!(standard_deviation(&[0.1; 3]), Some(0.0));
        assert_eq!(interval_95(&[0.1; 3]), Some([0.1, 0.1]));
    }

    #[test]
    fn what_is_not_finite_stays_visible() {
        for value in [f64::NAN, f64::INFINITY] {
            let values = [1.0, value];
            assert!(!mean(&values).unwrap().is_finite());
            assert!(standard_deviation(&values).unwrap().is_nan());
            assert!(interval_95(&values).unwrap()[0].is_nan());
        }
    }
}
