//! The noise of the test set, which no number of seeds reduces.

use statrs::function::beta::beta_reg;

use crate::difference::Difference;
use crate::distributions::t_quantile;
use crate::error::{Error, check_alpha, check_values};
use crate::mean::variance_of;

/// The difference of two accuracies with both kinds of its noise apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TwoLevel {
    /// Over the test images that there are.
    pub mean: f64,
    /// Standard error by the choice of seeds, s / √n or Welch's.
    pub seed_error: f64,
    /// Standard error by the choice of test images: sd over images / √images.
    pub test_error: f64,
    /// mean ± t(1 − α/2, ν) √(seed² + test²), with Satterthwaite's ν (1946): `[low, high]`. For other seeds and other
    /// test images of the same kind, where the seeds' own interval is for other seeds and these images.
    pub interval: [f64; 2],
}

/// Of a difference over seeds, and the difference of each test image, its mean over runs of c_a − c_b with c = 1 where
/// a run is right.
///
/// Both in one unit: fractions, or percentage points. Assumes independent images. As the mean of an image over few runs
/// has noise of seeds too, the test part is a little too large, never too small.
///
/// ```
/// use statistics::{Difference, two_level};
/// let difference = Difference::paired(&[0.75, 0.5, 0.75], &[0.5, 0.25, 0.25]).unwrap();
/// let of_images = [1.0, 1.0 / 3.0, 0.0, 0.0];
/// let both = two_level(&difference, &of_images, 0.05).unwrap();
/// assert!((both.mean - 1.0 / 3.0).abs() < 1e-12);
/// assert!(both.test_error > both.seed_error);
/// ```
///
/// # Errors
/// Fewer than two images, values that are not finite, an α out of range.
pub fn two_level(
    difference: &Difference,
    of_images: &[f64],
    alpha: f64,
) -> Result<TwoLevel, Error> {
    check_values(of_images, 2)?;
    check_alpha(alpha)?;
    let images = of_images.len() as f64;
    let (mean, seed_error) = (difference.mean(), difference.standard_error());
    let test_error = (variance_of(of_images) / images).sqrt();
    let error = seed_error.hypot(test_error);
    let half_width = if error > 0.0 {
        let share = (seed_error / error).powi(2);
        let freedom = share.powi(2) / difference.degrees_of_freedom()
            + (1.0 - share).powi(2) / (images - 1.0);
        -t_quantile(alpha / 2.0, 1.0 / freedom) * error
    } else {
        // Nothing is known of the noise.
        f64::INFINITY
    };
    Ok(TwoLevel {
        mean,
        seed_error,
        test_error,
        interval: [mean - half_width, mean + half_width],
    })
}

/// McNemar's exact p value of two networks on the same images: `gained` are those that only the first gets right, `lost`
/// those that only the second does. Two-sided: min(1, 2 P(X ≤ min(gained, lost))) for X binomial of gained + lost
/// throws of a coin (McNemar, 1947). 1 where neither has any.
///
/// It is about these two networks. What a loss does to networks is a matter of seeds, and for [`Difference`].
///
/// ```
/// assert!((statistics::mcnemar_p(9, 1) - 22.0 / 1024.0).abs() < 1e-12);
/// ```
pub fn mcnemar_p(gained: u32, lost: u32) -> f64 {
    let (fewer, more) = (f64::from(gained.min(lost)), f64::from(gained.max(lost)));
    if fewer == more {
        return 1.0;
    }
    // P(X ≤ k) of n throws is the regularised incomplete beta function at ½ of n − k and k + 1.
    (2.0 * beta_reg(more, fewer + 1.0, 0.5)).min(1.0)
}

/// The difference of each image for [`two_level`], from how many runs of either arm got it right.
///
/// ```
/// // Two runs of a, four of b, three images.
/// let of_images = statistics::difference_of_images(&[2, 1, 0], 2, &[2, 2, 4], 4).unwrap();
/// assert_eq!(of_images, [0.5, 0.0, -1.0]);
/// ```
///
/// # Errors
/// Lists of different lengths, no run.
pub fn difference_of_images(
    right_a: &[u32],
    runs_a: u32,
    right_b: &[u32],
    runs_b: u32,
) -> Result<Vec<f64>, Error> {
    if right_a.len() != right_b.len() {
        return Err(Error::Unpaired {
            a: right_a.len(),
            b: right_b.len(),
        });
    }
    if runs_a == 0 || runs_b == 0 {
        return Err(Error::TooFew {
            expected: 1,
            found: 0,
        });
    }
    let share = |right: u32, runs: u32| f64::from(right) / f64::from(runs);
    let images = right_a.iter().zip(right_b);
    Ok(images
        .map(|(a, b)| share(*a, runs_a) - share(*b, runs_b))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assert_close;
    use crate::mean::mean_of;

    #[test]
    fn the_squares_of_both_errors_add_up() {
        // Seeds: d = 1, 2, 3, so 1 / √3 and ν = 2. Images: 0 and 4, so √8 / √2 = 2 and ν = 1.
        let difference = Difference::paired(&[1.0, 2.0, 3.0], &[0.0; 3]).unwrap();
        let both = two_level(&difference, &[0.0, 4.0], 0.05).unwrap();
        assert_close(both.seed_error, f64::sqrt(1.0 / 3.0), 1e-12);
        assert_close(both.test_error, 2.0, 1e-12);
        let freedom = (13.0_f64 / 3.0).powi(2) / (1.0 / 18.0 + 16.0);
        let error = f64::sqrt(13.0 / 3.0);
        let half_width = -t_quantile(0.025, freedom) * error;
        assert_close(both.interval[1], 2.0 + half_width, 1e-9);
        assert_close(both.interval[0], 2.0 - half_width, 1e-9);
    }

    #[test]
    fn without_noise_of_images_it_is_the_interval_of_the_seeds() {
        let difference = Difference::paired(&[1.0, 2.0, 3.0], &[0.0; 3]).unwrap();
        let both = two_level(&difference, &[2.0; 100], 0.05).unwrap();
        let seeds = difference.interval(0.05).unwrap();
        assert_close(both.interval[0], seeds[0], 1e-9);
        let still = Difference::paired(&[1.0; 2], &[0.0; 2]).unwrap();
        let neither = two_level(&still, &[1.0; 2], 0.05).unwrap();
        assert_eq!(neither.interval, [f64::NEG_INFINITY, f64::INFINITY]);
    }

    #[test]
    fn discordant_images_are_throws_of_a_coin() {
        assert_eq!(mcnemar_p(0, 0), 1.0);
        assert_eq!(mcnemar_p(7, 7), 1.0);
        assert_close(mcnemar_p(0, 5), 2.0 / 32.0, 1e-12);
        assert_close(mcnemar_p(5, 6), 1.0, 1e-12);
        // P(X ≤ 2) of 8 throws: (1 + 8 + 28) / 256.
        assert_close(mcnemar_p(6, 2), 2.0 * 37.0 / 256.0, 1e-12);
        assert_eq!(mcnemar_p(4, 11), mcnemar_p(11, 4));
        assert!((0.0..1e-9).contains(&mcnemar_p(600, 300)));
    }

    #[test]
    fn images_have_the_mean_of_the_differences_of_their_runs() {
        let of_images = difference_of_images(&[2, 1, 0], 2, &[2, 2, 4], 4).unwrap();
        // a is right in 3 of 6, b in 8 of 12.
        assert_close(mean_of(&of_images), 3.0 / 6.0 - 8.0 / 12.0, 1e-12);
        assert!(difference_of_images(&[1], 1, &[1, 1], 1).is_err());
        assert!(difference_of_images(&[1], 0, &[1], 1).is_err());
    }

    #[test]
    fn what_is_not_finite_is_refused() {
        let difference = Difference::paired(&[1.0, 2.0], &[0.0; 2]).unwrap();
        assert!(two_level(&difference, &[], 0.05).is_err());
        assert!(two_level(&difference, &[1.0, f64::NAN], 0.05).is_err());
        assert!(two_level(&difference, &[1.0, 2.0], f64::NAN).is_err());
    }
}
