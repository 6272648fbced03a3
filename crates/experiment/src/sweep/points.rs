//! `[train]` and `[grid]` → the settings of every point, each free of contradictions.

use std::collections::HashSet;
use std::ops::Range;
use std::slice;

use super::check::{Checker, Item};
use super::diagnostics::Problem;
use super::keys::{Setting, TrainKey};
use super::settings::{ScheduleName, TRAIN_KEYS, TrainSettings};

/// Trials of one file; far above any use, and low enough for a list of them.
const MAXIMUM_TRIALS: usize = 100_000;

/// A key of `[grid]` and its values.
pub(super) struct Axis {
    pub key: &'static TrainKey,
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
                    "grid.{}: expected in one place, found {} too",
                    axis.key.name, item.place
                );
                let help = "leave out one of them: the grid's values would replace the other";
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
        let mut reported = HashSet::new();
        (0..count)
            .map(|index| {
                let assignments = fixed.iter().map(|(key, item)| (*key, item));
                let point: Vec<_> = assignments.chain(values_at(&axes, index)).collect();
                self.point(&point, &mut reported)
            })
            .collect()
    }

    /// The settings of one point; a contradiction is reported once for each place in the file.
    fn point(
        &mut self,
        assignments: &[(&'static TrainKey, &Item<Setting>)],
        reported: &mut HashSet<usize>,
    ) -> TrainSettings {
        let mut settings = TrainSettings::default();
        for (key, item) in assignments {
            (key.set)(&mut settings, item.value);
        }
        for conflict in conflicts(&settings) {
            let Conflict {
                key,
                others,
                problem,
                help,
            } = conflict;
            let written = |name| assignments.iter().find(|(key, _)| key.name == name);
            // a default has no place of its own, so the key that it contradicts is shown
            let shown = written(key).or_else(|| others.iter().find_map(|other| written(other)));
            let Some((_, item)) = shown else { continue };
            let doubtful = others
                .iter()
                .chain([&key])
                .any(|name| self.doubtful.contains(name));
            if self.complete && !doubtful && reported.insert(item.span.start) {
                let place = match written(key) {
                    Some((_, item)) => item.place.clone(),
                    None => format!("train.{key}"),
                };
                let message = format!("{place}: {problem}");
                self.problems
                    .push(Problem::at(item.span.clone(), message).help(help));
            }
        }
        settings
    }
}

/// The value of each axis at point `index`.
fn values_at<'a>(
    axes: &'a [&Axis],
    index: usize,
) -> impl Iterator<Item = (&'static TrainKey, &'a Item<Setting>)> {
    axes.iter().rev().scan(index, |rest, axis| {
        let value = &axis.values[*rest % axis.values.len()];
        *rest /= axis.values.len();
        Some((axis.key, value))
    })
}

/// Settings that contradict each other, or of which one leaves another without effect.
struct Conflict {
    key: &'static str,
    others: &'static [&'static str],
    problem: String,
    help: &'static str,
}

/// What is wrong between the keys. A setting without effect is refused since it would give another
/// id to the same mathematics.
fn conflicts(settings: &TrainSettings) -> Vec<Conflict> {
    let mut conflicts = Vec::new();
    let mut refuse = |key, others, problem: String, help| {
        conflicts.push(Conflict {
            key,
            others,
            problem,
            help,
        });
    };
    for key in TRAIN_KEYS {
        let changed = (key.get)(settings) != key.default();
        for (other, value) in key.only_with.iter().filter(|_| changed) {
            let found = TrainKey::find(other).map(|other| (other.get)(settings));
            if let Some(found) = found.filter(|found| *found != Setting::Choice(value)) {
                let problem =
                    format!("expected only with {other} = {value:?}, found {other} = {found}");
                refuse(key.name, slice::from_ref(other), problem, WITHOUT_EFFECT);
            }
        }
    }
    let TrainSettings {
        epochs,
        warmup_epochs,
        step_epochs,
        ..
    } = *settings;
    if warmup_epochs > epochs {
        let problem = format!("expected at most epochs = {epochs}, found {warmup_epochs}");
        let help = "the full learning rate would never be reached";
        refuse("warmup_epochs", &["epochs"], problem, help);
    }
    let left = epochs.saturating_sub(warmup_epochs);
    if settings.schedule == ScheduleName::Step && step_epochs >= left {
        let problem =
            format!("expected less than the {left} epochs after warm-up, found {step_epochs}");
        let help = "the learning rate would never be reduced";
        refuse(
            "step_epochs",
            &["schedule", "epochs", "warmup_epochs"],
            problem,
            help,
        );
    }
    if settings.nesterov && settings.momentum == 0.0 {
        let problem = "expected only with momentum above 0, found momentum = 0".to_owned();
        refuse("nesterov", &["momentum"], problem, WITHOUT_EFFECT);
    }
    if !settings.decay_norm_and_bias && settings.weight_decay == 0.0 {
        let problem = "expected only with weight_decay above 0, found weight_decay = 0".to_owned();
        refuse(
            "decay_norm_and_bias",
            &["weight_decay"],
            problem,
            WITHOUT_EFFECT,
        );
    }
    conflicts
}

const WITHOUT_EFFECT: &str = "it has no effect there: leave it out";
