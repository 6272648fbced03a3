//! `seeds`: a list that is fixed in advance, or seeds added until every claim is decided.

use toml::Spanned;
use toml::de::DeValue;

use super::check::{Checker, Item, List};
use super::diagnostics::Problem;
use super::unknown::SEEDS_EXAMPLE;
use super::values::{did_you_mean, key_name, suggestion, whole};
use crate::settings::{Kind, Setting};

/// The seeds of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seeds {
    /// Those of the file, whose number is fixed before the first trial.
    Fixed(Vec<u64>),
    /// One after the other until every claim is decided, or so many per loss: 1, 2, 3, … without the seeds of
    /// `[tune]`.
    UntilDecided { at_most: usize },
}

/// JSON's readers hold integers exactly up to 2⁵³ − 1.
pub(super) const MAXIMUM_SEED: u64 = (1 << 53) - 1;

/// Until decided: the fewest that give an idea of their spread.
const SEEDS_WITHOUT_CLAIM: usize = 3;

const UNTIL: Kind = Kind::Choice(&["decided"]);
/// Fewer than two seeds can decide nothing.
pub(super) const AT_MOST: Kind = Kind::Whole(2, 1000);
const UNTIL_EXAMPLE: &str = "seeds = { until = \"decided\", at_most = 40 }";

impl Checker {
    /// The value of the key `seeds`.
    pub fn seeds(&mut self, value: &Spanned<DeValue>) -> Item<Seeds> {
        let seeds = if value.get_ref().is_table() {
            self.until_decided(value)
        } else {
            let seeds = self.seed_list(value, "seeds", SEEDS_EXAMPLE);
            Seeds::Fixed(seeds.into_iter().map(|seed| seed.value).collect())
        };
        Item::new(seeds, value, "seeds".to_owned())
    }

    /// A list of seeds.
    pub fn seed_list(
        &mut self,
        value: &Spanned<DeValue>,
        place: &str,
        example: &str,
    ) -> Vec<Item<u64>> {
        let list = List {
            place,
            entries: "integers",
            example,
        };
        self.distinct(value, &list, Self::seed)
    }

    fn until_decided(&mut self, value: &Spanned<DeValue>) -> Seeds {
        let mut at_most = 0;
        let entries = self.table(value, "seeds");
        for (key, value) in &entries {
            match key.get_ref().as_ref() {
                "until" => {
                    self.setting(&UNTIL, value, "seeds.until");
                }
                "at_most" => {
                    let most = self.setting(&AT_MOST, value, "seeds.at_most");
                    if let Some(Setting::Whole(most)) = most {
                        at_most = most;
                    }
                }
                name => {
                    let message = format!("seeds.{}: unknown key", key_name(name));
                    let help = did_you_mean(name, &["until", "at_most"])
                        .unwrap_or_else(|| format!("list the seeds, as in {SEEDS_EXAMPLE}"));
                    self.problems
                        .push(Problem::at(key.span(), message).help(help));
                    return Seeds::UntilDecided { at_most };
                }
            }
        }
        for name in ["until", "at_most"] {
            if !entries.iter().any(|(key, _)| key.get_ref() == name) {
                let place = format!("seeds.{name}");
                self.missing_key(value.span(), &place, &format!("write {UNTIL_EXAMPLE}"));
            }
        }
        Seeds::UntilDecided { at_most }
    }

    fn seed(&mut self, value: &Spanned<DeValue>, place: &str) -> Option<u64> {
        let read = |value: &DeValue| {
            let seed = whole(value).and_then(|number| u64::try_from(number).ok());
            seed.filter(|seed| *seed <= MAXIMUM_SEED)
        };
        let seed = read(value.get_ref());
        if seed.is_none() {
            let expectation = format!("an integer from 0 to {MAXIMUM_SEED}");
            let help = suggestion(value.get_ref(), |value| read(value).is_some())
                .unwrap_or_else(|| format!("list the seeds, as in {SEEDS_EXAMPLE}"));
            self.unexpected(value, place, &expectation, Some(help));
        }
        seed
    }
}

impl Seeds {
    pub fn are_until_decided(&self) -> bool {
        matches!(self, Self::UntilDecided { .. })
    }

    /// The largest number of seeds per loss.
    pub fn at_most(&self) -> usize {
        match self {
            Self::Fixed(seeds) => seeds.len(),
            Self::UntilDecided { at_most } => *at_most,
        }
    }

    /// The number of seeds of a loss without a claim.
    pub fn without_claim(&self) -> usize {
        match self {
            Self::Fixed(seeds) => seeds.len(),
            Self::UntilDecided { at_most } => SEEDS_WITHOUT_CLAIM.min(*at_most),
        }
    }

    /// The seeds in the order in which they count; those of `tuning` are not used again.
    pub fn planned(&self, tuning: &[u64]) -> Vec<u64> {
        match self {
            Self::Fixed(seeds) => seeds.clone(),
            Self::UntilDecided { at_most } => (1..)
                .filter(|seed| !tuning.contains(seed))
                .take(*at_most)
                .collect(),
        }
    }
}
