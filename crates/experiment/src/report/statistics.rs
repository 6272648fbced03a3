//! A few equal trials → mean, spread, and what they say about the mean of many.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// Σxᵢ / n; `None` of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    let (&first, _) = values.split_first()?;
    // Summed as differences, so that the mean of equal values is that value and their spread is 0.
    let differences: f64 = values.iter().map(|value| value - first).sum();
    Some(first + differences / values.len() as f64)
}

/// √(Σ(xᵢ − mean)² / (n − 1)), the sample standard deviation; `None` of fewer than two values.
pub fn standard_deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

/// mean ± t(0.975, n − 1) · s / √n: `[low, high]`; `None` of fewer than two values.
pub fn interval_95(values: &[f64]) -> Option<[f64; 2]> {
    let mean = mean(values)?;
    let standard_error = standard_deviation(values)? / (values.len() as f64).sqrt();
    let half_width = t_quantile(0.975, values.len() - 1) * standard_error;
    Some([mean - half_width, mean + half_width])
}

/// The value below which Student's t with so many degrees of freedom lies with this probability.
fn t_quantile(probability: f64, degrees_of_freedom: usize) -> f64 {
    StudentsT::new(0.0, 1.0, degrees_of_freedom as f64)
        .expect("there is at least one degree of freedom")
        .inverse_cdf(probability)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_close(found: f64, expected: f64, tolerance: f64) {
        assert!(
            (found - expected).abs() <= tolerance,
            "expected {expected}, found {found}"
        );
    }

    #[test]
    fn t_quantiles_equal_the_published_table() {
        // NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2, and Abramowitz & Stegun, table 26.10.
        for (degrees_of_freedom, at_0_975, at_0_995) in [
            (1, 12.7062, 63.6567),
            (2, 4.3027, 9.9248),
            (3, 3.1824, 5.8409),
            (4, 2.7764, 4.6041),
            (5, 2.5706, 4.0321),
            (6, 2.4469, 3.7074),
            (7, 2.3646, 3.4995),
            (8, 2.3060, 3.3554),
            (9, 2.2622, 3.2498),
            (10, 2.2281, 3.1693),
            (19, 2.0930, 2.8609),
            (29, 2.0452, 2.7564),
            (99, 1.9842, 2.6264),
            (999, 1.9623, 2.5808),
        ] {
            assert_close(t_quantile(0.975, degrees_of_freedom), at_0_975, 5.1e-5);
            assert_close(t_quantile(0.995, degrees_of_freedom), at_0_995, 5.1e-5);
            assert_close(t_quantile(0.025, degrees_of_freedom), -at_0_975, 5.1e-5);
        }
    }

    #[test]
    fn t_quantiles_equal_the_closed_forms_of_one_and_two_degrees_of_freedom() {
        for probability in [0.6, 0.75, 0.9, 0.95, 0.975, 0.995] {
            let one = (std::f64::consts::PI * (probability - 0.5)).tan();
            let alpha = 4.0 * probability * (1.0 - probability);
            let two = 2.0 * (probability - 0.5) * (2.0 / alpha).sqrt();
            assert_close(t_quantile(probability, 1), one, 1e-9 * one);
            assert_close(t_quantile(probability, 2), two, 1e-9 * two);
        }
    }

    #[test]
    fn t_quantiles_fall_towards_the_normal_distributions() {
        let quantiles: Vec<f64> = (1..2000)
            .map(|degrees| t_quantile(0.975, degrees))
            .collect();
        assert!(quantiles.is_sorted_by(|a, b| a > b));
        assert!(quantiles[1998] > 1.959_963);
    }

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
}
