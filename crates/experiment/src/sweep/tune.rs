//! `[tune]`: for each loss, the settings to choose from before the comparison.

use std::ops::Range;

use bonus_loss::LossConfig;
use toml::Spanned;
use toml::de::DeValue;

use super::check::{Checker, Item};
use super::diagnostics::Problem;
use super::points::Axis;
use super::seeds::Seeds;
use super::values::suggest;
use crate::measure::{ACCURACY, METRICS, Metric};
use crate::settings::{Setting, TrainKey, TrainSettings};

/// The tuning stage: every loss gets the same number of trials, and the settings with the best mean on held-out
/// training images.
#[derive(Clone, Debug, PartialEq)]
pub struct Tune {
    /// Never used again in the comparison.
    pub seeds: Vec<u64>,
    /// On the validation images.
    pub metric: &'static Metric,
    /// The keys of the search spaces, in the order of the file.
    pub keys: Vec<&'static TrainKey>,
    /// For each loss of the sweep the settings that are tried, without the test set.
    pub spaces: Vec<Vec<TrainSettings>>,
}

/// `[tune]` as written.
pub(super) struct WrittenTune {
    span: Range<usize>,
    seeds: Vec<Item<u64>>,
    metric: &'static Metric,
    grid: Vec<Axis>,
    /// The search spaces of single losses: label, its place in the file, axes.
    grid_for: Vec<(Item<String>, Vec<Axis>)>,
}

const KEYS: [&str; 4] = ["seeds", "metric", "grid", "grid_for"];
const SEEDS_EXAMPLE: &str = "seeds = [101, 102]";
/// What decides which task is learned, and what is read of it; comparing across these is not tuning.
const FIXED_KEYS: [&str; 7] = [
    "dataset",
    "noise",
    "ambiguous",
    "subset",
    "validation",
    "evaluate_test",
    "precision",
];

impl Checker {
    /// Reads the table `[tune]`.
    pub fn tune(&mut self, value: &Spanned<DeValue>) -> WrittenTune {
        let mut tune = WrittenTune {
            span: value.span(),
            seeds: Vec::new(),
            metric: &ACCURACY,
            grid: Vec::new(),
            grid_for: Vec::new(),
        };
        let mut has_seeds = false;
        for (key, value) in self.table(value, "tune") {
            match key.get_ref().as_ref() {
                "seeds" => {
                    has_seeds = true;
                    tune.seeds = self.seed_list(value, "tune.seeds", SEEDS_EXAMPLE);
                }
                "metric" => {
                    let metric = self.metric_with_direction(value, "tune.metric");
                    tune.metric = metric.unwrap_or(&ACCURACY);
                }
                "grid" => tune.grid = self.grid(value, "tune.grid"),
                "grid_for" => {
                    for (label, value) in self.table(value, "tune.grid_for") {
                        let place = format!("tune.grid_for.{:?}", label.get_ref());
                        let axes = self.grid(value, &place);
                        let label = Item {
                            value: label.get_ref().to_string(),
                            span: label.span(),
                            place,
                        };
                        tune.grid_for.push((label, axes));
                    }
                }
                _ => self.unknown_in(key, "tune", &KEYS),
            }
        }
        if tune.grid.is_empty() && tune.grid_for.is_empty() && self.problems.is_empty() {
            let help =
                "add [tune.grid] with lists of values to try, such as learning_rate = [0.1, 0.05]";
            self.missing_key(tune.span.clone(), "tune.grid", help);
        }
        if !has_seeds {
            let help = format!("add {SEEDS_EXAMPLE}, other seeds than those of the comparison");
            self.missing_key(tune.span.clone(), "tune.seeds", &help);
        }
        tune
    }

    /// The search space of each loss, checked against the rest of the file.
    pub fn spaces(
        &mut self,
        tune: &WrittenTune,
        fixed: &[(&'static TrainKey, Item<Setting>)],
        losses: &[LossConfig],
        seeds: Option<&Item<Seeds>>,
    ) -> Tune {
        self.fixed_keys(tune);
        self.held_out(tune, fixed);
        self.fresh_seeds(tune, seeds);
        let labels: Vec<String> = losses.iter().map(ToString::to_string).collect();
        for (label, _) in &tune.grid_for {
            self.label_index(label, &labels);
        }
        let count = losses.len().saturating_mul(tune.seeds.len());
        let common = self.points(fixed, &tune.grid, count, 1);
        let spaces: Vec<Vec<TrainSettings>> = labels
            .iter()
            .map(|label| {
                let own = tune.grid_for.iter().find(|(own, _)| own.value == *label);
                own.map_or_else(
                    || common.clone(),
                    |(_, axes)| self.points(fixed, axes, count, 1),
                )
            })
            .collect();
        self.equal_budgets(tune, &labels, &spaces);
        let axes = tune.grid_for.iter().flat_map(|(_, axes)| axes);
        let mut keys: Vec<&'static TrainKey> = Vec::new();
        for axis in tune.grid.iter().chain(axes) {
            if !keys.iter().any(|key| key.name == axis.key.name) {
                keys.push(axis.key);
            }
        }
        let without_test = |settings: TrainSettings| TrainSettings {
            evaluate_test: false,
            ..settings
        };
        Tune {
            seeds: tune.seeds.iter().map(|seed| seed.value).collect(),
            metric: tune.metric,
            keys,
            spaces: spaces
                .into_iter()
                .map(|space| space.into_iter().map(without_test).collect())
                .collect(),
        }
    }

    fn fixed_keys(&mut self, tune: &WrittenTune) {
        let own = tune.grid_for.iter().flat_map(|(_, axes)| axes);
        for axis in tune.grid.iter().chain(own) {
            let name = axis.key.name;
            if FIXED_KEYS.contains(&name) {
                let message = format!(
                    "{}.{name}: expected a setting of training, found one of what is learned or measured",
                    axis.place
                );
                self.problems.push(
                    Problem::at(axis.span.clone(), message)
                        .help(format!("write one value in [train]: {name} = …")),
                );
            }
        }
    }

    fn held_out(&mut self, tune: &WrittenTune, fixed: &[(&'static TrainKey, Item<Setting>)]) {
        let held_out = fixed
            .iter()
            .find(|(key, _)| key.name == "validation")
            .map(|(_, item)| item.value);
        if self.complete
            && !self.doubtful.contains(&"validation")
            && held_out.is_none_or(|number| number == Setting::Whole(0))
        {
            let message =
                "tune: expected images held out from training to choose by, found validation = 0";
            let problem = Problem::at(tune.span.clone(), message.to_owned());
            self.problems
                .push(problem.help("add a line such as validation = 5000 below [train]"));
        }
    }

    /// A seed by which settings were chosen would favour them in the comparison.
    fn fresh_seeds(&mut self, tune: &WrittenTune, seeds: Option<&Item<Seeds>>) {
        let Some(Seeds::Fixed(compared)) = seeds.map(|seeds| &seeds.value) else {
            return;
        };
        for seed in &tune.seeds {
            if compared.contains(&seed.value) {
                let message = format!(
                    "{}: expected a seed that the comparison does not use, found {} in seeds too",
                    seed.place, seed.value
                );
                let help = "settings chosen by a seed look too good on it: use other seeds here";
                self.problems
                    .push(Problem::at(seed.span.clone(), message).help(help));
            }
        }
    }

    fn equal_budgets(
        &mut self,
        tune: &WrittenTune,
        labels: &[String],
        spaces: &[Vec<TrainSettings>],
    ) {
        if !self.problems.is_empty() {
            return; // a space may lack points because of a problem already reported
        }
        let budget = |space: &Vec<TrainSettings>| space.len();
        let fewest = spaces.iter().map(budget).min().unwrap_or(0);
        let most = spaces.iter().map(budget).max().unwrap_or(0);
        if fewest == most {
            return;
        }
        let with = |count: usize| {
            let place = spaces.iter().position(|space| space.len() == count);
            place.map_or("", |place| labels[place].as_str())
        };
        let message = format!(
            "tune: expected as many settings to try for each loss, found {most} for {} and {fewest} for {}",
            with(most),
            with(fewest)
        );
        let help = "a larger budget favours a loss: give every search space as many points";
        self.problems
            .push(Problem::at(tune.span.clone(), message).help(help));
    }

    /// The name of a metric of which one direction is better.
    pub fn metric_with_direction(
        &mut self,
        value: &Spanned<DeValue>,
        place: &str,
    ) -> Option<&'static Metric> {
        let directed = METRICS.iter().filter(|metric| metric.better.is_some());
        let names: Vec<&str> = directed.map(|metric| metric.name).collect();
        let metric = value
            .get_ref()
            .as_str()
            .and_then(Metric::find)
            .filter(|metric| metric.better.is_some());
        if metric.is_none() {
            let help = suggest(value.get_ref().as_str().unwrap_or_default(), &names);
            let expectation = "the name of a metric with a better direction";
            self.unexpected(value, place, expectation, Some(help));
        }
        metric
    }

    /// The place of a loss among `labels`.
    pub fn label_index(&mut self, label: &Item<String>, labels: &[String]) -> Option<usize> {
        let place = labels.iter().position(|known| *known == label.value);
        if place.is_none() && self.complete && !labels.is_empty() {
            let message = format!(
                "{}: expected a loss of this file, found {:?}",
                label.place, label.value
            );
            let names: Vec<&str> = labels.iter().map(String::as_str).collect();
            self.problems
                .push(Problem::at(label.span.clone(), message).help(suggest(&label.value, &names)));
        }
        place
    }
}
