//! `[train]` and `[grid]` → the settings of every point, each free of contradictions.

use std::collections::HashSet;
use std::ops::Range;

use super::check::{Checker, Item};
use super::diagnostics::Problem;
use crate::settings::{Conflict, Setting, TrainKey, TrainSettings, conflicts};

/// Maximum trials of one file; far above any use, and low enough for a list of them.
const MAXIMUM_TRIALS: usize = 100_000;

/// A key of `[grid]` and its values.
pub(super) struct Axis {
    pub key: &'static TrainKey,
    /// The table that has it.
    pub place: String,
    /// Of the key.
    pub span: Range<usize>,
    pub values: Vec<Item<Setting>>,
}

impl Checker {
    /// Every combination of the axes' values, the last axis changing fastest.
    pub fn points(
        &mut self,
        fixed: &[(&'static TrainKey, Item<Setting>)],
        axes: &[Axis],
        losses: usize,
        seeds: usize,
    ) -> Vec<TrainSettings> {
        for axis in axes {
            if let Some((_, item)) = fixed.iter().find(|(key, _)| key.name == axis.key.name) {
                let message = format!(
                    "{}.{}: expected in one place, found {} too",
                    axis.place, axis.key.name, item.place
                );
                let help = "remove one of them: the grid's values would override the other";
                self.problems
                    .push(Problem::at(axis.span.clone(), message).help(help));
            }
        }
        let axes: Vec<&Axis> = axes.iter().filter(|axis| !axis.values.is_empty()).collect();
        let lengths = axes.iter().map(|axis| axis.values.len());
        let count = lengths.fold(1, usize::saturating_mul);
        if count
            .saturating_mul(losses.max(1))
            .saturating_mul(seeds.max(1))
            > MAXIMUM_TRIALS
        {
            let message = format!(
                "expected at most {MAXIMUM_TRIALS} trials, \
                 found {losses} losses × {seeds} seeds × {count} points of the grid"
            );
            self.problems.push(Problem::of_text(message));
            return Vec::new();
        }
        let mut findings = Findings::default();
        let points = (0..count)
            .filter_map(|index| {
                let assignments = fixed.iter().map(|(key, item)| Assignment {
                    key,
                    item,
                    is_first: true,
                });
                let point: Vec<_> = assignments.chain(values_at(&axes, index)).collect();
                self.point(&point, &mut findings)
            })
            .collect();
        // what counts at some points only is left out at the others; what counts at none is refused
        let Findings {
            effective,
            without_effect,
            ..
        } = findings;
        let nowhere = without_effect.into_iter();
        let nowhere = nowhere.filter(|(key, _)| !effective.contains(key));
        self.problems.extend(nowhere.map(|(_, problem)| problem));
        points
    }

    /// The settings of one point; `None` if they differ from an earlier point's only in keys that
    /// have no effect there. A contradiction is reported once for each place in the file.
    fn point(
        &mut self,
        assignments: &[Assignment],
        findings: &mut Findings,
    ) -> Option<TrainSettings> {
        let values = assignments.iter().map(|it| (it.key, it.item.value));
        let mut settings = TrainSettings::with(&values.collect::<Vec<_>>());
        let (effective, idle): (Vec<_>, Vec<_>) = assignments
            .iter()
            .partition(|assignment| assignment.key.counts(&settings));
        let names = effective.iter().map(|assignment| assignment.key.name);
        findings.effective.extend(names);
        for Assignment { key, item, .. } in &idle {
            // a key at its default has the same id with and without effect
            let unmet = key.unmet(&settings);
            let Some(condition) = unmet.filter(|_| item.value != key.default(&settings)) else {
                continue;
            };
            let doubtful = [key.name, condition.key].map(|name| self.doubtful.contains(&name));
            if self.complete && doubtful == [false; 2] && findings.idle.insert(item.span.start) {
                let other = condition.key;
                let found = condition.found(&settings);
                let place = &item.place;
                let message =
                    format!("{place}: expected only with {condition}, found {other} = {found}");
                let problem = Problem::at(item.span.clone(), message)
                    .help("it has no effect there: remove it");
                findings.without_effect.push((key.name, problem));
            }
        }
        // of an axis without effect one value makes a point; the others would repeat its trials
        if idle.iter().any(|assignment| !assignment.is_first) {
            return None;
        }
        for Assignment { key, .. } in idle {
            let default = key.default(&settings);
            (key.set)(&mut settings, default);
        }
        self.contradictions(&settings, assignments, &mut findings.contradicted);
        Some(settings)
    }

    fn contradictions(
        &mut self,
        settings: &TrainSettings,
        assignments: &[Assignment],
        reported: &mut HashSet<usize>,
    ) {
        for Conflict {
            key,
            others,
            problem,
            help,
        } in conflicts(settings)
        {
            let written = |name| {
                let assignment = assignments.iter().find(|it| it.key.name == name);
                assignment.map(|assignment| assignment.item)
            };
            // a default has no place of its own, so the key that it contradicts is shown
            let shown = written(key).or_else(|| others.iter().find_map(|other| written(other)));
            let Some(item) = shown else { continue };
            let doubtful = others
                .iter()
                .chain([&key])
                .any(|name| self.doubtful.contains(name));
            if self.complete && !doubtful && reported.insert(item.span.start) {
                let place = written(key).map_or(format!("train.{key}"), |item| item.place.clone());
                let message = format!("{place}: {problem}");
                self.problems
                    .push(Problem::at(item.span.clone(), message).help(help));
            }
        }
    }
}

/// A key and its value at one point.
struct Assignment<'a> {
    key: &'static TrainKey,
    item: &'a Item<Setting>,
    /// Whether it is the first value of its axis, or the only one that `[train]` gives.
    is_first: bool,
}

/// What is known of a sweep's keys once every point has been read.
#[derive(Default)]
struct Findings {
    /// Keys with an effect at some point.
    effective: HashSet<&'static str>,
    /// Keys without effect at some point, and the message for one that has none anywhere.
    without_effect: Vec<(&'static str, Problem)>,
    /// The places of the keys in `without_effect`.
    idle: HashSet<usize>,
    /// The places at which a contradiction has been reported.
    contradicted: HashSet<usize>,
}

/// The value of each axis at point `index`.
fn values_at<'a>(axes: &'a [&Axis], index: usize) -> impl Iterator<Item = Assignment<'a>> {
    axes.iter().rev().scan(index, |rest, axis| {
        let position = *rest % axis.values.len();
        *rest /= axis.values.len();
        Some(Assignment {
            key: axis.key,
            item: &axis.values[position],
            is_first: position == 0,
        })
    })
}
