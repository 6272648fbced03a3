//! Several claims at once: none false, with probability 1 − α.

use crate::error::{Error, check};

/// p values adjusted for all claims of a list: with p₍₁₎ ≤ … ≤ p₍ₖ₎, the i-th becomes max over j ≤ i of
/// min(1, (k − j + 1) p₍ⱼ₎), in the order of the input (Holm, 1979).
///
/// Rejecting what is at most α rejects any true hypothesis with probability at most α, however the p values depend on
/// each other. An empty list stays empty.
///
/// ```
/// let adjusted = statistics::holm(&[0.01, 0.04, 0.03]).unwrap();
/// assert_eq!(adjusted, [0.03, 0.06, 0.06]);
/// ```
///
/// # Errors
/// A p value outside [0, 1] or NaN.
pub fn holm(p_values: &[f64]) -> Result<Vec<f64>, Error> {
    for &p in p_values {
        check("p", "a number in [0, 1]", p, (0.0..=1.0).contains(&p))?;
    }
    let mut adjusted = vec![0.0; p_values.len()];
    let mut largest: f64 = 0.0;
    for (rank, place) in ascending(p_values).into_iter().enumerate() {
        let scaled = (p_values.len() - rank) as f64 * p_values[place];
        largest = largest.max(scaled.min(1.0));
        adjusted[place] = largest;
    }
    Ok(adjusted)
}

/// e-values adjusted for all claims of a list: the smallest mean of any of them with the one at hand,
/// min over i of (e + e₍₁₎ + … + e₍ᵢ₎) / (i + 1) over the i smallest others (Vovk & Wang, 2021, algorithm 1).
///
/// Rejecting what is at least 1/α rejects any true hypothesis with probability at most α, however the e-values depend
/// on each other. They must be e-values, that is of expectation at most 1 where the hypothesis is true: those of
/// one planned moment, or of one rule when to stop. The largest that a process has reached is none; its inverse is a p
/// value for [`holm`]. An empty list stays empty.
///
/// ```
/// let adjusted = statistics::e_holm(&[60.0, 2.0]).unwrap();
/// assert_eq!(adjusted, [31.0, 2.0]);
/// ```
///
/// # Errors
/// An e-value below 0 or NaN; infinity is one.
pub fn e_holm(e_values: &[f64]) -> Result<Vec<f64>, Error> {
    for &e in e_values {
        check("e", "a number of at least 0", e, e >= 0.0)?;
    }
    let order = ascending(e_values);
    let adjusted = (0..e_values.len()).map(|place| {
        let mut sum = e_values[place];
        let mut smallest = sum;
        let others = order.iter().filter(|other| **other != place);
        for (count, other) in others.enumerate() {
            sum += e_values[*other];
            smallest = smallest.min(sum / (count + 2) as f64);
        }
        smallest
    });
    Ok(adjusted.collect())
}

fn ascending(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_claim_is_not_adjusted() {
        assert_eq!(holm(&[0.04]), Ok(vec![0.04]));
        assert_eq!(e_holm(&[20.0]), Ok(vec![20.0]));
        assert_eq!(holm(&[]), Ok(vec![]));
        assert_eq!(e_holm(&[]), Ok(vec![]));
    }

    #[test]
    fn adjusted_p_values_keep_the_order_and_end_at_one() {
        assert_eq!(holm(&[0.5, 0.01, 0.5]), Ok(vec![1.0, 0.03, 1.0]));
        // The second is not below the first, though twice 0.011 is less than three times 0.01.
        assert_eq!(holm(&[0.01, 0.011, 0.9]), Ok(vec![0.03, 0.03, 0.9]));
    }

    #[test]
    fn adjusted_e_values_are_the_smallest_mean_of_any_subset() {
        let e_values = [3.0, 0.5, 40.0, 0.0, 7.0];
        let adjusted = e_holm(&e_values).unwrap();
        for (place, adjusted) in adjusted.iter().enumerate() {
            let means = (0..32_u32)
                .filter(|subset| subset >> place & 1 == 1)
                .map(|subset| {
                    let members = (0..5).filter(|i| subset >> i & 1 == 1);
                    let sum: f64 = members.map(|i| e_values[i]).sum();
                    sum / f64::from(subset.count_ones())
                });
            assert_eq!(*adjusted, means.fold(f64::INFINITY, f64::min));
        }
    }

    #[test]
    fn e_values_may_be_infinite_and_nothing_may_be_nan() {
        assert_eq!(e_holm(&[f64::INFINITY, 1.0]), Ok(vec![f64::INFINITY, 1.0]));
        assert!(e_holm(&[f64::NAN]).is_err() && e_holm(&[-1.0]).is_err());
        assert!(holm(&[f64::NAN]).is_err() && holm(&[1.1]).is_err() && holm(&[-0.1]).is_err());
    }
}
