//! A parsed document → checked settings, with every problem on the way.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::diagnostics::Problem;
use super::keys::{Kind, Setting, TrainKey};
use super::points::Axis;
use super::settings::{BackendChoice, ExecutionSettings, Sweep};
use super::unknown::{EXAMPLES, SEEDS_EXAMPLE};
use super::values::{self, describe, did_you_mean, key_name, mend, whole};

const BACKEND: Kind = Kind::Choice(BackendChoice::NAMES);
const THREADS: Kind = Kind::Whole(1, 1024);

/// Entries of a list; far above any use, and low enough to compare each with each.
const MAXIMUM_ITEMS: usize = 1000;
/// Characters of a name, which a folder must be able to bear.
const MAXIMUM_NAME: usize = 100;
/// JSON's readers hold whole numbers exactly up to 2⁵³ − 1.
const MAXIMUM_SEED: u64 = (1 << 53) - 1;

/// Collects problems while it reads; what it returns means something only where there are none.
pub(super) struct Checker {
    pub problems: Vec<Problem>,
    /// Whether the parser understood all of the text, so that what is not found is not there.
    pub complete: bool,
    /// Keys whose value is unknown because of a problem already reported.
    pub doubtful: Vec<&'static str>,
}

/// Something read, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Item<T> {
    pub value: T,
    /// Bytes of the text.
    pub span: Range<usize>,
    /// The path of keys that leads there.
    pub place: String,
}

impl<T> Item<T> {
    fn new(value: T, source: &Spanned<DeValue>, place: String) -> Self {
        let span = source.span();
        Self { value, span, place }
    }
}

/// A list that a key expects, in the words of messages.
pub(super) struct List<'a> {
    pub place: &'a str,
    /// What its entries are.
    pub entries: &'a str,
    /// A line that is right.
    pub example: &'a str,
}

const SEEDS: List = List {
    place: "seeds",
    entries: "whole numbers",
    example: SEEDS_EXAMPLE,
};

impl Checker {
    pub fn new(complete: bool) -> Self {
        Self {
            problems: Vec::new(),
            complete,
            doubtful: Vec::new(),
        }
    }

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
                let message = format!("{name}: expected a value, found none");
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
            let expectation = format!("a whole number from 0 to {MAXIMUM_SEED}");
            let help = mend(value.get_ref(), |value| read(value).is_some())
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
                "a list makes an axis: write {} = […] below [grid]",
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
                example: &format!("{} = [{}]", row.name, row.default()),
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

    /// A value of `kind`.
    pub fn setting(
        &mut self,
        kind: &Kind,
        value: &Spanned<DeValue>,
        place: &str,
    ) -> Option<Setting> {
        let setting = values::read(kind, value.get_ref());
        if setting.is_none() {
            let help = match (kind, value.get_ref()) {
                (Kind::Choice(names), DeValue::String(name)) => did_you_mean(name, names),
                (_, value) => mend(value, |value| values::read(kind, value).is_some()),
            };
            self.unexpected(value, place, &kind.to_string(), help);
        }
        setting
    }

    /// The entries of a list that holds nothing twice.
    pub fn distinct<T: PartialEq>(
        &mut self,
        value: &Spanned<DeValue>,
        list: &List,
        read: impl Fn(&mut Self, &Spanned<DeValue>, &str) -> Option<T>,
    ) -> Vec<Item<T>> {
        let list = self.list(value, list, read);
        for (index, item) in list.iter().enumerate() {
            let earlier = &list[..index];
            if let Some(first) = earlier.iter().find(|earlier| earlier.value == item.value) {
                let message = format!(
                    "{}: expected no value twice, found {} again",
                    item.place, first.place
                );
                let help = "it would train the same trials twice";
                self.problems
                    .push(Problem::at(item.span.clone(), message).help(help));
            }
        }
        list
    }

    /// The entries of a list that is not empty.
    pub fn list<T>(
        &mut self,
        value: &Spanned<DeValue>,
        list: &List,
        read: impl Fn(&mut Self, &Spanned<DeValue>, &str) -> Option<T>,
    ) -> Vec<Item<T>> {
        let List {
            place,
            entries,
            example,
        } = *list;
        let items = match value.get_ref() {
            DeValue::Array(items) if !items.is_empty() => items,
            entry => {
                let mut trial = Self::new(true);
                let is_entry = !entry.is_table()
                    && read(&mut trial, value, place).is_some()
                    && trial.problems.is_empty();
                let help = if is_entry {
                    "write […] around it".to_owned()
                } else {
                    format!("write {example}")
                };
                self.unexpected(value, place, &format!("a list of {entries}"), Some(help));
                return Vec::new();
            }
        };
        if items.len() > MAXIMUM_ITEMS {
            let found = items.len();
            let message =
                format!("{place}: expected at most {MAXIMUM_ITEMS} {entries}, found {found}");
            self.problems.push(Problem::at(value.span(), message));
            return Vec::new();
        }
        let mut list = Vec::new();
        for (index, value) in items.iter().enumerate() {
            let place = format!("{place}[{index}]");
            if let Some(item) = read(self, value, &place) {
                list.push(Item::new(item, value, place));
            }
        }
        list
    }

    /// The entries of a table in the order of the file; none where it is no table.
    fn table<'d, 'i>(
        &mut self,
        value: &'d Spanned<DeValue<'i>>,
        place: &str,
    ) -> Vec<Entry<'d, 'i>> {
        if let DeValue::Table(table) = value.get_ref() {
            return in_file_order(table);
        }
        self.unexpected(value, place, "a table", None);
        Vec::new()
    }

    /// Reports that `value` is not what is expected at `place`.
    pub fn unexpected(
        &mut self,
        value: &Spanned<DeValue>,
        place: &str,
        expectation: &str,
        help: Option<String>,
    ) {
        let found = describe(value.get_ref());
        let message = format!("{place}: expected {expectation}, found {found}");
        self.problems.push(Problem {
            help,
            ..Problem::at(value.span(), message)
        });
    }
}

type Entry<'d, 'i> = (&'d Spanned<DeString<'i>>, &'d Spanned<DeValue<'i>>);

/// A table's entries in the order in which they were written.
pub(super) fn in_file_order<'d, 'i>(table: &'d DeTable<'i>) -> Vec<Entry<'d, 'i>> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}
