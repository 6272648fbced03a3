//! Numbers of a few seeds → estimates, intervals, p values, e-values and verdicts. It knows numbers alone: no file, no
//! loss, no trial.
//!
//! | question | answer |
//! |---|---|
//! | Is a better than b, with a number of seeds fixed in advance? | [`Difference`], then [`verdicts`] |
//! | The same, looking after every seed | [`Anytime`], then [`verdicts`] |
//! | How many seeds will it take? | [`Planned`], [`UntilDecided`] |
//! | Without a normal distribution | [`sign_flip_p`], [`superiority`] |
//! | What did pairing gain? | [`correlation`] |
//! | Several claims | [`holm`], which [`verdicts`] applies; [`e_holm`] |
//! | How often does a trial diverge? | [`wilson`] |
//! | What would fewer seeds have said? | [`reversal_rate`] |
//! | Noise of the test set | [`two_level`], [`mcnemar_p`] |
//! | One arm alone | [`mean()`], [`standard_deviation`], [`interval_95`] |
//!
//! NaN, infinite values and lists that are too short are an [`Error`], but for the three of one arm, which say `None` of
//! too few values and pass NaN on. α is the rate of false rejections, 0.05 by custom, and goes with 1 − α intervals.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod anytime;
mod difference;
mod distributions;
mod error;
mod fewer;
mod holm;
mod mean;
mod power;
mod proportion;
mod seeds;
mod sign_flip;
mod test_set;
mod verdict;

pub use anytime::{Anytime, Look, Outcomes, PRIOR_VARIANCE, UntilDecided};
pub use difference::{Difference, correlation};
pub use error::Error;
pub use fewer::reversal_rate;
pub use holm::{e_holm, holm};
pub use mean::{interval_95, mean, standard_deviation};
pub use power::Planned;
pub use proportion::{Share, superiority, superiority_of_pairs, superiority_of_samples, wilson};
pub use seeds::Design;
pub use sign_flip::{sign_flip_p, smallest_sign_flip_p};
pub use test_set::{TwoLevel, difference_of_images, mcnemar_p, two_level};
pub use verdict::{Evidence, Verdict, verdicts};

/// Fails on NaN too.
#[cfg(test)]
#[track_caller]
fn assert_close(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance,
        "expected {expected}, found {found}"
    );
}
