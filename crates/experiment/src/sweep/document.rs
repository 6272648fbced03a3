//! A parsed document → the sweep that it describes.

use bonus_loss::LossConfig;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::check::{Checker, Item, List, in_file_order};
use super::diagnostics::Problem;
use super::points::Axis;
use super::unknown::{EXAMPLES, SEEDS_EXAMPLE};
use super::values::{key_name, suggestion, whole};
use crate::settings::{BackendChoice, ExecutionSettings, Kind, Setting, TrainKey, TrainSettings};

/// A sweep file, read and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    pub name: String,
    pub description: String,
    /// The values of `[train]`, one for each point of `[grid]` (one if there is no grid); the
    /// last key of the grid changes fastest.
    pub points: Vec<TrainSettings>,
    /// The keys of `[grid]` in the order of the file.
    pub axes: Vec<String>,
    pub losses: Vec<LossConfig>,
    pub seeds: Vec<u64>,
    pub execution: ExecutionSettings,
}

pub(super) const BACKEND: Kind = Kind::Choice(BackendChoice::NAMES);
pub(super) const THREADS: Kind = Kind::Whole(1, 1024);

/// Characters of a name, which a folder must be able to bear.
pub(super) const MAXIMUM_NAME: usize = 100;
/// JSON's readers hold integers exactly up to 2⁵³ − 1.
pub(super) const MAXIMUM_SEED: u64 = (1 << 53) - 1;

const SEEDS: List = List {
    place: "seeds",
    entries: "integers",
    example: SEEDS_EXAMPLE,
};

impl Checker {
    /// A sweep file.
    pub fn sweep(&mut self, document: &DeTable) -> Sweep {
        let mut name = String::new();
        let mut description = String::new();
        let mut losses = Vec::new();
        let mut seeds = Vec::new();
        let mut fixed = Vec::new();
        let mut execution = ExecutionSettings::default();
        let mut axes = Vec::new();
        for (key, value) in in_file_order(document) {
            match key.get_ref().as_ref() {
                "name" => name = self.name(value),
                "description" => description = self.text(value, "description"),
                "losses" => losses = self.losses(value),
                "seeds" => seeds = self.distinct(value, &SEEDS, Self::seed),
                "train" => (fixed, execution) = self.train(value),
                "grid" => axes = self.grid(value),
                _ => self.unknown_key(key, ""),
            }
        }
        self.missing(document);
        let points = self.points(&fixed, &axes, losses.len(), seeds.len());
        Sweep {
            name,
            description,
            points,
            axes: axes.iter().map(|axis| axis.key.name.to_owned()).collect(),
            losses: losses.into_iter().map(|loss| loss.value).collect(),
            seeds: seeds.into_iter().map(|seed| seed.value).collect(),
            execution,
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
                "a folder's name (a letter or digit, then letters, digits, '-', '_' and '.', \
                 at most {MAXIMUM_NAME})"
            );
            self.unexpected(value, "name", &expectation, None);
        }
        name
    }

    fn text(&mut self, value: &Spanned<DeValue>, place: &str) -> String {
        if !value.get_ref().is_str() {
            self.unexpected(value, place, "text in quotes", None);
        }
        value.get_ref().as_str().unwrap_or_default().to_owned()
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

    /// `[train]`: the settings that it fixes, and where the sweep runs.
    fn train(
        &mut self,
        value: &Spanned<DeValue>,
    ) -> (Vec<(&'static TrainKey, Item<Setting>)>, ExecutionSettings) {
        let mut fixed = Vec::new();
        let mut execution = ExecutionSettings::default();
        for (key, value) in self.table(value, "train") {
            let place = format!("train.{}", key_name(key.get_ref()));
            match key.get_ref().as_ref() {
                "backend" => {
                    if let Some(Setting::Choice(name)) = self.setting(&BACKEND, value, &place) {
                        execution.backend = BackendChoice::from_name(name).unwrap_or_default();
                    }
                }
                "threads" => {
                    if let Some(Setting::Whole(threads)) = self.setting(&THREADS, value, &place) {
                        execution.threads = Some(threads);
                    }
                }
                name => match TrainKey::find(name) {
                    Some(row) => match self.fixed_setting(row, value, &place) {
                        Some(setting) => fixed.push((row, Item::new(setting, value, place))),
                        None => self.doubtful.push(row.name),
                    },
                    None => self.unknown_key(key, "train"),
                },
            }
        }
        (fixed, execution)
    }

    /// A setting outside of `[grid]`, where a list has no meaning.
    fn fixed_setting(
        &mut self,
        key: &TrainKey,
        value: &Spanned<DeValue>,
        place: &str,
    ) -> Option<Setting> {
        if value
            .get_ref()
            .as_array()
            .is_some_and(|items| !items.is_empty())
        {
            let help = format!(
                "only lists in [grid] are swept: write {} = […] below [grid]",
                key.name
            );
            self.unexpected(value, place, &key.kind.to_string(), Some(help));
            return None;
        }
        self.train_setting(key, value, place)
    }

    fn train_setting(
        &mut self,
        key: &TrainKey,
        value: &Spanned<DeValue>,
        place: &str,
    ) -> Option<Setting> {
        let problems_before = self.problems.len();
        let setting = self.setting(&key.kind, value, place);
        for problem in &mut self.problems[problems_before..] {
            problem.help.get_or_insert_with(|| key.help());
        }
        setting
    }

    /// `[grid]`: an axis for each key.
    fn grid(&mut self, value: &Spanned<DeValue>) -> Vec<Axis> {
        let mut axes = Vec::new();
        for (key, value) in self.table(value, "grid") {
            let Some(row) = TrainKey::find(key.get_ref()) else {
                self.unknown_key(key, "grid");
                continue;
            };
            let list = List {
                place: &format!("grid.{}", row.name),
                entries: "values",
                example: &format!(
                    "{} = [{}]",
                    row.name,
                    row.default(&TrainSettings::default())
                ),
            };
            let problems_before = self.problems.len();
            let values = self.distinct(value, &list, |checker, value, place| {
                checker.train_setting(row, value, place)
            });
            if self.problems.len() > problems_before {
                self.doubtful.push(row.name);
            }
            axes.push(Axis {
                key: row,
                span: key.span(),
                values,
            });
        }
        axes
    }
}
