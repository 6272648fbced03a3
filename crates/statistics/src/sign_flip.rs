//! The randomisation test of pairs, which assumes no distribution.

use random_streams::Stream;

use crate::error::{Error, check_pairs};

/// Up to so many pairs every sign pattern is tried.
const EXACT_PAIRS: usize = 20;

/// Patterns drawn above that.
const DRAWS: u32 = 100_000;

/// Sums this near to each other, relative to Σ|dᵢ|, are equal but for rounding.
const ROUNDING: f64 = 1e-9;

/// The share of the 2ⁿ sign patterns of the differences dᵢ = aᵢ − bᵢ whose |mean| is at least the one that was
/// observed: a two-sided p value (Fisher, 1935).
///
/// Exact where the two arms of a pair are exchangeable under the hypothesis that nothing differs; needs no normal
/// distribution. Up to 20 pairs all patterns are counted; beyond, 100,000 are drawn from the stream of `seed`, and
/// the observed one counts as another, (1 + hits) / (1 + draws), without which p could be 0 (Phipson & Smyth, 2010).
///
/// ```
/// let p = statistics::sign_flip_p(&[0.3, 0.2, 0.4], &[0.0; 3], 0).unwrap();
/// assert_eq!(p, 0.25);
/// assert_eq!(p, statistics::smallest_sign_flip_p(3));
/// ```
///
/// # Errors
/// No pair, lists of different lengths, values that are not finite.
pub fn sign_flip_p(a: &[f64], b: &[f64], seed: u64) -> Result<f64, Error> {
    check_pairs(a, b, 1)?;
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    let sum: f64 = differences.iter().sum();
    let total: f64 = differences.iter().map(|value| value.abs()).sum();
    let bound = sum.abs() - ROUNDING * total;
    if let [first, rest @ ..] = &differences[..]
        && differences.len() <= EXACT_PAIRS
    {
        // A pattern and its opposite have one |mean|, so the first sign is fixed.
        let hits = count(rest, *first, bound);
        return Ok(f64::from(hits) / f64::from(1_u32 << rest.len()));
    }
    let mut stream = Stream::new(seed, "sign flips", 0);
    let hits = (0..DRAWS).filter(|_| flipped_sum(&differences, &mut stream).abs() >= bound);
    Ok((1.0 + hits.count() as f64) / (1.0 + f64::from(DRAWS)))
}

/// 2^(1 − n), the smallest p that n pairs can give: 0.25 of 3, 0.0625 of 5, 0.002 of 10. With an α below this no
/// verdict is within reach.
///
/// ```
/// assert_eq!(statistics::smallest_sign_flip_p(5), 0.0625);
/// ```
pub fn smallest_sign_flip_p(pairs: usize) -> f64 {
    let exponent = i32::try_from(pairs).unwrap_or(i32::MAX);
    (2.0 * 0.5_f64.powi(exponent)).min(1.0)
}

/// Of all ways to add or subtract `differences` from `sum`, those that end at `bound` or beyond on either side.
fn count(differences: &[f64], sum: f64, bound: f64) -> u32 {
    match differences {
        [] => u32::from(sum.abs() >= bound),
        [first, rest @ ..] => count(rest, sum + first, bound) + count(rest, sum - first, bound),
    }
}

fn flipped_sum(differences: &[f64], stream: &mut Stream) -> f64 {
    let words = differences
        .chunks(32)
        .map(|chunk| (stream.next_u32(), chunk));
    words.fold(0.0, |sum, (word, chunk)| {
        let signed =
            chunk.iter().enumerate().map(
                |(bit, value)| {
                    if word >> bit & 1 == 0 { *value } else { -value }
                },
            );
        sum + signed.sum::<f64>()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assert_close;

    #[test]
    fn differences_of_one_sign_have_the_smallest_p() {
        for n in 1..=12 {
            let a: Vec<f64> = (1..=n).map(f64::from).collect();
            let p = sign_flip_p(&a, &vec![0.0; a.len()], 0).unwrap();
            assert_eq!(p, smallest_sign_flip_p(a.len()));
        }
        assert_close(smallest_sign_flip_p(10), 0.002, 5e-5);
        assert_eq!(smallest_sign_flip_p(0), 1.0);
    }

    #[test]
    fn patterns_counted_by_hand() {
        // ±1 ±2 ±4: of the sums 7, 5, 3, 1 (each twice), 5 and 7 are at least |−1 + 2 + 4|.
        assert_eq!(sign_flip_p(&[-1.0, 2.0, 4.0], &[0.0; 3], 0), Ok(0.5));
        assert_eq!(sign_flip_p(&[0.0; 4], &[0.0; 4], 0), Ok(1.0));
        assert_eq!(sign_flip_p(&[0.0, 0.0, 3.0], &[0.0; 3], 0), Ok(1.0));
    }

    #[test]
    fn patterns_that_differ_by_rounding_alone_are_ties() {
        // 0.3 = 0.1 + 0.2 but for rounding: with d = 0.1, 0.2, −0.3 every pattern has |sum| ≥ 0.
        assert_eq!(sign_flip_p(&[0.1, 0.2, -0.3], &[0.0; 3], 0), Ok(1.0));
        let tie = sign_flip_p(&[0.1, 0.2, 0.3, -0.3], &[0.0; 4], 0).unwrap();
        let whole = sign_flip_p(&[1.0, 2.0, 3.0, -3.0], &[0.0; 4], 0).unwrap();
        assert_eq!(tie, whole);
    }

    #[test]
    fn drawn_patterns_agree_with_counted_ones_and_never_give_zero() {
        let twenty: Vec<f64> = (0..20).map(|i| (f64::from(i) * 0.7).sin() + 0.25).collect();
        let exact = sign_flip_p(&twenty, &[0.0; 20], 0).unwrap();
        // A difference of 0 more changes no share.
        let more = [twenty.clone(), vec![0.0]].concat();
        let drawn = sign_flip_p(&more, &[0.0; 21], 3).unwrap();
        // Five standard deviations of a share of 100,000.
        assert_close(drawn, exact, 5.0 * (exact * (1.0 - exact) / 1e5).sqrt());
        assert_eq!(drawn, sign_flip_p(&more, &[0.0; 21], 3).unwrap());
        let certain = sign_flip_p(&[1.0; 60], &[0.0; 60], 0).unwrap();
        assert_eq!(certain, 1.0 / 100_001.0);
    }

    #[test]
    fn what_has_no_pairs_is_refused() {
        assert!(sign_flip_p(&[], &[], 0).is_err());
        assert!(sign_flip_p(&[1.0], &[], 0).is_err());
        assert!(sign_flip_p(&[f64::NAN], &[1.0], 0).is_err());
    }
}
