//! Keys that a table does not have: misspelt, of another table, or parameters of a loss.

use std::ops::Range;

use bonus_loss::{LOSSES, Value};
use toml::Spanned;
use toml::de::DeString;

use super::check::Checker;
use super::diagnostics::Problem;
use super::values::{key_name, nearest, suggest};
use crate::settings::TRAIN_KEYS;

/// The keys outside of tables, and the tables.
const TOP_KEYS: [&str; 9] = [
    "name",
    "description",
    "losses",
    "seeds",
    "train",
    "grid",
    "tune",
    "claim",
    "reference",
];

/// The keys of `[train]` that do not affect a trial's results.
const EXECUTION_KEYS: [&str; 2] = ["backend", "threads"];

pub(super) const SEEDS_EXAMPLE: &str = "seeds = [1, 2, 3]";

/// The keys that every file has, each with a valid example line.
pub(super) const EXAMPLES: [(&str, &str); 3] = [
    ("name", "name = \"my-sweep\""),
    ("losses", "losses = [{ name = \"cross_entropy\" }]"),
    ("seeds", SEEDS_EXAMPLE),
];

impl Checker {
    /// Reports a key that `table` ("" is the top) does not have.
    pub fn unknown_key(&mut self, key: &Spanned<DeString>, table: &str) {
        let name = key.get_ref().as_ref();
        let Unknown {
            meant,
            problem,
            help,
        } = displaced(name, table).unwrap_or_else(|| misspelt(name, table));
        self.doubtful.extend(meant);
        let separator = if table.is_empty() { "" } else { "." };
        let message = format!("{table}{separator}{}: {problem}", key_name(name));
        self.problems
            .push(Problem::at(key.span(), message).help(help));
    }

    /// Reports a key that is none of `names`, those of the table at `place`.
    pub fn unknown_in(&mut self, key: &Spanned<DeString>, place: &str, names: &[&str]) {
        let name = key.get_ref().as_ref();
        let message = format!("{place}.{}: unknown key", key_name(name));
        let known: Vec<&str>;
        let names = if names.is_empty() {
            known = TRAIN_KEYS.iter().map(|key| key.name).collect();
            &known
        } else {
            names
        };
        self.problems
            .push(Problem::at(key.span(), message).help(suggest(name, names)));
    }

    /// Reports that the table at `span` lacks the key `place`.
    pub fn missing_key(&mut self, span: Range<usize>, place: &str, help: &str) {
        if self.complete {
            let message = format!("{place}: missing required key");
            self.problems.push(Problem::at(span, message).help(help));
        }
    }
}

struct Unknown {
    /// The key that was probably meant.
    meant: Option<&'static str>,
    problem: String,
    help: String,
}

/// The message for a key that belongs to another table.
fn displaced(name: &str, table: &str) -> Option<Unknown> {
    let is_name = |known: &&'static str| *known == name;
    let top = TOP_KEYS.into_iter().find(is_name);
    let meant = top.or_else(|| train_names().find(is_name))?;
    let (problem, help) = match (top, table) {
        (Some("train" | "grid" | "tune" | "reference"), _) => (
            format!("expected as a separate table, found in [{table}]"),
            format!("write [{name}]"),
        ),
        (Some("claim"), _) => (
            format!("expected as a separate table, found in [{table}]"),
            "write [[claim]]".to_owned(),
        ),
        (Some(_), _) => (
            format!("expected above the tables, found in [{table}]"),
            "all keys below a [table] line belong to it: move this above the first [table]"
                .to_owned(),
        ),
        (None, "") => (
            "expected in [train], found above it".to_owned(),
            "move it below the line [train]".to_owned(),
        ),
        (None, _) => (
            format!("expected in [train], found in [{table}]"),
            "it does not affect the results: its trials would be identical".to_owned(),
        ),
    };
    Some(Unknown {
        meant: Some(meant),
        problem,
        help,
    })
}

/// The message for a key that belongs to no table.
fn misspelt(name: &str, table: &str) -> Unknown {
    let unknown = |meant, help| Unknown {
        meant,
        problem: "unknown key".to_owned(),
        help,
    };
    if let Some(help) = loss_parameter(name, table) {
        return unknown(None, help);
    }
    let train: Vec<&'static str> = train_names().collect();
    let (own, others): (Vec<&'static str>, &[&'static str]) = match table {
        "" => (TOP_KEYS.to_vec(), &train),
        table if is_grid(table) => (TRAIN_KEYS.iter().map(|key| key.name).collect(), &TOP_KEYS),
        _ => (train, &TOP_KEYS),
    };
    let candidates: Vec<&'static str> = [nearest(name, others), nearest(name, &own)]
        .into_iter()
        .flatten()
        .collect();
    let Some(meant) = nearest(name, &candidates) else {
        return unknown(None, format!("valid names: {}", own.join(", ")));
    };
    let place = match table {
        _ if own.contains(&meant) => "",
        "" => " below the line [train]",
        _ => " above the first [table]",
    };
    let example = EXAMPLES.iter().find(|(known, _)| *known == meant);
    let example = example.map_or(String::new(), |(_, example)| format!(", as in {example}"));
    let help = format!("did you mean {meant}{place}{example}?");
    unknown(Some(meant), help)
}

/// Where a key is written that is a parameter of a loss.
fn loss_parameter(name: &str, table: &str) -> Option<String> {
    let parameters = LOSSES.iter().flat_map(|loss| {
        loss.parameters
            .iter()
            .map(move |parameter| (loss, parameter))
    });
    let (loss, parameter) = parameters
        .clone()
        .find(|(_, parameter)| parameter.name == name)?;
    let default = match parameter.default {
        Value::Choice(choice) => format!("{choice:?}"),
        number => number.bare(),
    };
    let each = if is_grid(table) {
        " for each value"
    } else {
        ""
    };
    let loss = loss.name;
    Some(format!(
        "a parameter of {loss}: write a loss{each} such as {{ name = {loss:?}, {name} = {default} }}"
    ))
}

/// Whether a table has lists of values of the keys of `[train]`.
fn is_grid(table: &str) -> bool {
    table == "grid" || table.starts_with("tune.grid")
}

fn train_names() -> impl Iterator<Item = &'static str> {
    TRAIN_KEYS.iter().map(|key| key.name).chain(EXECUTION_KEYS)
}
