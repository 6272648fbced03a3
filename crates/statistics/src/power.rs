//! Before a comparison: what a number of seeds can detect, and how many a difference needs.

use statrs::function::gamma::ln_gamma;

use crate::distributions::{normal_cdf, t_quantile};
use crate::error::{Error, check, check_alpha, check_finite, check_margin, check_positive};
use crate::seeds::{Design, fewest};

/// A comparison of two arms with as many seeds each, and the noise to be expected.
///
/// ```
/// use statistics::{Design, Planned};
/// // One CIFAR-10 run at 95 % has a standard deviation near 0.16 points.
/// let planned = Planned::new(Design::Unpaired, 0.16, 0.05).unwrap();
/// assert_eq!(planned.seeds_to_detect(0.2, 0.8), Ok(Some(12)));
/// assert!((planned.detectable_difference(10, 0.8).unwrap() - 0.21).abs() < 0.005);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Planned {
    design: Design,
    standard_deviation: f64,
    alpha: f64,
}

impl Planned {
    /// More seeds than these are told as `None`.
    pub const MAX_SEEDS: usize = 10_000;

    /// `standard_deviation` is that of the differences of pairs, or that of a run.
    ///
    /// # Errors
    /// A standard deviation that is not above 0 or not finite, an α out of range.
    pub fn new(design: Design, standard_deviation: f64, alpha: f64) -> Result<Self, Error> {
        check_positive("standard_deviation", standard_deviation)?;
        check_alpha(alpha)?;
        Ok(Self {
            design,
            standard_deviation,
            alpha,
        })
    }

    /// P(|T'| ≥ t(1 − α/2, ν)) for T' of the noncentral t distribution with noncentrality
    /// difference · √n_δ / standard deviation: how often the two-sided t test of so many seeds per arm finds a true
    /// `difference`. n_δ = n and ν = n − 1 for pairs, n/2 and 2n − 2 for two samples (Cohen, 1988, chapter 2).
    ///
    /// ```
    /// # use statistics::{Design, Planned};
    /// let planned = Planned::new(Design::Paired, 1.0, 0.05).unwrap();
    /// assert!((planned.power(10, 1.0).unwrap() - 0.8031).abs() < 1e-4);
    /// assert!((planned.power(10, 0.0).unwrap() - 0.05).abs() < 1e-8);
    /// ```
    ///
    /// # Errors
    /// Seeds out of 2 to [`MAX_SEEDS`](Self::MAX_SEEDS), a difference that is not finite.
    pub fn power(&self, seeds: usize, difference: f64) -> Result<f64, Error> {
        check_seeds(seeds)?;
        check_finite("difference", difference)?;
        let (noncentrality, degrees_of_freedom) = self.noncentrality(seeds, difference);
        let t = -t_quantile(self.alpha / 2.0, degrees_of_freedom);
        Ok(over_spreads(degrees_of_freedom, f64::INFINITY, |spread| {
            normal_cdf(noncentrality - t * spread) + normal_cdf(-noncentrality - t * spread)
        }))
    }

    /// How often both one-sided tests of so many seeds per arm reject at `margin` where the true difference is
    /// `difference`: the integral over s of P(−margin + t s_e < mean < margin − t s_e), t = t(1 − α, ν)
    /// (Phillips, 1990).
    ///
    /// # Errors
    /// As [`power`](Self::power); a margin below 0 or not finite.
    pub fn power_of_equivalence(
        &self,
        seeds: usize,
        difference: f64,
        margin: f64,
    ) -> Result<f64, Error> {
        check_seeds(seeds)?;
        check_margin(margin)?;
        check_finite("difference", difference)?;
        let (above, degrees_of_freedom) = self.noncentrality(seeds, margin - difference);
        let (below, _) = self.noncentrality(seeds, -margin - difference);
        let t = -t_quantile(self.alpha, degrees_of_freedom);
        // At larger spreads the interval is wider than the margin on both sides, and there is no room for a mean.
        let largest = (above - below) / 2.0 / t;
        Ok(over_spreads(degrees_of_freedom, largest, |spread| {
            normal_cdf(above - t * spread) - normal_cdf(below + t * spread)
        }))
    }

    /// The fewest seeds per arm with which a true `difference` is found with probability `power`; `None` above
    /// [`MAX_SEEDS`](Self::MAX_SEEDS), as where the difference is 0.
    ///
    /// # Errors
    /// A difference that is not finite, a power outside [0.5, 1).
    pub fn seeds_to_detect(&self, difference: f64, power: f64) -> Result<Option<usize>, Error> {
        check_power(power)?;
        self.power(2, difference)?;
        Ok(fewest(2, Self::MAX_SEEDS, |seeds| {
            self.power(seeds, difference)
                .is_ok_and(|found| found >= power)
        }))
    }

    /// As [`seeds_to_detect`](Self::seeds_to_detect), to show that a `difference` is within ±`margin`.
    ///
    /// # Errors
    /// Also a margin below 0 or not finite.
    pub fn seeds_for_equivalence(
        &self,
        difference: f64,
        margin: f64,
        power: f64,
    ) -> Result<Option<usize>, Error> {
        check_power(power)?;
        self.power_of_equivalence(2, difference, margin)?;
        Ok(fewest(2, Self::MAX_SEEDS, |seeds| {
            let found = self.power_of_equivalence(seeds, difference, margin);
            found.is_ok_and(|found| found >= power)
        }))
    }

    /// The smallest true difference that so many seeds per arm find with probability `power`.
    ///
    /// # Errors
    /// Seeds out of 2 to [`MAX_SEEDS`](Self::MAX_SEEDS), a power outside [0.5, 1).
    pub fn detectable_difference(&self, seeds: usize, power: f64) -> Result<f64, Error> {
        check_power(power)?;
        let mut high = self.standard_deviation;
        while self.power(seeds, high)? < power {
            high *= 2.0;
        }
        let mut low = 0.0;
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if self.power(seeds, middle)? < power {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(high)
    }

    /// Of `difference` in standard errors, and ν.
    fn noncentrality(&self, seeds: usize, difference: f64) -> (f64, f64) {
        let effective = self.design.effective_seeds(seeds, seeds);
        let degrees_of_freedom = self.design.degrees_of_freedom(seeds, seeds);
        let noncentrality = difference / self.standard_deviation * effective.sqrt();
        (noncentrality, degrees_of_freedom)
    }
}

/// The integral of `probability` over u = s / σ up to `largest`, with the density of √(χ²_ν / ν), by Simpson's rule.
fn over_spreads(degrees_of_freedom: f64, largest: f64, probability: impl Fn(f64) -> f64) -> f64 {
    const STEPS: u32 = 2000;
    let nu = degrees_of_freedom;
    // 2 (ν/2)^(ν/2) / Γ(ν/2) · u^(ν − 1) exp(−ν u² / 2)
    let constant = f64::ln(2.0) + nu / 2.0 * f64::ln(nu / 2.0) - ln_gamma(nu / 2.0);
    let density = |u: f64| {
        let power = if nu == 1.0 { 0.0 } else { (nu - 1.0) * u.ln() };
        (constant + power - nu * u * u / 2.0).exp()
    };
    // Its standard deviation is at most 1 / √(2ν).
    let reach = 10.0 / (2.0 * nu).sqrt();
    let low = (1.0 - reach).max(0.0);
    let high = (1.0 + reach).min(largest);
    if high <= low {
        return 0.0;
    }
    let step = (high - low) / f64::from(STEPS);
    let terms = (0..=STEPS).map(|index| {
        let u = low + step * f64::from(index);
        let weight = match index {
            0 | STEPS => 1.0,
            _ if index % 2 == 1 => 4.0,
            _ => 2.0,
        };
        weight * density(u) * probability(u)
    });
    (terms.sum::<f64>() * step / 3.0).clamp(0.0, 1.0)
}

fn check_seeds(seeds: usize) -> Result<(), Error> {
    let is_right = (2..=Planned::MAX_SEEDS).contains(&seeds);
    check("seeds", "from 2 to 10000", seeds as f64, is_right)
}

fn check_power(power: f64) -> Result<(), Error> {
    check(
        "power",
        "a number in [0.5, 1)",
        power,
        (0.5..1.0).contains(&power),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assert_close;

    fn planned(design: Design) -> Planned {
        Planned::new(design, 0.16, 0.05).unwrap()
    }

    #[test]
    fn seeds_for_differences_of_cifar_10_runs() {
        let seeds = [0.1, 0.2, 0.3, 0.5, 1.0].map(|difference| {
            planned(Design::Unpaired)
                .seeds_to_detect(difference, 0.8)
                .unwrap()
        });
        assert_eq!(seeds, [Some(42), Some(12), Some(6), Some(3), Some(2)]);
        for (seeds, difference) in [(3, 0.49), (10, 0.21), (30, 0.12)] {
            let found = planned(Design::Unpaired).detectable_difference(seeds, 0.8);
            assert_close(found.unwrap(), difference, 0.005);
        }
    }

    #[test]
    fn the_power_at_no_difference_is_alpha() {
        for design in [Design::Paired, Design::Unpaired] {
            for seeds in [2, 3, 10, 1000, Planned::MAX_SEEDS] {
                assert_close(planned(design).power(seeds, 0.0).unwrap(), 0.05, 1e-7);
            }
        }
    }

    #[test]
    fn the_power_of_equivalence_at_the_margin_is_at_most_alpha() {
        let planned = planned(Design::Paired);
        for seeds in [2, 5, 50] {
            assert!(planned.power_of_equivalence(seeds, 0.1, 0.1).unwrap() <= 0.05 + 1e-7);
        }
        assert_close(
            planned.power_of_equivalence(200, 0.1, 0.1).unwrap(),
            0.05,
            1e-7,
        );
        let seeds = planned
            .seeds_for_equivalence(0.0, 0.1, 0.8)
            .unwrap()
            .unwrap();
        assert!(planned.power_of_equivalence(seeds, 0.0, 0.1).unwrap() >= 0.8);
        assert!(planned.power_of_equivalence(seeds - 1, 0.0, 0.1).unwrap() < 0.8);
    }

    #[test]
    fn what_no_number_of_seeds_shows_is_none() {
        let planned = planned(Design::Paired);
        assert_eq!(planned.seeds_to_detect(0.0, 0.8), Ok(None));
        assert_eq!(planned.seeds_for_equivalence(0.2, 0.1, 0.8), Ok(None));
        assert_eq!(planned.seeds_for_equivalence(0.0, 0.0, 0.8), Ok(None));
    }

    #[test]
    fn parameters_out_of_range_are_refused() {
        for wrong in [f64::NAN, f64::INFINITY, 0.0, -1.0] {
            assert!(Planned::new(Design::Paired, wrong, 0.05).is_err());
        }
        let planned = planned(Design::Paired);
        assert!(planned.power(1, 0.1).is_err() && planned.power(2, f64::NAN).is_err());
        assert!(planned.seeds_to_detect(f64::NAN, 0.8).is_err());
        assert!(planned.seeds_to_detect(0.1, 1.0).is_err());
        assert!(planned.detectable_difference(1, 0.8).is_err());
    }
}
