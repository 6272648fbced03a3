//! What one would have said with fewer seeds.

use random_streams::Stream;

use crate::error::{Error, check, check_pairs, check_values};
use crate::mean::mean_of;
use crate::seeds::Design;

const DRAWS: u32 = 10_000;

/// How often `seeds` of the seeds, drawn without replacement, put the arms in the opposite order of all of them: the
/// share of 10,000 draws, from the stream of `seed`, in which the sign of the mean difference is the other one.
/// Pairs are drawn as pairs, seeds of two samples for each arm by itself. `None` where the means of all are equal.
///
/// It describes the runs that there are. It is no error rate: if there is no difference, half of all draws name either.
///
/// ```
/// use statistics::{Design, reversal_rate};
/// let (a, b) = ([3.0, 3.0, 3.0, 0.0], [1.0; 4]);
/// let one_seed = reversal_rate(Design::Paired, &a, &b, 1, 0).unwrap().unwrap();
/// assert!((one_seed - 0.25).abs() < 0.02);
/// assert_eq!(reversal_rate(Design::Paired, &a, &b, 3, 0), Ok(Some(0.0)));
/// ```
///
/// # Errors
/// More seeds than there are, or none; values that are not finite; pairs of lists that differ in length.
pub fn reversal_rate(
    design: Design,
    a: &[f64],
    b: &[f64],
    seeds: usize,
    seed: u64,
) -> Result<Option<f64>, Error> {
    match design {
        Design::Paired => check_pairs(a, b, 1)?,
        Design::Unpaired => {
            check_values(a, 1)?;
            check_values(b, 1)?;
        }
    }
    let is_right = (1..=a.len().min(b.len())).contains(&seeds);
    check(
        "seeds",
        "from 1 to as many as there are",
        seeds as f64,
        is_right,
    )?;
    let all = mean_of(a) - mean_of(b);
    if all == 0.0 {
        return Ok(None);
    }
    let mut stream = Stream::new(seed, "fewer seeds", 0);
    let [mut of_a, mut of_b]: [Vec<usize>; 2] = [a, b].map(|arm| (0..arm.len()).collect());
    let is_reversed = |_: &u32| {
        draw(&mut of_a, seeds, &mut stream);
        let from_b = match design {
            Design::Paired => &of_a,
            Design::Unpaired => {
                draw(&mut of_b, seeds, &mut stream);
                &of_b
            }
        };
        let places = of_a.iter().zip(from_b).take(seeds);
        let sum: f64 = places.map(|(i, j)| a[*i] - b[*j]).sum();
        sum * all.signum() < 0.0
    };
    let reversed = (0..DRAWS).filter(is_reversed).count();
    Ok(Some(reversed as f64 / f64::from(DRAWS)))
}

/// Puts a random choice of so many into the first places (Fisher and Yates, as far as needed).
fn draw(places: &mut [usize], count: usize, stream: &mut Stream) {
    for first in 0..count {
        let left = u32::try_from(places.len() - first).expect("fewer seeds than u32::MAX");
        places.swap(first, first + stream.below(left) as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assert_close;

    const A: [f64; 6] = [5.0, -1.0, 2.0, -2.0, 4.0, -1.0];
    const B: [f64; 6] = [0.0; 6];

    #[test]
    fn one_pair_names_the_other_arm_as_often_as_it_won() {
        let rate =
            |a: &[f64], b: &[f64]| reversal_rate(Design::Paired, a, b, 1, 3).unwrap().unwrap();
        // Four standard deviations of a share of 10,000.
        assert_close(rate(&A, &B), 0.5, 0.02);
        assert_eq!(rate(&A, &B), rate(&B, &A));
    }

    #[test]
    fn two_pairs_are_counted_by_hand() {
        // Of the 15 pairs of d: −1 −1, and −2 with either −1, are below 0; −2 with 2 is 0, which names neither.
        let rate = reversal_rate(Design::Paired, &A, &B, 2, 0).unwrap();
        assert_close(rate.unwrap(), 3.0 / 15.0, 0.016);
    }

    #[test]
    fn all_seeds_say_what_they_say() {
        for design in [Design::Paired, Design::Unpaired] {
            assert_eq!(reversal_rate(design, &A, &B, 6, 0), Ok(Some(0.0)));
            assert_eq!(reversal_rate(design, &B, &B, 1, 0), Ok(None));
        }
    }

    #[test]
    fn samples_are_drawn_for_each_arm() {
        // Of the four comparisons of a and b one is below 0.
        let rate = reversal_rate(Design::Unpaired, &[1.0, 3.0], &[0.0, 2.0], 1, 0).unwrap();
        assert_close(rate.unwrap(), 0.25, 0.018);
    }

    #[test]
    fn what_cannot_be_drawn_is_refused() {
        for seeds in [0, 7] {
            assert!(reversal_rate(Design::Paired, &A, &B, seeds, 0).is_err());
        }
        assert!(reversal_rate(Design::Paired, &A, &B[..5], 1, 0).is_err());
        assert!(reversal_rate(Design::Unpaired, &[], &B, 1, 0).is_err());
        assert!(reversal_rate(Design::Paired, &[f64::NAN], &[1.0], 1, 0).is_err());
    }
}
