//! What a paper or a blog reported, beside what was found here, and what differs.

use statistics::{mean, standard_deviation};

use super::table::Table;
use crate::measure::Metric;
use crate::settings::{Setting, TRAIN_KEYS, TrainKey};
use crate::study::{Arm, Study};
use crate::sweep::{Reference, ReferenceResult};
use crate::terminal::table::{Align, Column, NONE};

/// A reference and this sweep.
pub struct Protocol {
    pub name: String,
    pub source: String,
    pub note: String,
    pub results: Option<Table>,
    pub settings: Option<Table>,
    /// Settings used here that the reference does not state, such as `batch_size = 128`.
    pub unstated: String,
    pub tuned: Option<Table>,
}

impl Protocol {
    /// `None` without `[reference]`, and until the settings to compare with are known.
    pub fn of(study: &Study) -> Option<Self> {
        if study.arms.is_empty() {
            return None;
        }
        let reference = study.sweep.reference.as_ref()?;
        let results = &reference.results;
        let settings = &reference.settings;
        Some(Self {
            name: reference.name.clone(),
            source: reference.source.clone(),
            note: reference.note.clone(),
            results: (!results.is_empty()).then(|| of_results(study, results)),
            settings: (!settings.is_empty()).then(|| of_settings(study, settings)),
            unstated: unstated(study, reference),
            tuned: tuned(study),
        })
    }

    /// Whether the source is an address that a reader can open.
    pub fn has_address(&self) -> bool {
        self.source.starts_with("https://") || self.source.starts_with("http://")
    }
}

fn of_results(study: &Study, results: &[ReferenceResult]) -> Table {
    let text = |header, cell: &dyn Fn(&ReferenceResult) -> String| {
        Column::new(header, Align::Left, results, cell)
    };
    let columns = [
        text("loss", &|result| result.loss.clone()),
        text("metric", &|result| result.metric.header()),
        text("reported", &|result| {
            estimate(result.metric, result.value, result.std, result.seeds)
        }),
        text("here", &|result| {
            let arms = study.arms.iter().filter(|arm| arm.label == result.loss);
            let found: Vec<String> = arms.filter_map(|arm| here(arm, result.metric)).collect();
            if found.is_empty() {
                NONE.to_owned()
            } else {
                found.join("; ")
            }
        }),
    ];
    Table::new("Results of the reference and of this sweep", &columns)
}

fn here(arm: &Arm, metric: &Metric) -> Option<String> {
    let values: Vec<f64> = arm.runs.iter().filter_map(|run| run.test(metric)).collect();
    let found = estimate(
        metric,
        mean(&values)?,
        standard_deviation(&values),
        Some(values.len()),
    );
    if arm.point.is_empty() {
        Some(found)
    } else {
        Some(format!("{found} at {}", arm.point))
    }
}

/// Such as `92.34 ± 0.70, 5 seeds`.
fn estimate(metric: &Metric, value: f64, std: Option<f64>, seeds: Option<usize>) -> String {
    let mut text = metric.show_in_unit(value);
    if let Some(std) = std {
        text += &format!(" ± {}", metric.show_in_unit(std));
    }
    match seeds {
        Some(1) => text + ", 1 seed",
        Some(seeds) => text + &format!(", {seeds} seeds"),
        None => text,
    }
}

fn of_settings(study: &Study, settings: &[(&'static TrainKey, Setting)]) -> Table {
    let text = |header, cell: &dyn Fn(&(&'static TrainKey, Setting)) -> String| {
        Column::new(header, Align::Left, settings, cell)
    };
    let columns = [
        text("setting", &|(key, _)| key.name.to_owned()),
        text("reference", &|(_, setting)| setting.bare()),
        text("here", &|(key, _)| values_here(study, key)),
        text("differs", &|(key, setting)| {
            let same = setting.bare();
            (if values_here(study, key) == same {
                ""
            } else {
                "yes"
            })
            .to_owned()
        }),
    ];
    Table::new("Settings that the reference states", &columns)
}

/// The value of a key, or its value for each loss where they differ.
fn values_here(study: &Study, key: &TrainKey) -> String {
    let mut values: Vec<(String, String)> = Vec::new();
    for arm in &study.arms {
        let value = if key.counts(&arm.settings) {
            (key.get)(&arm.settings).bare()
        } else {
            NONE.to_owned()
        };
        if !values.contains(&(arm.label.clone(), value.clone())) {
            values.push((arm.label.clone(), value));
        }
    }
    match values.as_slice() {
        [] => NONE.to_owned(),
        [(_, first), rest @ ..] if rest.iter().all(|(_, value)| value == first) => first.clone(),
        values => {
            let values = values
                .iter()
                .map(|(loss, value)| format!("{loss}: {value}"));
            values.collect::<Vec<_>>().join("; ")
        }
    }
}

fn unstated(study: &Study, reference: &Reference) -> String {
    let is_stated = |key: &TrainKey| {
        reference
            .settings
            .iter()
            .any(|(known, _)| known.name == key.name)
    };
    let counts = |key: &TrainKey| study.arms.iter().any(|arm| key.counts(&arm.settings));
    let keys = TRAIN_KEYS
        .iter()
        .filter(|key| !is_stated(key) && counts(key));
    let settings = keys.map(|key| format!("{} = {}", key.name, values_here(study, key)));
    settings.collect::<Vec<_>>().join(", ")
}

fn tuned(study: &Study) -> Option<Table> {
    let tuning = study.tuning.as_ref()?;
    let choices = tuning.choices.as_ref()?;
    let rows: Vec<(String, String)> = study
        .sweep
        .losses
        .iter()
        .zip(&tuning.candidates)
        .zip(choices)
        .map(|((loss, candidates), choice)| {
            (loss.to_string(), candidates[choice.candidate].point.clone())
        })
        .collect();
    let columns = [
        Column::new("loss", Align::Left, &rows, |row| row.0.clone()),
        Column::new("tuned to", Align::Left, &rows, |row| row.1.clone()),
    ];
    Some(Table::new("Settings chosen for each loss", &columns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::ACCURACY;

    #[test]
    fn an_estimate_has_a_spread_and_seeds_where_they_are_known() {
        let text = |std, seeds| estimate(&ACCURACY, 92.34, std, seeds);
        assert_eq!(text(Some(0.7), Some(5)), "92.34 ± 0.70, 5 seeds");
        assert_eq!(text(None, Some(1)), "92.34, 1 seed");
        assert_eq!(text(None, None), "92.34");
    }
}
