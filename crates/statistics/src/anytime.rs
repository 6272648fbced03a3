//! The difference of two means when one looks after every seed: the e-process of the t statistic.

mod expected;

use crate::error::{Error, check_alpha, check_margin, check_pairs, check_positive, check_values};
use crate::seeds::{Design, fewest};
pub use expected::{Outcomes, UntilDecided};

/// g, the variance of the effect sizes that the process bets on. Larger values decide large effects sooner and small
/// ones later; every value keeps the error rate.
pub const PRIOR_VARIANCE: f64 = 1.0;

/// The evidence after each seed, in the order in which the seeds were planned.
///
/// For x of a normal distribution, t = √n_δ · (x̄ − m) / s with n_δ = n and ν = n − 1 for pairs, n·m / (n + m) and
/// n + m − 2 for two samples (with the pooled s, so of equal variances). With a normal prior of variance g on the
/// effect size under the alternative and the right Haar prior on σ the Bayes factor against "the mean is m" is
///
/// E = v^(−1/2) · [(1 + t²/ν) / (1 + t²/(ν v))]^((ν + 1)/2), v = 1 + n_δ g
///
/// (Gönen et al., 2005). Where the hypothesis is true E is a martingale that starts at 1 whatever σ is (Wang & Ramdas,
/// 2023, arXiv:2310.03722), so P(E ever reaches 1/α) ≤ α (Ville, 1939): one may look after every seed, stop, go on, and
/// add seeds later. What must not depend on the values is their order.
///
/// E is at most v^(ν/2), so that five pairs, or four seeds in each of two samples, are the fewest that can decide
/// anything at α = 0.05. Where nothing varies it has this value, and at x̄ = m that of t = 0.
///
/// ```
/// use statistics::{Anytime, Design, PRIOR_VARIANCE};
/// let a = [94.31, 94.22, 94.47, 94.39, 94.28, 94.36];
/// let b = [93.95, 93.90, 94.08, 94.01, 93.93, 93.97];
/// let anytime = Anytime::of(Design::Paired, &a, &b, PRIOR_VARIANCE).unwrap();
/// assert!(anytime.p() < 0.05);
/// assert_eq!(anytime.first_at_least(20.0).unwrap().seeds(), [5, 5]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Anytime {
    design: Design,
    prior_variance: f64,
    looks: Vec<Look>,
}

impl Anytime {
    /// Of pairs with a look after each, or of two independent samples of one variance with a look after each seed of both;
    /// a longer sample goes on alone. Fewer than two pairs have no look, and decide nothing.
    ///
    /// # Errors
    /// Pairs in lists of different lengths, values that are not finite, a g that is not above 0.
    pub fn of(design: Design, a: &[f64], b: &[f64], prior_variance: f64) -> Result<Self, Error> {
        match design {
            Design::Paired => check_pairs(a, b, 0)?,
            Design::Unpaired => {
                check_values(a, 0)?;
                check_values(b, 0)?;
            }
        }
        check_positive("prior_variance", prior_variance)?;
        let mut arms = Arms::new(design);
        let looks = (0..a.len().max(b.len())).filter_map(|seed| {
            arms.add(a.get(seed).copied(), b.get(seed).copied());
            arms.look(prior_variance)
        });
        Ok(Self {
            looks: looks.collect(),
            design,
            prior_variance,
        })
    }

    /// Whether it is of pairs.
    pub fn design(&self) -> Design {
        self.design
    }

    /// From the first one with a degree of freedom.
    pub fn looks(&self) -> &[Look] {
        &self.looks
    }

    /// 1 / max E: a p value that is valid whenever one looks, and goes into [`holm`](crate::holm) where there are
    /// several claims.
    pub fn p(&self) -> f64 {
        let largest = self.strongest().map_or(0.0, |look| look.e_value(0.0));
        (1.0 / largest).min(1.0)
    }

    /// The look with the largest E against no difference.
    pub fn strongest(&self) -> Option<&Look> {
        self.looks
            .iter()
            .max_by(|one, other| one.log_e(0.0).total_cmp(&other.log_e(0.0)))
    }

    /// The first look at which E has reached `bound`: 1/α, at which a single claim is decided.
    pub fn first_at_least(&self, bound: f64) -> Option<&Look> {
        self.looks.iter().find(|look| look.e_value(0.0) >= bound)
    }

    /// A p value, valid whenever one looks, against a difference of `margin` or more on either side: 1 over the largest
    /// of min(E against `margin`, E against −`margin`) of the looks with a mean between the two. At most α exactly where
    /// the confidence sequence lay within ±`margin` at some look.
    ///
    /// # Errors
    /// A margin below 0 or not finite.
    pub fn p_equivalence(&self, margin: f64) -> Result<f64, Error> {
        check_margin(margin)?;
        let e_values = self.looks.iter().map(|look| look.e_equivalence(margin));
        Ok((1.0 / e_values.fold(0.0, f64::max)).min(1.0))
    }

    /// The differences that no look has rejected: the intersection of [`Look::interval`] over all looks, which contains
    /// the true one with probability 1 − α whenever one looks. Unbounded without looks. Where the looks have nothing in
    /// common, which happens with probability α at most, the interval of the last one.
    ///
    /// # Errors
    /// An α out of range.
    pub fn interval(&self, alpha: f64) -> Result<[f64; 2], Error> {
        let mut common = [f64::NEG_INFINITY, f64::INFINITY];
        for look in &self.looks {
            let [low, high] = look.interval(alpha)?;
            common = [common[0].max(low), common[1].min(high)];
        }
        match self.looks.last() {
            Some(last) if common[0] > common[1] => last.interval(alpha),
            _ => Ok(common),
        }
    }

    /// How many more seeds per arm decide a single claim if mean and spread stay as they are: E reaches 1/α, or the
    /// confidence sequence comes to lie within ±`margin`. `None` without a look or above 10,000.
    pub(crate) fn seeds_still_needed(&self, margin: f64, alpha: f64) -> Option<usize> {
        let last = self.looks.last()?;
        fewest(1, 10_000, |more| {
            let later = last.after(more, self.design, self.prior_variance);
            later.e_value(0.0).max(later.e_equivalence(margin)) >= 1.0 / alpha
        })
    }
}

/// What is known after some seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    seeds: [usize; 2],
    mean: f64,
    /// Of one pair, or of one run.
    standard_deviation: f64,
    effective_seeds: f64,
    degrees_of_freedom: f64,
    /// 1 + n_δ g
    v: f64,
}

impl Look {
    /// How many values either arm has.
    pub fn seeds(&self) -> [usize; 2] {
        self.seeds
    }

    /// The mean difference.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// E against the hypothesis that the true difference is `hypothesis`; infinite where it is above what a number can
    /// be.
    pub fn e_value(&self, hypothesis: f64) -> f64 {
        self.log_e(hypothesis).exp()
    }

    /// mean ± t* s / √n_δ, `[low, high]`: the differences against which E is below 1/α. With c = (√v / α)^(2/(ν + 1)),
    /// t*² = ν (c − 1) / (1 − c/v), and unbounded while c ≥ v.
    ///
    /// # Errors
    /// An α out of range.
    pub fn interval(&self, alpha: f64) -> Result<[f64; 2], Error> {
        check_alpha(alpha)?;
        let nu = self.degrees_of_freedom;
        let c = (self.v.sqrt() / alpha).powf(2.0 / (nu + 1.0));
        if c >= self.v {
            return Ok([f64::NEG_INFINITY, f64::INFINITY]);
        }
        let t = (nu * (c - 1.0) / (1.0 - c / self.v)).sqrt();
        let half_width = t * self.standard_error();
        Ok([self.mean - half_width, self.mean + half_width])
    }

    fn standard_error(&self) -> f64 {
        self.standard_deviation / self.effective_seeds.sqrt()
    }

    fn log_e(&self, hypothesis: f64) -> f64 {
        let (nu, distance) = (self.degrees_of_freedom, self.mean - hypothesis);
        let log_ratio = if distance == 0.0 {
            0.0
        } else {
            // Infinite where nothing varies.
            let x = (distance / self.standard_error()).powi(2) / nu;
            if x.is_infinite() {
                self.v.ln()
            } else {
                x.ln_1p() - (x / self.v).ln_1p()
            }
        };
        f64::midpoint(nu, 1.0) * log_ratio - self.v.ln() / 2.0
    }

    /// Against a difference of `margin` or more on either side; 0 where the mean is no smaller.
    fn e_equivalence(&self, margin: f64) -> f64 {
        if self.mean.abs() < margin {
            self.e_value(margin).min(self.e_value(-margin))
        } else {
            0.0
        }
    }

    /// With `more` seeds per arm, and mean and spread as they are.
    fn after(&self, more: usize, design: Design, prior_variance: f64) -> Self {
        let seeds = self.seeds.map(|seeds| seeds + more);
        Self {
            standard_deviation: self.standard_deviation,
            mean: self.mean,
            ..Self::with_seeds(seeds, design, prior_variance)
        }
    }

    fn with_seeds(seeds: [usize; 2], design: Design, prior_variance: f64) -> Self {
        let [a, b] = seeds;
        let effective_seeds = design.effective_seeds(a, b);
        Self {
            seeds,
            mean: 0.0,
            standard_deviation: 0.0,
            effective_seeds,
            degrees_of_freedom: design.degrees_of_freedom(a, b),
            v: 1.0 + effective_seeds * prior_variance,
        }
    }
}

/// Both arms as they grow. Pairs are one arm, of their differences.
#[derive(Clone, Debug)]
struct Arms {
    design: Design,
    a: Moments,
    b: Moments,
}

impl Arms {
    fn new(design: Design) -> Self {
        Self {
            design,
            a: Moments::default(),
            b: Moments::default(),
        }
    }

    fn add(&mut self, a: Option<f64>, b: Option<f64>) {
        match self.design {
            Design::Paired => self.a.add(a.zip(b).map(|(a, b)| a - b)),
            Design::Unpaired => {
                self.a.add(a);
                self.b.add(b);
            }
        }
    }

    /// `None` without a degree of freedom.
    fn look(&self, prior_variance: f64) -> Option<Look> {
        let seeds = match self.design {
            Design::Paired => [self.a.count; 2],
            Design::Unpaired => [self.a.count, self.b.count],
        };
        let look = Look::with_seeds(seeds, self.design, prior_variance);
        let variance = (self.a.squares + self.b.squares) / look.degrees_of_freedom;
        let is_look = look.degrees_of_freedom >= 1.0 && seeds.iter().all(|count| *count > 0);
        is_look.then(|| Look {
            mean: self.a.mean - self.b.mean,
            standard_deviation: variance.sqrt(),
            ..look
        })
    }
}

/// Mean and Σ(xᵢ − mean)² of the values so far (Welford, 1962).
#[derive(Clone, Debug, Default)]
struct Moments {
    count: usize,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: Option<f64>) {
        let Some(value) = value else { return };
        self.count += 1;
        let distance = value - self.mean;
        self.mean += distance / self.count as f64;
        self.squares += distance * (value - self.mean);
    }
}

#[cfg(test)]
mod tests;
