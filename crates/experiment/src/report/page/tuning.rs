//! The tuning stage → the metric against each key that was tuned.

use charts::{Axis, Setting as Tried, TuningChart, TuningSeries};

use super::Figure;
use super::table::Table;
use crate::report::tuning::columns;
use crate::settings::TrainKey;
use crate::study::{self, Candidate, Study};

/// What was tried for each loss.
pub struct Tuning {
    pub table: Table,
    pub figures: Vec<Figure>,
    pub summary: String,
}

impl Tuning {
    /// `None` without a tuning stage.
    pub fn of(study: &Study) -> Option<Self> {
        let tuning = study.tuning.as_ref()?;
        let keys = &study.sweep.tune.as_ref()?.keys;
        let seeds = study.sweep.tune.as_ref()?.seeds.len();
        let tried: Vec<usize> = tuning.candidates.iter().map(Vec::len).collect();
        let most = tried.iter().copied().max().unwrap_or(0);
        let is_equal = tried.iter().all(|count| *count == most);
        let budget = if is_equal {
            format!("{most}")
        } else {
            format!("up to {most}")
        };
        Some(Self {
            table: Table::new("What was tried for each loss", &columns(study, tuning)),
            figures: keys
                .iter()
                .filter_map(|key| figure(study, tuning, key))
                .collect(),
            summary: format!(
                "Each loss was tried at {budget} settings with {seeds} {} each, and the best mean on images held out from \
                 training was chosen, an uncertain choice that no interval includes. The test set was not read. The comparison \
                 uses other seeds.",
                if seeds == 1 { "seed" } else { "seeds" }
            ),
        })
    }
}

/// The metric against one key, the others at what was chosen; `None` if the key is no number.
fn figure(study: &Study, tuning: &study::Tuning, key: &'static TrainKey) -> Option<Figure> {
    let series = study.tuned().map(|tuned| {
        let candidates = tuned.candidates.iter().enumerate();
        let tried = candidates.filter_map(|(place, candidate)| {
            let setting = (key.get)(&candidate.settings).number()?;
            let chosen = tuned.chosen();
            let is_shown = chosen.is_none_or(|chosen| differs_in(study, key, chosen, candidate));
            let runs = candidate.runs.iter();
            is_shown.then(|| Tried {
                setting,
                values: runs
                    .filter_map(|run| run.validation(tuning.metric))
                    .collect(),
                diverged: candidate.diverged(),
                is_chosen: tuned.choice.is_some_and(|it| it.candidate == place),
            })
        });
        TuningSeries {
            label: tuned.loss.to_string(),
            settings: tried.collect(),
        }
    });
    let series: Vec<TuningSeries> = series.collect();
    if series.iter().all(|series| series.settings.is_empty()) {
        return None;
    }
    let words = key.name.replace('_', " ");
    let metric = tuning.metric.name.replace('_', " ");
    let unit = match tuning.metric.unit_shown() {
        "" => String::new(),
        unit => format!(", {unit}"),
    };
    let name = format!("tuning-{}", key.name.replace('_', "-"));
    let chart = TuningChart {
        id: name.clone(),
        title: format!("Tuning of the {words}"),
        setting: words.clone(),
        metric: Axis::linear(format!("validation {metric}{unit}")),
        series,
    };
    Some(Figure {
        name,
        svg: chart.draw(),
        caption: format!(
            "Validation {metric} against the {words}. A comparison is fair if every loss has its best setting inside \
             the range that was tried."
        ),
    })
}

/// Whether two candidates differ in no key but this one.
fn differs_in(study: &Study, key: &TrainKey, a: &Candidate, b: &Candidate) -> bool {
    let keys = study.sweep.tune.iter().flat_map(|tune| &tune.keys);
    let mut others = keys.filter(|other| other.name != key.name);
    others.all(|other| (other.get)(&a.settings) == (other.get)(&b.settings))
}
