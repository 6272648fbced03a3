//! Inline tables such as `{ name = "encouraging", log_end = 0.5 }` → checked losses.

use std::path::Path;

use bonus_loss::{LOSSES, LossConfig, LossEntry, LossError};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::check::{Checker, Item, List, in_file_order};
use super::diagnostics::{Diagnostics, Problem};
use super::values::{describe, key_name, nearest, number, suggest, suggestion};

/// The loss that adds others.
const SUM: &str = "sum";
const SUM_KEYS: [&str; 2] = ["terms", "weights"];
const TERMS_EXAMPLE: &str =
    "terms = [{ name = \"mean_absolute_error\" }, { name = \"mean_squared_error\" }]";

/// The loss that a command line names: an inline table as in a sweep file, or a bare name.
///
/// # Errors
/// [`Diagnostics`] with everything that is wrong.
pub fn parse_loss(text: &str) -> anyhow::Result<LossConfig> {
    let text = text.trim();
    let bare = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let table = if bare {
        format!("{{ name = \"{text}\" }}")
    } else {
        text.to_owned()
    };
    let (value, errors) = DeValue::parse_recoverable(&table);
    let mut checker = Checker::new(errors.is_empty());
    let loss = checker.loss(&value, "loss");
    checker.syntax(&table, &errors, |text| DeValue::parse_recoverable(text).1);
    match loss {
        Some(loss) if checker.problems.is_empty() => Ok(loss),
        _ => Err(Diagnostics::new(Path::new("loss"), &table, checker.problems).into()),
    }
}

impl Checker {
    /// The losses of a sweep.
    pub fn losses(&mut self, value: &Spanned<DeValue>) -> Vec<Item<LossConfig>> {
        let list = List {
            place: "losses",
            entries: "losses",
            example: &format!("losses = [{}]", example(value.get_ref())),
        };
        self.distinct(value, &list, Self::loss)
    }

    /// A loss with its parameters, or a sum of losses.
    pub fn loss(&mut self, value: &Spanned<DeValue>, place: &str) -> Option<LossConfig> {
        let DeValue::Table(table) = value.get_ref() else {
            let help = format!("write {}", example(value.get_ref()));
            self.unexpected(value, place, "a loss as a table", Some(help));
            return None;
        };
        let entry = self.loss_name(value, table, place)?;
        if entry.name == SUM {
            self.sum(value, table, place)
        } else {
            self.single(entry, value, table, place)
        }
    }

    fn loss_name(
        &mut self,
        value: &Spanned<DeValue>,
        table: &DeTable,
        place: &str,
    ) -> Option<&'static LossEntry> {
        let names: Vec<&'static str> = LOSSES.iter().map(|entry| entry.name).collect();
        let Some(name) = table.get("name") else {
            let message = format!("{place}.name: expected the name of a loss, found none");
            let help = format!("valid names: {}", names.join(", "));
            self.problems
                .push(Problem::at(value.span(), message).help(help));
            return None;
        };
        let entry = name.get_ref().as_str().and_then(bonus_loss::find);
        if entry.is_none() {
            let help = suggest(name.get_ref().as_str().unwrap_or_default(), &names);
            let place = format!("{place}.name");
            self.unexpected(name, &place, "the name of a loss", Some(help));
        }
        entry
    }

    fn single(
        &mut self,
        entry: &LossEntry,
        value: &Spanned<DeValue>,
        table: &DeTable,
        place: &str,
    ) -> Option<LossConfig> {
        let problems_before = self.problems.len();
        let names: Vec<&str> = entry
            .parameters
            .iter()
            .map(|parameter| parameter.name)
            .collect();
        let mut loss = LossConfig::new(entry.name);
        for (key, value) in in_file_order(table) {
            let name = key.get_ref().as_ref();
            let Some(parameter) = entry.parameters.iter().find(|known| known.name == name) else {
                self.unknown_parameter(key, place, entry.name, &names);
                continue;
            };
            let place = format!("{place}.{name}");
            let setting = match value.get_ref() {
                DeValue::Array(items) if !items.is_empty() => {
                    let help = one_loss_for_each(items, table, name);
                    self.unexpected(value, &place, &parameter.kind.to_string(), Some(help));
                    None
                }
                _ => self.setting(&parameter.kind, value, &place),
            };
            if let Some(value) = setting {
                loss = loss.and_then(|loss| loss.with(name, value));
            }
        }
        let loss = self.accept(loss, value, place);
        loss.filter(|_| self.problems.len() == problems_before)
    }

    fn sum(
        &mut self,
        value: &Spanned<DeValue>,
        table: &DeTable,
        place: &str,
    ) -> Option<LossConfig> {
        let problems_before = self.problems.len();
        let mut terms = Vec::new();
        let mut weights = None;
        for (key, value) in in_file_order(table) {
            match key.get_ref().as_ref() {
                "terms" => {
                    let list = List {
                        place: &format!("{place}.terms"),
                        entries: "losses",
                        example: TERMS_EXAMPLE,
                    };
                    terms = self.list(value, &list, Self::term);
                }
                "weights" => {
                    let list = List {
                        place: &format!("{place}.weights"),
                        entries: "numbers",
                        example: &weights_example(table),
                    };
                    weights = Some(self.list(value, &list, Self::weight));
                }
                _ => self.unknown_parameter(key, place, SUM, &SUM_KEYS),
            }
        }
        if !table.contains_key("terms") {
            let message = format!("{place}.terms: expected a list of losses, found none");
            let help = format!("write {TERMS_EXAMPLE}");
            self.problems
                .push(Problem::at(value.span(), message).help(help));
        }
        if self.problems.len() > problems_before {
            return None;
        }
        let weights = match weights {
            Some(weights) => weights.into_iter().map(|weight| weight.value).collect(),
            None => vec![1.0; terms.len()],
        };
        if weights.len() != terms.len() {
            let (expected, found) = (terms.len(), weights.len());
            let message = format!(
                "{place}.weights: expected {expected} numbers, one for each term, found {found}"
            );
            let span = table.get("weights").map_or(value.span(), Spanned::span);
            let help = format!("write one per term, as in {}", weights_example(table));
            self.problems.push(Problem::at(span, message).help(help));
            return None;
        }
        let terms = terms.into_iter().map(|term| term.value).collect();
        self.accept(LossConfig::sum(terms, weights), value, place)
    }

    fn term(&mut self, value: &Spanned<DeValue>, place: &str) -> Option<LossConfig> {
        let name = value.get_ref().get("name");
        match name.filter(|name| name.get_ref().as_str() == Some(SUM)) {
            Some(name) => {
                let help = "write the terms of the inner sum into the outer one".to_owned();
                self.unexpected(
                    name,
                    &format!("{place}.name"),
                    "a loss other than sum",
                    Some(help),
                );
                None
            }
            None => self.loss(value, place),
        }
    }

    fn weight(&mut self, value: &Spanned<DeValue>, place: &str) -> Option<f64> {
        let read = |value: &DeValue| number(value).filter(|weight| *weight != 0.0);
        let weight = read(value.get_ref());
        if weight.is_none() {
            let help = suggestion(value.get_ref(), |value| read(value).is_some());
            self.unexpected(value, place, "a number other than 0", help);
        }
        weight
    }

    /// The loss, or a report of what its own crate says against it.
    fn accept(
        &mut self,
        loss: Result<LossConfig, LossError>,
        value: &Spanned<DeValue>,
        place: &str,
    ) -> Option<LossConfig> {
        loss.map_err(|error| {
            self.problems
                .push(Problem::at(value.span(), format!("{place}: {error}")));
        })
        .ok()
    }

    fn unknown_parameter(
        &mut self,
        key: &Spanned<DeString>,
        place: &str,
        loss: &str,
        parameters: &[&str],
    ) {
        let name = key.get_ref();
        if name == "name" {
            return;
        }
        let message = format!("{place}.{}: unknown parameter of {loss}", key_name(name));
        let help = match parameters {
            [] => format!("{loss} has no parameters"),
            _ => suggest(name, parameters),
        };
        self.problems
            .push(Problem::at(key.span(), message).help(help));
    }
}

/// A loss as a table, the one that `value` names if it names one.
fn example(value: &DeValue) -> String {
    let names: Vec<&str> = LOSSES.iter().map(|entry| entry.name).collect();
    let name = match value {
        DeValue::Table(table) => table.get("name").map(Spanned::get_ref),
        value => Some(value),
    };
    let name = name.and_then(|name| nearest(name.as_str()?, &names));
    match name {
        Some(SUM) => format!("{{ name = \"{SUM}\", {TERMS_EXAMPLE} }}"),
        name => format!("{{ name = {:?} }}", name.unwrap_or("cross_entropy")),
    }
}

/// How to write what a list of values for the parameter `name` of the loss `table` means.
fn one_loss_for_each(items: &[Spanned<DeValue>], table: &DeTable, name: &str) -> String {
    const SHOWN: usize = 3;
    let loss = |item: &Spanned<DeValue>| {
        let entries = in_file_order(table).into_iter().map(|(key, value)| {
            let key = key.get_ref().as_ref();
            let value = if key == name { item } else { value };
            format!("{} = {}", key_name(key), describe(value.get_ref()))
        });
        format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
    };
    let losses: Vec<String> = items.iter().take(SHOWN).map(loss).collect();
    let more = if items.len() > SHOWN { ", …" } else { "" };
    format!("write one loss per value: {}{more}", losses.join(", "))
}

/// A weight for each term that is written.
fn weights_example(table: &DeTable) -> String {
    let terms = table
        .get("terms")
        .and_then(|terms| terms.get_ref().as_array());
    let terms = terms.map_or(2, |terms| terms.len().clamp(1, 10));
    format!("weights = [{}]", vec!["1"; terms].join(", "))
}
