//! `[[claim]]`: what the sweep is to decide.

use std::ops::Range;

use bonus_loss::LossConfig;
use statistics::Design;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::check::{Checker, Item, in_file_order};
use super::diagnostics::Problem;
use super::points::Axis;
use super::tune::Tune;
use super::values::number;
use crate::measure::{ACCURACY, EVAL_LOSS, Metric, Unit};
use crate::settings::{Kind, Setting, TrainKey, TrainSettings};

/// "`better` is better than `than`", declared before the first trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// The places of the two losses in the sweep.
    pub losses: [usize; 2],
    pub metric: &'static Metric,
    /// The smallest difference that matters, in the unit in which tables show the metric: percentage points for shares.
    pub margin: f64,
    /// For each of the two losses, the settings at which they are compared.
    pub at: At,
    /// Trials of the same seed share initial weights, order and augmentation, so that they can be compared as pairs.
    pub design: Design,
}

/// The settings at which the losses of a claim are compared.
#[derive(Clone, Debug, PartialEq)]
pub enum At {
    /// Each loss at the settings tuned for it.
    Tuned,
    /// Both losses at the settings tuned for this one.
    TunedFor(usize),
    /// Both losses at these settings.
    Point(Box<TrainSettings>),
}

/// `[[claim]]` as written.
pub(super) struct WrittenClaim {
    place: String,
    span: Range<usize>,
    better: Option<Item<String>>,
    than: Option<Item<String>>,
    metric: &'static Metric,
    margin: f64,
    /// Of the two values where they are written.
    metric_span: Option<Range<usize>>,
    margin_span: Option<Range<usize>>,
    at: Option<WrittenAt>,
    design: Design,
}

enum WrittenAt {
    Tuned(Range<usize>),
    TunedFor(Item<String>),
    Settings(Range<usize>, Vec<(&'static TrainKey, Item<Setting>)>),
}

/// Far above any difference.
const MAXIMUM_MARGIN: f64 = 1e6;

const KEYS: [&str; 6] = ["better", "than", "metric", "margin", "at", "paired"];
const EXAMPLE: &str = "better = \"focal\" and than = \"cross_entropy\"";
const AT_EXAMPLE: &str =
    "at = \"tuned\", at = { learning_rate = 0.1 } or at = { tuned_for = \"cross_entropy\" }";

impl Claim {
    pub fn is_paired(&self) -> bool {
        self.design == Design::Paired
    }
}

impl Checker {
    /// Reads the tables `[[claim]]`.
    pub fn claims(&mut self, value: &Spanned<DeValue>) -> Vec<WrittenClaim> {
        let DeValue::Array(items) = value.get_ref() else {
            let help = format!("write [[claim]] and below it {EXAMPLE}");
            self.unexpected(value, "claim", "tables [[claim]]", Some(help));
            return Vec::new();
        };
        let items = items.iter().enumerate();
        items
            .filter_map(|(index, value)| self.claim(value, format!("claim[{index}]")))
            .collect()
    }

    fn claim(&mut self, value: &Spanned<DeValue>, place: String) -> Option<WrittenClaim> {
        let mut claim = WrittenClaim {
            span: value.span(),
            better: None,
            than: None,
            metric: &ACCURACY,
            margin: 0.0,
            metric_span: None,
            margin_span: None,
            at: None,
            design: Design::Paired,
            place,
        };
        let mut is_metric_known = true;
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.unexpected(value, &claim.place, "a table", None);
        }
        for (key, value) in in_file_order(table?) {
            let place = format!("{}.{}", claim.place, key.get_ref());
            match key.get_ref().as_ref() {
                "better" => claim.better = self.label(value, place),
                "than" => claim.than = self.label(value, place),
                "metric" => {
                    let metric = self.metric_with_direction(value, &place);
                    is_metric_known = metric.is_some();
                    claim.metric = metric.unwrap_or(&ACCURACY);
                    claim.metric_span = Some(value.span());
                }
                "margin" => {
                    claim.margin = self.margin(value, &place);
                    claim.margin_span = Some(value.span());
                }
                "at" => claim.at = self.at(value, &place),
                "paired" => {
                    if let Some(Setting::Flag(paired)) = self.setting(&Kind::Flag, value, &place) {
                        claim.design = if paired {
                            Design::Paired
                        } else {
                            Design::Unpaired
                        };
                    }
                }
                _ => self.unknown_in(key, &claim.place, &KEYS),
            }
        }
        for name in ["better", "than"] {
            if !table?.contains_key(name) {
                let place = format!("{}.{name}", claim.place);
                self.missing_key(claim.span.clone(), &place, &format!("write {EXAMPLE}"));
            }
        }
        // what it compares by is not known, so that it cannot be checked against other claims
        is_metric_known.then_some(claim)
    }

    fn label(&mut self, value: &Spanned<DeValue>, place: String) -> Option<Item<String>> {
        let Some(label) = value.get_ref().as_str() else {
            let help = "write it as tables show it, such as \"focal(gamma=3)\"".to_owned();
            self.unexpected(value, &place, "a loss of this file in quotes", Some(help));
            return None;
        };
        Some(Item::new(label.to_owned(), value, place))
    }

    fn margin(&mut self, value: &Spanned<DeValue>, place: &str) -> f64 {
        let margin =
            number(value.get_ref()).filter(|margin| (0.0..=MAXIMUM_MARGIN).contains(margin));
        if margin.is_none() {
            let help = "the smallest difference that matters, in percentage points for shares such as accuracy";
            self.unexpected(
                value,
                place,
                "a number from 0 to 1000000",
                Some(help.to_owned()),
            );
        }
        margin.unwrap_or_default()
    }

    fn at(&mut self, value: &Spanned<DeValue>, place: &str) -> Option<WrittenAt> {
        match value.get_ref() {
            DeValue::String(text) if text == "tuned" => Some(WrittenAt::Tuned(value.span())),
            DeValue::Table(table) => self.at_table(table, value, place),
            _ => {
                let help = Some(format!("write {AT_EXAMPLE}"));
                self.unexpected(value, place, "\"tuned\" or a table of settings", help);
                None
            }
        }
    }

    fn at_table(
        &mut self,
        table: &DeTable,
        value: &Spanned<DeValue>,
        place: &str,
    ) -> Option<WrittenAt> {
        let entries = in_file_order(table);
        if let [(key, label)] = entries.as_slice()
            && key.get_ref() == "tuned_for"
        {
            let label = self.label(label, format!("{place}.tuned_for"))?;
            return Some(WrittenAt::TunedFor(label));
        }
        let mut settings = Vec::new();
        for (key, value) in entries {
            let Some(row) = TrainKey::find(key.get_ref()) else {
                if key.get_ref() == "tuned_for" {
                    let message =
                        format!("{place}.tuned_for: expected alone, found other keys too");
                    let help = "the tuned settings have a value for every key: remove the others";
                    self.problems
                        .push(Problem::at(key.span(), message).help(help));
                } else {
                    self.unknown_in(key, place, &[]);
                }
                return None;
            };
            let place = format!("{place}.{}", row.name);
            if let Some(setting) = self.fixed_setting(row, value, &place) {
                settings.push((row, Item::new(setting, value, place)));
            }
        }
        Some(WrittenAt::Settings(value.span(), settings))
    }

    /// The claims, checked against the rest of the file. `points` are the settings that the grid gives.
    pub fn claims_of(
        &mut self,
        written: Vec<WrittenClaim>,
        fixed: &[(&'static TrainKey, Item<Setting>)],
        losses: &[LossConfig],
        tune: Option<&Tune>,
        points: &[TrainSettings],
        axes: &[&'static TrainKey],
    ) -> Vec<Claim> {
        let labels: Vec<String> = losses.iter().map(ToString::to_string).collect();
        let mut claims: Vec<Claim> = Vec::new();
        for claim in written {
            let better = claim
                .better
                .as_ref()
                .map(|it| self.label_index(it, &labels));
            let than = claim.than.as_ref().map(|it| self.label_index(it, &labels));
            let at = match tune {
                Some(tune) => self.at_tuned(&claim, fixed, tune, &labels),
                None => self.at_point(&claim, points, axes),
            };
            let (Some(Some(better)), Some(Some(than)), Some(at)) = (better, than, at) else {
                continue;
            };
            let checked = Claim {
                losses: [better, than],
                metric: claim.metric,
                margin: claim.margin,
                at,
                design: claim.design,
            };
            self.is_possible(&claim, &checked, &claims);
            claims.push(checked);
        }
        claims
    }

    fn is_possible(&mut self, written: &WrittenClaim, claim: &Claim, earlier: &[Claim]) {
        let place = &written.place;
        let mut refuse = |span: Option<&Range<usize>>, message: String, help: &str| {
            let span = span.unwrap_or(&written.span).clone();
            self.problems.push(Problem::at(span, message).help(help));
        };
        if claim.losses[0] == claim.losses[1] {
            let message = format!("{place}: expected two different losses, found the same twice");
            refuse(None, message, "name another loss in `better` or `than`");
        }
        if claim.metric.name == EVAL_LOSS.name {
            let message = format!(
                "{place}.metric: expected a metric that is the same for both losses, found {}",
                EVAL_LOSS.name
            );
            let help = "every loss has its own scale: compare by cross_entropy";
            refuse(written.metric_span.as_ref(), message, help);
        }
        if claim.metric.unit == Unit::Share && claim.margin >= 100.0 {
            let message = format!(
                "{place}.margin: expected less than 100 percentage points, found {}",
                claim.margin
            );
            let help = "write 0.5 for half a percentage point";
            refuse(written.margin_span.as_ref(), message, help);
        }
        let is_same = |other: &&Claim| {
            let reversed = [claim.losses[1], claim.losses[0]];
            (other.losses == claim.losses || other.losses == reversed)
                && other.metric.name == claim.metric.name
                && other.at == claim.at
        };
        if let Some(same) = earlier.iter().find(is_same) {
            let other = earlier.iter().position(|it| it == same).unwrap_or_default();
            let message = format!("{place}: compares what claim[{other}] compares");
            let help = "one claim gives the verdict either way: remove one of them";
            refuse(None, message, help);
        }
    }

    /// Where a claim of a sweep with `[tune]` is compared.
    fn at_tuned(
        &mut self,
        claim: &WrittenClaim,
        fixed: &[(&'static TrainKey, Item<Setting>)],
        tune: &Tune,
        labels: &[String],
    ) -> Option<At> {
        match &claim.at {
            None | Some(WrittenAt::Tuned(_)) => Some(At::Tuned),
            Some(WrittenAt::TunedFor(label)) => self.label_index(label, labels).map(At::TunedFor),
            Some(WrittenAt::Settings(span, settings)) => {
                let names: Vec<&str> = tune.keys.iter().map(|key| key.name).collect();
                if !self.names_keys(claim, span, settings, &names) {
                    return None;
                }
                let axes = settings.iter().map(|(key, item)| Axis {
                    key,
                    place: format!("{}.at", claim.place),
                    span: item.span.clone(),
                    values: vec![item.clone()],
                });
                let points = self.points(fixed, &axes.collect::<Vec<_>>(), 1, 1);
                let point = points.into_iter().next()?;
                Some(At::Point(Box::new(point)))
            }
        }
    }

    /// Where a claim of a sweep without `[tune]` is compared.
    fn at_point(
        &mut self,
        claim: &WrittenClaim,
        points: &[TrainSettings],
        axes: &[&'static TrainKey],
    ) -> Option<At> {
        let names: Vec<&str> = axes.iter().map(|key| key.name).collect();
        let (span, settings) = match &claim.at {
            None if points.len() < 2 => {
                return points
                    .first()
                    .map(|point| At::Point(Box::new(point.clone())));
            }
            None => (&claim.span, [].as_slice()),
            Some(WrittenAt::Settings(span, settings)) => (span, settings.as_slice()),
            Some(WrittenAt::Tuned(span) | WrittenAt::TunedFor(Item { span, .. })) => {
                let message = format!("{}.at: expected a table [tune], found none", claim.place);
                self.problems.push(
                    Problem::at(span.clone(), message)
                        .help("remove it, or add [tune] with the settings to choose from"),
                );
                return None;
            }
        };
        if !self.names_keys(claim, span, settings, &names) {
            return None;
        }
        let has = |point: &&TrainSettings| {
            let mut values = settings.iter();
            values.all(|(key, item)| (key.get)(point) == item.value)
        };
        let point = points.iter().find(has);
        if point.is_none() && self.complete {
            let message = format!("{}.at: expected a point of [grid], found none", claim.place);
            self.problems.push(
                Problem::at(span.clone(), message).help("name a value of the grid for each key"),
            );
        }
        point.map(|point| At::Point(Box::new(point.clone())))
    }

    /// Whether exactly the keys with several values are named, which is reported if not.
    fn names_keys(
        &mut self,
        claim: &WrittenClaim,
        span: &Range<usize>,
        settings: &[(&'static TrainKey, Item<Setting>)],
        keys: &[&str],
    ) -> bool {
        let named: Vec<&str> = settings.iter().map(|(key, _)| key.name).collect();
        let is_right = named.len() == keys.len() && keys.iter().all(|key| named.contains(key));
        if !is_right && self.complete {
            let list = |names: &[&str]| match names {
                [] => "none".to_owned(),
                names => names.join(", "),
            };
            let message = format!(
                "{}.at: expected a value for each key with several, {}, found {}",
                claim.place,
                list(keys),
                list(&named)
            );
            self.problems.push(
                Problem::at(span.clone(), message)
                    .help("both losses are compared at the settings that `at` names"),
            );
        }
        is_right
    }
}
