//! Matches a file's tensors to the model's by their names alone.

use std::collections::{BTreeMap, BTreeSet};

/// Prefixes of a model's tensor names in files of other programs: the keys under which
/// training scripts store a `state_dict` or a module, and wrapper modules (Lightning's
/// `model`, `DataParallel`'s and `AveragedModel`'s `module`, `torch.compile`'s `_orig_mod`).
pub(super) const WRAPPERS: [&str; 6] = [
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "module",
    "_orig_mod",
];
/// The wrappers that may also occur within a name, if only a part of the model is wrapped.
const MODULE_WRAPPERS: [&str; 2] = ["module", "_orig_mod"];
/// Counter of the batches that a batch normalisation has processed; unused with a fixed momentum.
const COUNTER: &str = "num_batches_tracked";

/// A tensor's location in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct StoredName {
    /// All keys that lead to the tensor, joined with dots.
    pub name: String,
    /// The part of `name` with the keys of the dictionaries around the one that contains the tensor.
    pub dictionary: String,
    /// Whether it contains floating-point numbers, as every weight does.
    pub is_float: bool,
}

/// Why the tensors of a file do not match those of a model.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameMismatch {
    /// Two of them have the same name.
    #[error(
        "{name}: expected one tensor of this name, found {} and {}: \
         save the `state_dict()` of one network alone",
        stored[0], stored[1]
    )]
    Duplicate {
        /// The name without wrappers.
        name: String,
        /// The names in the file.
        stored: [String; 2],
    },
    /// They are under a prefix that is not a known wrapper.
    #[error(
        "expected names such as {example}, found {prefix}{example}: save the state_dict without \
         the prefix \"{prefix}\" or with a known one ({})",
        WRAPPERS.join(", ")
    )]
    Prefix {
        /// The prefix, with its last dot.
        prefix: String,
        /// A name in the model.
        example: String,
    },
    /// The names differ.
    #[error("{}", differences(prefix, missing, unexpected))]
    Differences {
        /// An unknown prefix that most of the model's names have, with its last dot; or nothing.
        prefix: String,
        /// Tensors of the model that the file lacks.
        missing: Vec<String>,
        /// Tensors of the file that the model lacks, those that look like weights first.
        unexpected: Vec<String>,
    },
}

/// The stored name for each of the `expected` ones.
///
/// Known wrappers are stripped if the rest is expected. An unexpected floating-point tensor in the same dictionary
/// as the found ones belongs to another model; tensors in other dictionaries (an optimizer's
/// state, an average) or of integers (a random generator's state, a counter) are ignored.
pub(super) fn select(
    expected: &[String],
    stored: &[StoredName],
) -> Result<BTreeMap<String, String>, NameMismatch> {
    let mut found: BTreeMap<String, &StoredName> = BTreeMap::new();
    let mut prefixes = BTreeSet::new();
    for candidate in stored {
        let (prefix, name) = unwrap(&candidate.name, expected);
        if !expected.contains(&name) {
            continue;
        }
        prefixes.insert(prefix);
        if let Some(other) = found.insert(name.clone(), candidate) {
            let stored = [other.name.clone(), candidate.name.clone()];
            return Err(NameMismatch::Duplicate { name, stored });
        }
    }
    let missing = expected.iter().filter(|name| !found.contains_key(*name));
    let missing: Vec<String> = missing.cloned().collect();
    if !missing.is_empty() {
        return Err(explain(expected, stored, &found, &prefixes, missing));
    }
    let unexpected = strangers(expected, &found, &prefixes, stored);
    if !unexpected.is_empty() {
        return Err(NameMismatch::Differences {
            prefix: String::new(),
            missing,
            unexpected,
        });
    }
    let names = found.into_iter().map(|(name, at)| (name, at.name.clone()));
    Ok(names.collect())
}

/// The known wrappers before a stored name, and the rest, without the wrappers within it.
fn unwrap<'a>(stored: &'a str, expected: &[String]) -> (&'a str, String) {
    let mut rest = stored;
    while !contains(expected, rest)
        && let Some((first, tail)) = rest.split_once('.')
        && WRAPPERS.contains(&first)
    {
        rest = tail;
    }
    let prefix = &stored[..stored.len() - rest.len()];
    if contains(expected, rest) {
        return (prefix, rest.to_owned());
    }
    let parts = rest.split('.');
    let parts: Vec<&str> = parts.filter(|it| !MODULE_WRAPPERS.contains(it)).collect();
    (prefix, parts.join("."))
}

fn contains(names: &[String], name: &str) -> bool {
    names.iter().any(|it| it == name)
}

/// The stored tensors that belong to another model.
fn strangers(
    expected: &[String],
    found: &BTreeMap<String, &StoredName>,
    prefixes: &BTreeSet<&str>,
    stored: &[StoredName],
) -> Vec<String> {
    // A state_dict is one dictionary; a pickled module has one for each of its layers.
    let mut dictionaries = found.values().map(|at| &at.dictionary);
    let first = dictionaries.next();
    let only = first.filter(|first| dictionaries.all(|other| other == *first));
    let beside = |at: &&StoredName| {
        prefixes.iter().any(|prefix| at.name.starts_with(prefix))
            && only.is_none_or(|only| at.dictionary == *only)
            && !expected.contains(&unwrap(&at.name, expected).1)
    };
    weights_first(stored.iter().filter(beside))
}

/// Why names of the model are `missing` after known wrappers, which are in `prefixes`, were stripped.
fn explain(
    expected: &[String],
    stored: &[StoredName],
    found: &BTreeMap<String, &StoredName>,
    prefixes: &BTreeSet<&str>,
    missing: Vec<String>,
) -> NameMismatch {
    let (prefix, under_prefix) = best_prefix(expected, stored);
    if under_prefix.len() == expected.len() {
        let prefix = prefix.to_owned();
        let example = missing[0].clone();
        return NameMismatch::Prefix { prefix, example };
    }
    if under_prefix.len() > found.len() {
        let missing = expected
            .iter()
            .filter(|name| !under_prefix.contains(name.as_str()));
        let unexpected = stored.iter().filter(|at| {
            let rest = at.name.strip_prefix(prefix);
            rest.is_some_and(|rest| !contains(expected, rest))
        });
        return NameMismatch::Differences {
            prefix: prefix.to_owned(),
            missing: missing.cloned().collect(),
            unexpected: weights_first(unexpected),
        };
    }
    let unexpected = if found.is_empty() {
        weights_first(stored.iter())
    } else {
        strangers(expected, found, prefixes, stored)
    };
    NameMismatch::Differences {
        prefix: String::new(),
        missing,
        unexpected,
    }
}

/// The prefix, known or not, that most of the expected names have, and these names.
fn best_prefix<'a>(expected: &[String], stored: &'a [StoredName]) -> (&'a str, BTreeSet<&'a str>) {
    let mut under: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for StoredName { name, .. } in stored {
        let dots = name.match_indices('.').map(|(dot, _)| dot + 1);
        let mut splits = std::iter::once(0).chain(dots).map(|at| name.split_at(at));
        if let Some((prefix, rest)) = splits.find(|(_, rest)| contains(expected, rest)) {
            under.entry(prefix).or_default().insert(rest);
        }
    }
    let best = under.into_iter().max_by_key(|(_, names)| names.len());
    best.unwrap_or_default()
}

/// The names of floating-point tensors except counters, those that look like a layer's first: in a
/// long list only the first are shown.
fn weights_first<'a>(stored: impl Iterator<Item = &'a StoredName>) -> Vec<String> {
    let names = stored.filter(|at| at.is_float && !at.name.ends_with(COUNTER));
    let mut names: Vec<String> = names.map(|at| at.name.clone()).collect();
    let endings = [".weight", ".bias", ".running_mean", ".running_var"];
    names.sort_by_key(|name| !endings.iter().any(|ending| name.ends_with(ending)));
    names
}

fn differences(prefix: &str, missing: &[String], unexpected: &[String]) -> String {
    let list = |kind: &str, names: &[String]| {
        let shown = names[..names.len().min(5)].join(", ");
        match names.len() {
            0 => None,
            1..=5 => Some(format!("{kind} tensors: {shown}")),
            count => Some(format!("{kind} tensors: {shown} and {} more", count - 5)),
        }
    };
    let kinds = [list("missing", missing), list("unexpected", unexpected)];
    let kinds: Vec<String> = kinds.into_iter().flatten().collect();
    let place = match prefix {
        "" => String::new(),
        _ => format!("under {prefix}: "),
    };
    place + &kinds.join("; ")
}

#[cfg(test)]
mod tests;
