//! Before a comparison that runs until it is decided: how it will end, and after how many seeds.

use random_streams::Stream;

use super::Arms;
use crate::error::{Error, check, check_alpha, check_finite, check_margin, check_positive};
use crate::seeds::Design;

/// A comparison that adds a seed to both arms until E has reached 1/α, or the confidence sequence lies within the margin,
/// or the seeds are used up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UntilDecided {
    /// Whether the arms share seeds.
    pub design: Design,
    /// Of the differences of pairs, or of a run.
    pub standard_deviation: f64,
    /// The smallest difference that matters; 0 where equivalence is not asked for.
    pub margin: f64,
    /// The rate of false verdicts.
    pub alpha: f64,
    /// g, see [`PRIOR_VARIANCE`](super::PRIOR_VARIANCE).
    pub prior_variance: f64,
    /// The largest number of seeds per arm.
    pub at_most: usize,
}

/// How simulated comparisons ended, as shares; what is left was undecided.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outcomes {
    /// Decided for the first arm.
    pub win: f64,
    /// Decided for the second arm.
    pub loss: f64,
    /// Decided that the difference is within the margin.
    pub equivalent: f64,
    /// The mean number of seeds per arm, those of undecided comparisons included.
    pub seeds_mean: f64,
}

impl UntilDecided {
    /// Simulates so many comparisons of normal values with this true `difference`; the same `seed` gives the same
    /// outcomes.
    ///
    /// ```
    /// use statistics::{Design, PRIOR_VARIANCE, UntilDecided};
    /// let comparison = UntilDecided {
    ///     design: Design::Unpaired,
    ///     standard_deviation: 0.16,
    ///     margin: 0.0,
    ///     alpha: 0.05,
    ///     prior_variance: PRIOR_VARIANCE,
    ///     at_most: 60,
    /// };
    /// let outcomes = comparison.simulate(0.5, 1000, 0).unwrap();
    /// assert!(outcomes.win > 0.99 && (outcomes.seeds_mean - 5.8).abs() < 0.3);
    /// ```
    ///
    /// # Errors
    /// Parameters out of range, no repetition, a difference that is not finite.
    pub fn simulate(
        &self,
        difference: f64,
        repetitions: u32,
        seed: u64,
    ) -> Result<Outcomes, Error> {
        check_positive("standard_deviation", self.standard_deviation)?;
        check_positive("prior_variance", self.prior_variance)?;
        check_margin(self.margin)?;
        check_alpha(self.alpha)?;
        check_finite("difference", difference)?;
        let is_right = repetitions > 0;
        check(
            "repetitions",
            "at least 1",
            f64::from(repetitions),
            is_right,
        )?;
        let mut ends = [0_u32; 3];
        let mut seeds_total = 0;
        for repetition in 0..repetitions {
            let mut stream = Stream::new(seed, "until decided", u64::from(repetition));
            let (seeds, end) = self.one(difference, &mut stream);
            seeds_total += seeds;
            if let Some(end) = end {
                ends[end as usize] += 1;
            }
        }
        let [win, loss, equivalent] = ends.map(|count| f64::from(count) / f64::from(repetitions));
        Ok(Outcomes {
            win,
            loss,
            equivalent,
            seeds_mean: seeds_total as f64 / f64::from(repetitions),
        })
    }

    /// One comparison: how many seeds it took, and how it ended.
    fn one(&self, difference: f64, stream: &mut Stream) -> (usize, Option<End>) {
        let mut arms = Arms::new(self.design);
        for seeds in 1..=self.at_most {
            let mut noise = || self.standard_deviation * f64::from(stream.normal());
            let a = difference + noise();
            let b = match self.design {
                Design::Paired => 0.0,
                Design::Unpaired => noise(),
            };
            arms.add(Some(a), Some(b));
            let Some(look) = arms.look(self.prior_variance) else {
                continue;
            };
            if look.e_equivalence(self.margin) >= 1.0 / self.alpha {
                return (seeds, Some(End::Equivalent));
            }
            if look.e_value(0.0) >= 1.0 / self.alpha {
                let end = if look.mean > 0.0 { End::Win } else { End::Loss };
                return (seeds, Some(end));
            }
        }
        (self.at_most, None)
    }
}

/// In the order in which they are counted.
#[derive(Clone, Copy)]
enum End {
    Win,
    Loss,
    Equivalent,
}
