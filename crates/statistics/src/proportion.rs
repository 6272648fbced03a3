//! Shares of counts: how often a trial diverges, how often one arm beats the other.

use crate::distributions::normal_quantile;
use crate::error::{Error, check, check_alpha, check_pairs, check_values};
use crate::seeds::Design;

/// A share and its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// In [0, 1].
    pub share: f64,
    /// Low and high end, in [0, 1].
    pub interval: [f64; 2],
}

/// Of `successes` out of `trials` (diverged trials, say), with Wilson's 1 − α interval (Wilson, 1927): the shares p with
/// |p̂ − p| ≤ z √(p (1 − p) / n), that is (p̂ + z²/2n ± z √(p̂ (1 − p̂)/n + z²/4n²)) / (1 + z²/n).
///
/// Assumes independent trials of one probability. Unlike p̂ ± z √(p̂ (1 − p̂) / n) it has a width at 0 and at all.
///
/// ```
/// let none = statistics::wilson(0, 10, 0.05).unwrap();
/// assert_eq!(none.interval[0], 0.0);
/// assert!((none.interval[1] - 0.2775).abs() < 1e-4);
/// ```
///
/// # Errors
/// No trial, more successes than trials, an α out of range.
pub fn wilson(successes: usize, trials: usize, alpha: f64) -> Result<Share, Error> {
    check_alpha(alpha)?;
    if trials == 0 {
        return Err(Error::TooFew {
            expected: 1,
            found: 0,
        });
    }
    let is_right = successes <= trials;
    check(
        "successes",
        "at most the number of trials",
        successes as f64,
        is_right,
    )?;
    Ok(wilson_of(successes as f64, trials as f64, alpha))
}

/// P(A > B) + P(A = B) / 2 with its interval, by the design.
///
/// # Errors
/// As those of [`superiority_of_pairs`] and [`superiority_of_samples`].
pub fn superiority(design: Design, a: &[f64], b: &[f64], alpha: f64) -> Result<Share, Error> {
    match design {
        Design::Paired => superiority_of_pairs(a, b, alpha),
        Design::Unpaired => superiority_of_samples(a, b, alpha),
    }
}

/// P(A > B) + P(A = B) / 2 of pairs: the pairs that `a` wins, ties as half, with Wilson's interval.
///
/// It is a sign test: it assumes independent pairs and nothing of their distribution. Half a win for a tie has less
/// variance than the interval allows for, so that ties make it too wide, never too narrow.
///
/// ```
/// let share = statistics::superiority_of_pairs(&[3.0, 2.0, 2.0], &[1.0, 1.0, 2.0], 0.05).unwrap();
/// assert!((share.share - 2.5 / 3.0).abs() < 1e-15);
/// ```
///
/// # Errors
/// No pair, lists of different lengths, values that are not finite, an α out of range.
pub fn superiority_of_pairs(a: &[f64], b: &[f64], alpha: f64) -> Result<Share, Error> {
    check_pairs(a, b, 1)?;
    check_alpha(alpha)?;
    let wins: f64 = a.iter().zip(b).map(|(a, b)| win(*a, *b)).sum();
    Ok(wilson_of(wins, a.len() as f64, alpha))
}

/// P(A > B) + P(A = B) / 2 of two independent samples: θ = U / (n·m), Mann and Whitney's statistic as a share of the
/// n·m comparisons, with Newcombe's interval (2006, part 2, method 5).
///
/// The interval is Wilson's idea with the variance of U: the θ with (θ̂ − θ)² ≤ z² V(θ),
/// V = θ (1 − θ) [1 + k (1 − θ) / (2 − θ) + k θ / (1 + θ)] / (n·m), k = (n + m) / 2 − 1, which is Hanley and McNeil's
/// (1982). Chosen because it has a width where the samples do not overlap, as those of a few seeds often do not;
/// intervals from the observed variance (DeLong, Brunner–Munzel, the bootstrap) have none there.
///
/// ```
/// let share = statistics::superiority_of_samples(&[3.0, 4.0], &[1.0, 2.0], 0.05).unwrap();
/// assert_eq!(share.share, 1.0);
/// assert!(share.interval[0] < 0.5 && share.interval[1] == 1.0);
/// ```
///
/// # Errors
/// An empty list, values that are not finite, an α out of range.
pub fn superiority_of_samples(a: &[f64], b: &[f64], alpha: f64) -> Result<Share, Error> {
    check_values(a, 1)?;
    check_values(b, 1)?;
    check_alpha(alpha)?;
    let wins: f64 = a.iter().flat_map(|a| b.iter().map(|b| win(*a, *b))).sum();
    let comparisons = (a.len() * b.len()) as f64;
    let share = wins / comparisons;
    let others = (a.len() + b.len()) as f64 / 2.0 - 1.0;
    let z = -normal_quantile(alpha / 2.0);
    let is_inside = |theta: f64| {
        let clusters = others * ((1.0 - theta) / (2.0 - theta) + theta / (1.0 + theta));
        let variance = theta * (1.0 - theta) * (1.0 + clusters) / comparisons;
        (share - theta).powi(2) < z * z * variance
    };
    Ok(Share {
        share,
        interval: [0.0, 1.0].map(|end| boundary(share, end, is_inside)),
    })
}

fn win(a: f64, b: f64) -> f64 {
    if a == b {
        0.5
    } else {
        f64::from(u8::from(a > b))
    }
}

fn wilson_of(successes: f64, n: f64, alpha: f64) -> Share {
    let z = -normal_quantile(alpha / 2.0);
    let (share, weight) = (successes / n, z * z / n);
    let middle = share + weight / 2.0;
    let half_width = (weight * share * (1.0 - share) + weight * weight / 4.0).sqrt();
    let end = |value: f64| (value / (1.0 + weight)).clamp(0.0, 1.0);
    Share {
        share,
        interval: [
            if successes == 0.0 {
                0.0
            } else {
                end(middle - half_width)
            },
            if successes == n {
                1.0
            } else {
                end(middle + half_width)
            },
        ],
    }
}

/// Where `is_inside` ends between a point inside and `end`, to the last bit; `end` where it is the point itself.
fn boundary(inside: f64, end: f64, is_inside: impl Fn(f64) -> bool) -> f64 {
    let [mut inside, mut outside] = [inside, end];
    for _ in 0..60 {
        let middle = f64::midpoint(inside, outside);
        if is_inside(middle) {
            inside = middle;
        } else {
            outside = middle;
        }
    }
    outside
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assert_close;

    #[test]
    fn wilson_has_the_published_intervals() {
        // Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I, method 3.
        for (successes, trials, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let found = wilson(successes, trials, 0.05).unwrap().interval;
            assert_close(found[0], low, 5.1e-5);
            assert_close(found[1], high, 5.1e-5);
        }
        assert_eq!(wilson(7, 7, 0.05).unwrap().interval[1], 1.0);
    }

    #[test]
    fn pairs_are_won_or_tied() {
        let share = superiority_of_pairs(&[1.0; 4], &[1.0; 4], 0.05).unwrap();
        assert_eq!(share.share, 0.5);
        let won = superiority_of_pairs(&[2.0; 10], &[1.0; 10], 0.05).unwrap();
        assert_eq!(won, wilson(10, 10, 0.05).unwrap());
    }

    #[test]
    fn the_share_of_samples_is_symmetric_and_has_a_width() {
        let (a, b) = ([1.0, 3.0, 5.0, 6.0], [2.0, 3.0, 4.0]);
        let one = superiority_of_samples(&a, &b, 0.05).unwrap();
        let other = superiority_of_samples(&b, &a, 0.05).unwrap();
        // Of the comparisons 5 and 6 win 6 and 3 wins one and a half.
        assert_close(one.share, 7.5 / 12.0, 1e-15);
        assert_close(one.share, 1.0 - other.share, 1e-15);
        assert_close(one.interval[0], 1.0 - other.interval[1], 1e-12);
        assert!(one.interval[0] < one.share && one.share < one.interval[1]);
        let apart = superiority_of_samples(&[1.0; 3], &[2.0; 3], 0.05).unwrap();
        assert_eq!((apart.share, apart.interval[0]), (0.0, 0.0));
        assert!(apart.interval[1] > 0.3 && apart.interval[1] < 0.7);
    }

    #[test]
    fn one_value_each_says_next_to_nothing() {
        // As Wilson's interval of one trial.
        let one = superiority_of_samples(&[2.0], &[1.0], 0.05).unwrap();
        assert_close(
            one.interval[0],
            wilson(1, 1, 0.05).unwrap().interval[0],
            1e-12,
        );
    }

    #[test]
    fn empty_lists_nan_and_impossible_counts_are_refused() {
        assert!(wilson(0, 0, 0.05).is_err() && wilson(2, 1, 0.05).is_err());
        assert!(wilson(1, 2, f64::NAN).is_err());
        assert!(superiority_of_pairs(&[], &[], 0.05).is_err());
        assert!(superiority_of_pairs(&[1.0], &[f64::NAN], 0.05).is_err());
        assert!(superiority_of_samples(&[], &[1.0], 0.05).is_err());
        assert!(superiority_of_samples(&[f64::INFINITY], &[1.0], 0.05).is_err());
    }
}
