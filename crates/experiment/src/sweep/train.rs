//! `[train]`, and the grids whose points override it.

use toml::Spanned;
use toml::de::DeValue;

use super::check::{Checker, Item, List};
use super::points::Axis;
use super::values::key_name;
use crate::settings::{BackendChoice, ExecutionSettings, Kind, Setting, TrainKey, TrainSettings};

pub(super) const BACKEND: Kind = Kind::Choice(BackendChoice::NAMES);
pub(super) const THREADS: Kind = Kind::Whole(1, 1024);

impl Checker {
    /// `[train]`: the settings that it fixes, and where the sweep runs.
    pub fn train(
        &mut self,
        value: &Spanned<DeValue>,
    ) -> (Vec<(&'static TrainKey, Item<Setting>)>, ExecutionSettings) {
        let mut fixed = Vec::new();
        let mut execution = ExecutionSettings::default();
        for (key, value) in self.table(value, "train") {
            let place = format!("train.{}", key_name(key.get_ref()));
            match key.get_ref().as_ref() {
                "backend" => {
                    if let Some(Setting::Choice(name)) = self.setting(&BACKEND, value, &place) {
                        execution.backend = BackendChoice::from_name(name).unwrap_or_default();
                    }
                }
                "threads" => {
                    if let Some(Setting::Whole(threads)) = self.setting(&THREADS, value, &place) {
                        execution.threads = Some(threads);
                    }
                }
                name => match TrainKey::find(name) {
                    Some(row) => match self.fixed_setting(row, value, &place) {
                        Some(setting) => fixed.push((row, Item::new(setting, value, place))),
                        None => self.doubtful.push(row.name),
                    },
                    None => self.unknown_key(key, "train"),
                },
            }
        }
        (fixed, execution)
    }

    /// A setting outside of `[grid]`, where a list has no meaning.
    pub fn fixed_setting(
        &mut self,
        key: &TrainKey,
        value: &Spanned<DeValue>,
        place: &str,
    ) -> Option<Setting> {
        if value
            .get_ref()
            .as_array()
            .is_some_and(|items| !items.is_empty())
        {
            let help = format!(
                "only lists in [grid] are swept: write {} = […] below [grid]",
                key.name
            );
            self.unexpected(value, place, &key.kind.to_string(), Some(help));
            return None;
        }
        self.train_setting(key, value, place)
    }

    fn train_setting(
        &mut self,
        key: &TrainKey,
        value: &Spanned<DeValue>,
        place: &str,
    ) -> Option<Setting> {
        let problems_before = self.problems.len();
        let setting = self.setting(&key.kind, value, place);
        for problem in &mut self.problems[problems_before..] {
            problem.help.get_or_insert_with(|| key.help());
        }
        setting
    }

    /// `[grid]`, or a search space at `place`: an axis for each key.
    pub fn grid(&mut self, value: &Spanned<DeValue>, place: &str) -> Vec<Axis> {
        let mut axes = Vec::new();
        for (key, value) in self.table(value, place) {
            let Some(row) = TrainKey::find(key.get_ref()) else {
                self.unknown_key(key, place);
                continue;
            };
            let list = List {
                place: &format!("{place}.{}", row.name),
                entries: "values",
                example: &format!(
                    "{} = [{}]",
                    row.name,
                    row.default(&TrainSettings::default())
                ),
            };
            let problems_before = self.problems.len();
            let values = self.distinct(value, &list, |checker, value, place| {
                checker.train_setting(row, value, place)
            });
            if self.problems.len() > problems_before {
                self.doubtful.push(row.name);
            }
            axes.push(Axis {
                key: row,
                place: place.to_owned(),
                span: key.span(),
                values,
            });
        }
        axes
    }
}
