//! Values of a parsed document → settings and lists, with every problem on the way.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::diagnostics::Problem;
use super::values::{self, describe, did_you_mean, suggestion};
use crate::settings::{Kind, Setting};

/// Maximum entries of a list; far above any use, and low enough to compare all pairs.
const MAXIMUM_ITEMS: usize = 1000;
/// Collects problems while reading; its results are meaningful only if there are none.
pub(super) struct Checker {
    pub problems: Vec<Problem>,
    /// Whether the parser understood all of the text, so that what is not found does not exist.
    pub complete: bool,
    /// Keys whose value is unknown because of a problem already reported.
    pub doubtful: Vec<&'static str>,
}

/// A parsed value, and its location.
#[derive(Clone, Debug)]
pub(super) struct Item<T> {
    pub value: T,
    /// Bytes of the text.
    pub span: Range<usize>,
    /// The path of keys that leads to it.
    pub place: String,
}

impl<T> Item<T> {
    pub fn new(value: T, source: &Spanned<DeValue>, place: String) -> Self {
        let span = source.span();
        Self { value, span, place }
    }
}

/// A list that a key expects, in the words of messages.
pub(super) struct List<'a> {
    pub place: &'a str,
    /// A description of its entries.
    pub entries: &'a str,
    /// A valid example line.
    pub example: &'a str,
}

impl Checker {
    pub fn new(complete: bool) -> Self {
        Self {
            problems: Vec::new(),
            complete,
            doubtful: Vec::new(),
        }
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
                (_, value) => suggestion(value, |value| values::read(kind, value).is_some()),
            };
            self.unexpected(value, place, &kind.to_string(), help);
        }
        setting
    }

    /// The entries of a list without duplicates.
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
                let message = format!("{}: duplicate of {}", item.place, first.place);
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

    /// The entries of a table in the order of the file; none if it is not a table.
    pub fn table<'d, 'i>(
        &mut self,
        value: &'d Spanned<DeValue<'i>>,
        place: &str,
    ) -> Vec<Entry<'d, 'i>> {
        if let DeValue::Table(table) = value.get_ref() {
            return in_file_order(table);
        }
        let items = value.get_ref().as_array();
        let has_tables = items.is_some_and(|items| items.iter().any(|it| it.get_ref().is_table()));
        let help =
            has_tables.then(|| format!("a table is written once, in single brackets: [{place}]"));
        self.unexpected(value, place, "a table", help);
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

pub(super) type Entry<'d, 'i> = (&'d Spanned<DeString<'i>>, &'d Spanned<DeValue<'i>>);

/// A table's entries in the order in which they were written.
pub(super) fn in_file_order<'d, 'i>(table: &'d DeTable<'i>) -> Vec<Entry<'d, 'i>> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}
