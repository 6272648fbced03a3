//! Student's t and the standard normal distribution, without the panics of the library below.

use statrs::distribution::{Continuous, ContinuousCDF, Normal, StudentsT};

/// The value below which Student's t with ν degrees of freedom is with this probability.
pub fn t_quantile(probability: f64, degrees_of_freedom: f64) -> f64 {
    let distribution = students_t(degrees_of_freedom);
    let mut t = distribution.inverse_cdf(probability);
    // From 10,000 degrees of freedom the library's inverse is wrong in the sixth digit, its cdf is not: Newton's steps.
    for _ in 0..2 {
        t -= (distribution.cdf(t) - probability) / distribution.pdf(t);
    }
    t
}

/// The probability that Student's t is above `t`; NaN of NaN, of which the library would panic.
pub fn t_upper_tail(t: f64, degrees_of_freedom: f64) -> f64 {
    if t.is_nan() {
        return f64::NAN;
    }
    students_t(degrees_of_freedom).sf(t)
}

/// Φ(x), the probability that a standard normal number is at most `x`.
pub fn normal_cdf(x: f64) -> f64 {
    Normal::standard().cdf(x)
}

/// The value below which a standard normal number is with this probability.
pub fn normal_quantile(probability: f64) -> f64 {
    Normal::standard().inverse_cdf(probability)
}

fn students_t(degrees_of_freedom: f64) -> StudentsT {
    StudentsT::new(0.0, 1.0, degrees_of_freedom).expect("callers have some degrees of freedom")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assert_close;

    #[test]
    fn t_quantiles_equal_the_published_table() {
        // NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2, and Abramowitz & Stegun, table 26.10.
        for (degrees_of_freedom, at_0_975, at_0_995) in [
            (1.0, 12.7062, 63.6567),
            (2.0, 4.3027, 9.9248),
            (3.0, 3.1824, 5.8409),
            (4.0, 2.7764, 4.6041),
            (5.0, 2.5706, 4.0321),
            (6.0, 2.4469, 3.7074),
            (7.0, 2.3646, 3.4995),
            (8.0, 2.3060, 3.3554),
            (9.0, 2.2622, 3.2498),
            (10.0, 2.2281, 3.1693),
            (19.0, 2.0930, 2.8609),
            (29.0, 2.0452, 2.7564),
            (99.0, 1.9842, 2.6264),
            (999.0, 1.9623, 2.5808),
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
            assert_close(t_quantile(probability, 1.0), one, 1e-9 * one);
            assert_close(t_quantile(probability, 2.0), two, 1e-9 * two);
        }
    }

    #[test]
    fn t_quantiles_fall_towards_the_normal_distributions() {
        let quantiles: Vec<f64> = (1..2000)
            .map(|degrees| t_quantile(0.975, f64::from(degrees)))
            .collect();
        assert!(quantiles.is_sorted_by(|a, b| a > b));
        assert!(quantiles[1998] > 1.959_963);
    }

    #[test]
    fn t_quantiles_equal_those_of_scipy() {
        const REFERENCE: &str = include_str!("../tests/fixtures/reference.json");
        let reference: serde_json::Value = serde_json::from_str(REFERENCE).unwrap();
        let rows = reference["t_quantiles"].as_array().unwrap();
        assert!(rows.len() >= 40, "only {} rows", rows.len());
        for row in rows {
            let [nu, p, expected] = ["df", "p", "t"].map(|name| row[name].as_f64().unwrap());
            assert_close(t_quantile(p, nu), expected, 2e-9 * expected.abs());
        }
    }

    #[test]
    fn the_tail_above_a_quantile_is_what_the_quantile_leaves() {
        for degrees_of_freedom in [1.0, 1.5, 2.0, 3.7, 9.0, 58.0, 1e3, 1e5] {
            for tail in [1e-6, 1e-3, 0.025, 0.05, 0.2, 0.5] {
                let t = -t_quantile(tail, degrees_of_freedom);
                assert_close(t_upper_tail(t, degrees_of_freedom), tail, 1e-8 * tail);
            }
        }
    }

    #[test]
    fn tails_of_what_is_not_finite_do_not_panic() {
        assert!(t_upper_tail(f64::NAN, 3.0).is_nan());
        assert_eq!(t_upper_tail(f64::INFINITY, 3.0), 0.0);
        assert_eq!(t_upper_tail(f64::NEG_INFINITY, 3.0), 1.0);
    }
}
