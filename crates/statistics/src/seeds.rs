//! How the seeds of two arms belong together, and how many are enough.

/// Whether the seeds of two arms belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Design {
    /// Value i of either arm has the same seed.
    Paired,
    /// The arms are independent.
    Unpaired,
}

impl Design {
    /// n_δ, n for pairs and n·m / (n + m) for two samples: the variance of the mean difference is σ² over this.
    pub(crate) fn effective_seeds(self, a: usize, b: usize) -> f64 {
        let (a, b) = (a as f64, b as f64);
        match self {
            Self::Paired => a,
            Self::Unpaired => a * b / (a + b),
        }
    }

    /// ν where both arms have one variance; below 1 where it cannot be estimated.
    pub(crate) fn degrees_of_freedom(self, a: usize, b: usize) -> f64 {
        match self {
            Self::Paired => a as f64 - 1.0,
            Self::Unpaired => (a + b) as f64 - 2.0,
        }
    }
}

/// The smallest number from `low` to `high` from which on `is_enough`; `None` where `high` is not.
pub fn fewest(low: usize, high: usize, is_enough: impl Fn(usize) -> bool) -> Option<usize> {
    let [mut few, mut step] = [low, 1];
    // In growing steps, since most answers are small.
    while !is_enough(few) {
        if few == high {
            return None;
        }
        step *= 2;
        few = (few + step).min(high);
    }
    let mut too_few = few.saturating_sub(step).max(low);
    while too_few < few {
        let middle = usize::midpoint(too_few, few);
        if is_enough(middle) {
            few = middle;
        } else {
            too_few = middle + 1;
        }
    }
    Some(few)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewest_are_found_wherever_they_are() {
        for answer in 2..=40 {
            assert_eq!(fewest(2, 40, |n| n >= answer), Some(answer));
        }
        assert_eq!(fewest(2, 40, |n| n > 40), None);
    }
}
