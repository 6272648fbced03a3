//! Two trials, or two stores, side by side.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};

use super::columns::setting_columns;
use super::difference::{Changed, ScoreRow, changed_table, score_rows, score_table, signed};
use super::groups::{Group, ScoreOf, compare_settings};
use super::settings::counts;
use super::show::{TrialReport, flattened, indented, section};
use super::{TrialRow, groups_of, settings, trials_of_store};
use crate::json;
use crate::measure::{ACCURACY, METRICS};
use crate::records::TrialState;
use crate::store::{Results, Store, StoreError};
use crate::terminal::table::{Align, Column, NONE, ruled};

/// The two sides in tables, in the order of the command line.
const NAMES: [&str; 2] = ["A", "B"];
/// Trials that a text names; JSON names all.
const SHOWN: usize = 20;

/// How two trials differ. Keys are documented in `docs/records.md`.
#[derive(Debug, Serialize)]
pub struct TrialDiff {
    a: TrialReport,
    b: TrialReport,
    settings: Vec<Changed>,
    environment: Vec<Changed>,
    scores: Vec<ScoreRow>,
}

impl TrialDiff {
    pub fn of(a: TrialReport, b: TrialReport) -> Self {
        let environment = [&a, &b].map(|trial| {
            let keys = flattened(&trial.environment).into_iter();
            keys.filter(|(key, _)| key != "time_started").collect()
        });
        Self {
            settings: changes([&a.settings, &b.settings], |key, settings| {
                let has_effect = key == "loss" || counts(key, settings);
                settings
                    .get(key)
                    .filter(|_| has_effect)
                    .cloned()
                    .unwrap_or_default()
            }),
            environment: changes(environment.each_ref(), |key, environment: &Map<_, _>| {
                environment.get(key).cloned().unwrap_or_default()
            }),
            scores: score_rows(&a, &b),
            a,
            b,
        }
    }

    pub fn json(&self) -> String {
        json::pretty(self)
    }

    pub fn text(&self) -> String {
        let names = [&self.a, &self.b].map(|trial| {
            format!(
                "{}: {}, seed {}, {}",
                trial.id, trial.loss, trial.seed, trial.state
            )
        });
        let mut text = format!("A  {}\nB  {}\n", names[0], names[1]);
        text += &changed_section("Settings", &self.settings);
        text += &changed_section("Environment", &self.environment);
        if !self.scores.is_empty() {
            let table = indented(&ruled(score_table(&self.scores, NAMES)));
            text += &format!(
                "\nScores (train: mean over the last epoch; others: final weights, or after the last epoch)\n{table}"
            );
        }
        text
    }
}

/// The keys whose values differ, in alphabetical order.
fn changes(
    sides: [&Map<String, Value>; 2],
    value: impl Fn(&str, &Map<String, Value>) -> Value,
) -> Vec<Changed> {
    let keys: BTreeSet<&String> = sides.iter().flat_map(|side| side.keys()).collect();
    let rows = keys.into_iter().map(|key| Changed {
        key: key.clone(),
        a: value(key, sides[0]),
        b: value(key, sides[1]),
    });
    rows.filter(|row| row.a != row.b).collect()
}

fn changed_section(title: &str, rows: &[Changed]) -> String {
    if rows.is_empty() {
        return format!("\n{title}: no difference\n");
    }
    format!(
        "\n{title}\n{}",
        indented(&ruled(changed_table(rows, NAMES)))
    )
}

/// How two stores differ. Keys are documented in `docs/records.md`.
#[derive(Debug, Serialize)]
pub struct StoreDiff {
    a: Side,
    b: Side,
    only_in_a: Vec<TrialName>,
    only_in_b: Vec<TrialName>,
    in_both: usize,
    /// Ids of trials that are done in both, with other scores.
    different_scores: Vec<String>,
    /// The values of settings that are not the same in both.
    settings: Vec<Changed>,
    groups: Vec<Pair>,
}

#[derive(Debug, Serialize)]
struct Side {
    store: String,
    done: usize,
    diverged: usize,
    failed: usize,
    damaged: usize,
    unfinished: usize,
}

#[derive(Debug, Serialize)]
struct TrialName {
    id: String,
    loss: String,
    seed: Value,
}

/// The trials of both stores that differ only in their seed.
#[derive(Debug, Serialize)]
struct Pair {
    loss: String,
    settings: Map<String, Value>,
    precision_used: Option<String>,
    /// `None` if the store has no such trial.
    a: Option<Means>,
    b: Option<Means>,
}

#[derive(Debug, Serialize)]
struct Means {
    n: usize,
    /// Of the test set, by the name of the metric.
    means: Map<String, Value>,
}

impl StoreDiff {
    /// Compares two stores, each with its folder.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn of(a: (&Store, &Path), b: (&Store, &Path)) -> Result<Self, StoreError> {
        let results = [a.0.results()?, b.0.results()?];
        let trials = [
            trials_of_store(a.0, &results[0])?,
            trials_of_store(b.0, &results[1])?,
        ];
        let [groups_a, groups_b] = results.each_ref().map(|results| groups_of(&results.ended));
        Ok(Self {
            a: Side::of(a.1, &results[0]),
            b: Side::of(b.1, &results[1]),
            only_in_a: only_in(&trials[0], &trials[1]),
            only_in_b: only_in(&trials[1], &trials[0]),
            in_both: trials[0]
                .iter()
                .filter(|trial| has(&trials[1], &trial.id))
                .count(),
            different_scores: different_scores(&results),
            settings: setting_values(&trials),
            groups: pairs(&groups_a, &groups_b),
        })
    }

    pub fn json(&self) -> String {
        json::pretty(self)
    }

    pub fn text(&self) -> String {
        let sides = [("A", &self.a), ("B", &self.b)].map(|(name, side)| {
            let Side { store, done, diverged, failed, damaged, unfinished } = side;
            format!(
                "{name}  {store}: {done} done, {diverged} diverged, {failed} failed, {damaged} damaged, {unfinished} unfinished\n"
            )
        });
        let mut text = sides.concat();
        text += &format!("\nTrials in both: {}", self.in_both);
        text += &match self.different_scores.as_slice() {
            [] if self.in_both == 0 => "\n".to_owned(),
            [] => ", without different scores.\n".to_owned(),
            ids => format!(
                ", {} of them with different scores: {}.\n",
                ids.len(),
                ids.join(", ")
            ),
        };
        for (side, trials) in [("A", &self.only_in_a), ("B", &self.only_in_b)] {
            text += &only_section(&format!("Only in {side}"), trials);
        }
        text += &changed_section("Settings", &self.settings);
        if !self.groups.is_empty() {
            let table = indented(&ruled(group_columns(&self.groups)));
            text += &format!("\nAccuracy on the test set, mean over seeds\n{table}");
        }
        text
    }
}

impl Side {
    fn of(folder: &Path, results: &Results) -> Self {
        let count = |state| results.ended.iter().filter(|it| it.state == state).count();
        Self {
            store: folder.display().to_string(),
            done: count(TrialState::Done),
            diverged: count(TrialState::Diverged),
            failed: count(TrialState::Failed),
            damaged: results.damaged.len(),
            unfinished: results.unfinished.len(),
        }
    }
}

fn has(trials: &[TrialRow], id: &str) -> bool {
    trials.iter().any(|trial| trial.id == id)
}

fn only_in(trials: &[TrialRow], others: &[TrialRow]) -> Vec<TrialName> {
    let only = trials.iter().filter(|trial| !has(others, &trial.id));
    let names = only.map(|trial| TrialName {
        id: trial.id.clone(),
        loss: trial.loss.clone(),
        seed: trial.settings.get("seed").cloned().unwrap_or_default(),
    });
    names.collect()
}

fn different_scores([a, b]: &[Results; 2]) -> Vec<String> {
    let ids = a.ended.iter().filter_map(|first| {
        let second = b.ended.iter().find(|second| second.id == first.id)?;
        let contradiction = first.test.as_ref()?.contradiction(second.test.as_ref()?);
        contradiction.map(|_| first.id.clone())
    });
    ids.collect()
}

/// For each key with other values in one of the stores, the lists of both.
fn setting_values(trials: &[Vec<TrialRow>; 2]) -> Vec<Changed> {
    let all = trials.iter().flatten().map(|trial| &trial.settings);
    let values = |trials: &[TrialRow], key: &str| -> Value {
        let mut values: Vec<Value> = Vec::new();
        for trial in trials.iter().filter(|trial| counts(key, &trial.settings)) {
            if let Some(value) = trial.settings.get(key)
                && !values.contains(value)
            {
                values.push(value.clone());
            }
        }
        values.sort_by(|a, b| match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            _ => a.to_string().cmp(&b.to_string()),
        });
        Value::Array(values)
    };
    let keys = settings::keys(all).into_iter().chain(["seed"]);
    let rows = keys.map(|key| Changed {
        key: key.to_owned(),
        a: values(&trials[0], key),
        b: values(&trials[1], key),
    });
    rows.filter(|row| row.a != row.b).collect()
}

/// The groups of both stores, in the order of a table.
fn pairs(a: &[Group], b: &[Group]) -> Vec<Pair> {
    let is_same =
        |a: &Group, b: &Group| a.settings == b.settings && a.precision_used == b.precision_used;
    let only_in_b = b.iter().filter(|b| !a.iter().any(|a| is_same(a, b)));
    let mut pairs: Vec<Pair> = a
        .iter()
        .chain(only_in_b)
        .map(|group| Pair {
            loss: group.loss.clone(),
            settings: group.settings.clone(),
            precision_used: group.precision_used.clone(),
            a: a.iter().find(|a| is_same(a, group)).map(Means::of),
            b: b.iter().find(|b| is_same(b, group)).map(Means::of),
        })
        .collect();
    pairs.sort_by(|a, b| {
        compare_settings(&a.settings, &b.settings)
            .then_with(|| a.precision_used.cmp(&b.precision_used))
            .then_with(|| a.loss.cmp(&b.loss))
    });
    pairs
}

impl Means {
    fn of(group: &Group) -> Self {
        let means = METRICS.iter().map(|metric| {
            let mean = group.estimate(metric, ScoreOf::Test).mean;
            (metric.name.to_owned(), mean.into())
        });
        Self {
            n: group.count(TrialState::Done),
            means: means.collect(),
        }
    }

    fn accuracy(&self) -> Option<f64> {
        self.means.get(ACCURACY.name).and_then(Value::as_f64)
    }
}

fn group_columns(pairs: &[Pair]) -> Vec<Column> {
    let mut columns = vec![Column::new("loss", Align::Left, pairs, |pair| {
        pair.loss.clone()
    })];
    columns.extend(setting_columns(
        pairs,
        |pair| &pair.settings,
        |pair| pair.precision_used.clone(),
    ));
    let mut number = |header: &str, cell: &dyn Fn(&Pair) -> String| {
        columns.push(Column::new(header, Align::Right, pairs, cell));
    };
    let mean = |side: &Option<Means>| side.as_ref().and_then(Means::accuracy);
    let shown = |value: Option<f64>| value.map_or(NONE.to_owned(), |mean| ACCURACY.show(mean));
    let n = |side: &Option<Means>| side.as_ref().map_or(NONE.to_owned(), |it| it.n.to_string());
    number("n A", &|pair| n(&pair.a));
    number("mean % A", &|pair| shown(mean(&pair.a)));
    number("n B", &|pair| n(&pair.b));
    number("mean % B", &|pair| shown(mean(&pair.b)));
    number("B − A", &|pair| {
        let difference = mean(&pair.a).zip(mean(&pair.b)).map(|(a, b)| b - a);
        signed(difference, |difference| ACCURACY.show(difference))
    });
    columns
}

fn only_section(title: &str, trials: &[TrialName]) -> String {
    let shown = trials.iter().take(SHOWN);
    let shown = shown.map(|it| (it.id.clone(), format!("{}, seed {}", it.loss, it.seed)));
    let mut rows: Vec<(String, String)> = shown.collect();
    if trials.len() > SHOWN {
        rows.push(("…".to_owned(), format!("{} more", trials.len() - SHOWN)));
    }
    section(title, &rows)
}
