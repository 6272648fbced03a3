//! A parsed document → the sweep that it describes.

use std::ops::Range;

use bonus_loss::LossConfig;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::check::{Checker, Item, in_file_order};
use super::claims::{Claim, WrittenClaim};
use super::diagnostics::Problem;
use super::points::Axis;
use super::reference::Reference;
use super::seeds::Seeds;
use super::tune::{Tune, WrittenTune};
use super::unknown::EXAMPLES;
use crate::settings::{ExecutionSettings, Setting, TrainKey, TrainSettings};

/// A sweep file, read and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    pub name: String,
    pub description: String,
    /// The values of `[train]`, one for each point of `[grid]` (one if there is no grid); the
    /// last key of the grid changes fastest.
    pub points: Vec<TrainSettings>,
    /// The keys of `[grid]` in the order of the file.
    pub axes: Vec<&'static TrainKey>,
    pub losses: Vec<LossConfig>,
    pub seeds: Seeds,
    /// The settings to choose from before the comparison; there is no grid then, and no point.
    pub tune: Option<Tune>,
    pub claims: Vec<Claim>,
    pub reference: Option<Reference>,
    pub execution: ExecutionSettings,
}

/// The tables of a sweep file, each checked by itself.
#[derive(Default)]
struct Written {
    name: String,
    description: String,
    losses: Vec<Item<LossConfig>>,
    seeds: Option<Item<Seeds>>,
    fixed: Vec<(&'static TrainKey, Item<Setting>)>,
    grid: Option<(Range<usize>, Vec<Axis>)>,
    tune: Option<WrittenTune>,
    claims: Vec<WrittenClaim>,
    reference: Option<Reference>,
    execution: ExecutionSettings,
}

/// Characters of a name, which a folder must be able to bear.
pub(super) const MAXIMUM_NAME: usize = 100;
impl Checker {
    /// A sweep file.
    pub fn sweep(&mut self, document: &DeTable) -> Sweep {
        let mut written = Written::default();
        for (key, value) in in_file_order(document) {
            match key.get_ref().as_ref() {
                "name" => written.name = self.name(value),
                "description" => written.description = self.text(value, "description"),
                "losses" => written.losses = self.losses(value),
                "seeds" => written.seeds = Some(self.seeds(value)),
                "train" => (written.fixed, written.execution) = self.train(value),
                "grid" => written.grid = Some((key.span(), self.grid(value, "grid"))),
                "tune" => written.tune = Some(self.tune(value)),
                "claim" => written.claims = self.claims(value),
                "reference" => written.reference = Some(self.reference(value)),
                _ => self.unknown_key(key, ""),
            }
        }
        self.missing(document);
        self.consistent(written)
    }

    /// The sweep, once what is written in one table has been checked against the others.
    fn consistent(&mut self, written: Written) -> Sweep {
        self.reads_test_set(&written);
        self.has_claims(&written);
        let losses: Vec<LossConfig> = written.losses.into_iter().map(|loss| loss.value).collect();
        let fixed = &written.fixed;
        let axes = match (&written.grid, &written.tune) {
            (Some((span, _)), Some(_)) => {
                let message = "grid: expected either [grid] or [tune], found both".to_owned();
                let help = "the tuned settings of each loss are compared: move these keys to [tune.grid], or write one sweep file for each of their values";
                self.problems
                    .push(Problem::at(span.clone(), message).help(help));
                &[]
            }
            (Some((_, axes)), None) => axes.as_slice(),
            (None, _) => &[],
        };
        let tune = (written.tune.as_ref())
            .map(|tune| self.spaces(tune, fixed, &losses, written.seeds.as_ref()));
        let seeds = written
            .seeds
            .map_or(Seeds::Fixed(Vec::new()), |seeds| seeds.value);
        let points = match &tune {
            None => self.points(fixed, axes, losses.len(), seeds.at_most()),
            Some(_) => Vec::new(),
        };
        let axes: Vec<&'static TrainKey> = axes.iter().map(|axis| axis.key).collect();
        let claims = self.claims_of(
            written.claims,
            fixed,
            &losses,
            tune.as_ref(),
            &points,
            &axes,
        );
        Sweep {
            name: written.name,
            description: written.description,
            points,
            axes,
            losses,
            seeds,
            tune,
            claims,
            reference: written.reference,
            execution: written.execution,
        }
    }

    /// Seeds until decided have something to decide.
    fn has_claims(&mut self, written: &Written) {
        if let Some(seeds) = &written.seeds
            && seeds.value.are_until_decided()
            && written.claims.is_empty()
            && self.complete
            && self.problems.is_empty()
        {
            let message =
                "seeds.until: expected a table [[claim]] to decide, found none".to_owned();
            let help = "add [[claim]] with `better` and `than`, or list the seeds";
            self.problems
                .push(Problem::at(seeds.span.clone(), message).help(help));
        }
    }

    /// Claims are about the test set.
    fn reads_test_set(&mut self, written: &Written) {
        let mut fixed = written.fixed.iter();
        let item = fixed.find(|(key, _)| key.name == "evaluate_test");
        if let Some((_, item)) = item
            && item.value == Setting::Flag(false)
            && (written.tune.is_some() || !written.claims.is_empty())
        {
            let message = format!(
                "{}: expected true beside [[claim]] or [tune], found false",
                item.place
            );
            let help = "remove it: the trials of the tuning stage leave out the test set by themselves, those of the comparison need it";
            self.problems
                .push(Problem::at(item.span.clone(), message).help(help));
        }
    }

    fn missing(&mut self, document: &DeTable) {
        for (name, example) in EXAMPLES {
            if self.complete && !document.contains_key(name) && !self.doubtful.contains(&name) {
                let message = format!("{name}: missing required key");
                let help = format!("add a line such as {example} above the first [table]");
                self.problems.push(Problem::of_text(message).help(help));
            }
        }
    }

    fn name(&mut self, value: &Spanned<DeValue>) -> String {
        let name = self.text(value, "name");
        let usable = name.len() <= MAXIMUM_NAME
            && name.starts_with(|first: char| first.is_ascii_alphanumeric())
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        if !usable && value.get_ref().is_str() {
            let expectation = format!(
                "a folder's name (an ASCII letter or digit, then ASCII letters, digits, '-', '_' and '.', \
                 at most {MAXIMUM_NAME})"
            );
            self.unexpected(value, "name", &expectation, None);
        }
        name
    }

    pub fn text(&mut self, value: &Spanned<DeValue>, place: &str) -> String {
        if !value.get_ref().is_str() {
            self.unexpected(value, place, "text in quotes", None);
        }
        value.get_ref().as_str().unwrap_or_default().to_owned()
    }
}
