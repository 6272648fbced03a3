//! `[reference]`: what a paper or a blog reported, and with which settings.

use toml::Spanned;
use toml::de::DeValue;

use super::check::{Checker, in_file_order};
use super::values::number;
use crate::measure::{ACCURACY, METRICS, Metric, Unit};
use crate::settings::{Setting, TrainKey};

/// Results of others, to be shown beside the sweep's own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reference {
    pub name: String,
    /// Where it was published.
    pub source: String,
    /// What differs and is no key of `[train]`.
    pub note: String,
    /// As far as they are known.
    pub settings: Vec<(&'static TrainKey, Setting)>,
    pub results: Vec<ReferenceResult>,
}

/// A number that was reported.
#[derive(Clone, Debug, PartialEq)]
pub struct ReferenceResult {
    /// As tables show it where it is a loss of the sweep.
    pub loss: String,
    pub metric: &'static Metric,
    /// In the unit in which tables show the metric: percent for shares.
    pub value: f64,
    /// Standard deviation over the seeds, in the same unit.
    pub std: Option<f64>,
    pub seeds: Option<usize>,
}

const KEYS: [&str; 5] = ["name", "source", "note", "settings", "result"];
const RESULT_KEYS: [&str; 5] = ["loss", "metric", "value", "std", "seeds"];

impl Checker {
    /// Reads the table `[reference]`.
    pub fn reference(&mut self, value: &Spanned<DeValue>) -> Reference {
        let mut reference = Reference::default();
        let entries = self.table(value, "reference");
        for (key, value) in &entries {
            match key.get_ref().as_ref() {
                "name" => reference.name = self.text(value, "reference.name"),
                "source" => reference.source = self.text(value, "reference.source"),
                "note" => reference.note = self.text(value, "reference.note"),
                "settings" => reference.settings = self.reference_settings(value),
                "result" => reference.results = self.reference_results(value),
                _ => self.unknown_in(key, "reference", &KEYS),
            }
        }
        if reference.name.is_empty() && value.get_ref().is_table() {
            let help = "add a line such as name = \"the paper\"";
            self.missing_key(value.span(), "reference.name", help);
        }
        reference
    }

    fn reference_settings(
        &mut self,
        value: &Spanned<DeValue>,
    ) -> Vec<(&'static TrainKey, Setting)> {
        let mut settings = Vec::new();
        for (key, value) in self.table(value, "reference.settings") {
            let Some(row) = TrainKey::find(key.get_ref()) else {
                self.unknown_in(key, "reference.settings", &[]);
                continue;
            };
            let place = format!("reference.settings.{}", row.name);
            if let Some(setting) = self.fixed_setting(row, value, &place) {
                settings.push((row, setting));
            }
        }
        settings
    }

    fn reference_results(&mut self, value: &Spanned<DeValue>) -> Vec<ReferenceResult> {
        let DeValue::Array(items) = value.get_ref() else {
            self.unexpected(
                value,
                "reference.result",
                "tables [[reference.result]]",
                None,
            );
            return Vec::new();
        };
        let items = items.iter().enumerate();
        items
            .filter_map(|(index, value)| {
                self.reference_result(value, &format!("reference.result[{index}]"))
            })
            .collect()
    }

    fn reference_result(
        &mut self,
        value: &Spanned<DeValue>,
        place: &str,
    ) -> Option<ReferenceResult> {
        let mut result = ReferenceResult {
            loss: String::new(),
            metric: &ACCURACY,
            value: f64::NAN,
            std: None,
            seeds: None,
        };
        let DeValue::Table(table) = value.get_ref() else {
            self.unexpected(value, place, "a table", None);
            return None;
        };
        for (key, value) in in_file_order(table) {
            let place_of = format!("{place}.{}", key.get_ref());
            match key.get_ref().as_ref() {
                "loss" => result.loss = self.text(value, &place_of),
                "metric" => {
                    let names: Vec<&str> = METRICS.iter().map(|metric| metric.name).collect();
                    match value.get_ref().as_str().and_then(Metric::find) {
                        Some(metric) => result.metric = metric,
                        None => self.unexpected(
                            value,
                            &place_of,
                            "the name of a metric",
                            Some(format!("valid names: {}", names.join(", "))),
                        ),
                    }
                }
                "value" => result.value = self.reported(value, &place_of, f64::NEG_INFINITY)?,
                "std" => result.std = Some(self.reported(value, &place_of, 0.0)?),
                "seeds" => {
                    let kind = crate::settings::Kind::Whole(1, 100_000);
                    if let Some(Setting::Whole(seeds)) = self.setting(&kind, value, &place_of) {
                        result.seeds = Some(seeds);
                    }
                }
                _ => self.unknown_in(key, place, &RESULT_KEYS),
            }
        }
        if result.metric.unit == Unit::Share
            && !(0.0..=100.0).contains(&result.value)
            && let Some(value) = table.get("value")
        {
            let place = format!("{place}.value");
            let help = "shares such as accuracy are in percent, as in value = 92.67";
            self.unexpected(
                value,
                &place,
                "a number from 0 to 100",
                Some(help.to_owned()),
            );
        }
        for name in ["loss", "value"] {
            if !table.contains_key(name) {
                let help = "write loss = \"cross_entropy\" and value = 92.67";
                self.missing_key(value.span(), &format!("{place}.{name}"), help);
            }
        }
        Some(result)
    }

    fn reported(&mut self, value: &Spanned<DeValue>, place: &str, least: f64) -> Option<f64> {
        let reported = number(value.get_ref()).filter(|reported| *reported >= least);
        if reported.is_none() {
            let help = "in the unit of tables: percent for shares such as accuracy";
            self.unexpected(value, place, "a number", Some(help.to_owned()));
        }
        reported
    }
}
