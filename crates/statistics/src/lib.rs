//! Numbers of a few seeds → estimates, intervals, p values and e-values. It knows numbers alone: no file, no loss, no
//! trial.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod anytime;
mod difference;
mod distributions;
mod error;
mod holm;
mod mean;
mod power;
mod proportion;
mod seeds;
mod sign_flip;
mod verdict;

pub use anytime::{Anytime, Look, Outcomes, PRIOR_VARIANCE, UntilDecided};
pub use difference::{Difference, correlation};
pub use error::Error;
pub use holm::{e_holm, holm};
pub use mean::{interval_95, mean, standard_deviation};
pub use power::Planned;
pub use proportion::{Share, superiority_of_pairs, superiority_of_samples, wilson};
pub use seeds::Design;
pub use sign_flip::{sign_flip_p, smallest_sign_flip_p};
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
