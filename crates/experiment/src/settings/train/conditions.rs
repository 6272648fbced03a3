//! What one key of `[train]` means for another: conditions and defaults that follow.

use std::fmt::{self, Display, Formatter};

use cifar_models::MODELS;

use super::{TrainKey, TrainSettings};
use crate::settings::Setting;

/// The defaults of a key that follow from what another key names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DefaultsBy {
    pub key: &'static str,
    /// Names of the other key, and the default with each.
    pub names: &'static [(&'static str, Setting)],
}

impl DefaultsBy {
    /// As [`TrainKey::other_defaults`].
    pub fn lines(&self) -> impl Iterator<Item = (String, Setting)> {
        let lines = self.names.iter();
        lines.map(|(name, default)| (format!("{} = {name:?}", self.key), *default))
    }

    pub fn default(&self, settings: &TrainSettings) -> Option<Setting> {
        let other = TrainKey::find(self.key).expect("defaults follow from a key of the table");
        let found = (other.get)(settings);
        let mut names = self.names.iter();
        let followed = names.find(|(name, _)| found == Setting::Choice(name));
        followed.map(|(_, default)| *default)
    }
}

/// What another key must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Condition {
    pub key: &'static str,
    pub requirement: Requirement,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Requirement {
    /// One of these names.
    In(&'static [&'static str]),
    /// A number above this one.
    Above(f64),
    /// A model that has this parameter.
    ModelParameter(&'static str),
}

impl Condition {
    /// What the other key is in `settings`.
    pub fn found(&self, settings: &TrainSettings) -> Setting {
        (self.other().get)(settings)
    }

    pub fn holds(&self, settings: &TrainSettings) -> bool {
        match (self.requirement, self.found(settings)) {
            (Requirement::Above(bound), Setting::Number(found)) => found > bound,
            (requirement, Setting::Choice(found)) => requirement.names().contains(&found),
            _ => false,
        }
    }

    pub fn other(&self) -> &'static TrainKey {
        TrainKey::find(self.key).expect("a condition names a key of the table")
    }
}

impl Requirement {
    /// The names that are allowed, where it is names that are.
    pub fn names(&self) -> Vec<&'static str> {
        match self {
            Self::In(names) => names.to_vec(),
            Self::Above(_) => Vec::new(),
            Self::ModelParameter(parameter) => {
                let models = MODELS.iter();
                let models = models.filter(|model| model.parameter(parameter).is_some());
                models.map(|model| model.name).collect()
            }
        }
    }
}

/// As it follows "only with".
impl Display for Condition {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let key = self.key;
        if let Requirement::Above(bound) = self.requirement {
            return write!(formatter, "{key} > {bound}");
        }
        let names = self.requirement.names().into_iter();
        match names
            .map(|name| format!("{name:?}"))
            .collect::<Vec<_>>()
            .as_slice()
        {
            [name] => write!(formatter, "{key} = {name}"),
            names => write!(formatter, "{key} in {{{}}}", names.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::DATASETS;
    use crate::settings::{Kind, OptimizerName, TRAIN_KEYS, conflicts};

    #[test]
    fn every_dataset_can_be_trained_on_with_the_defaults() {
        let dataset = TrainKey::find("dataset").unwrap();
        for name in DATASETS.iter().map(|dataset| dataset.name) {
            let settings = TrainSettings::with(&[(dataset, Setting::Choice(name))]);
            let problems = conflicts(&settings).into_iter().map(|it| it.problem);
            assert_eq!(problems.collect::<Vec<_>>(), [""; 0], "{name}");
        }
    }

    #[test]
    fn every_condition_can_be_met_and_not_met() {
        let conditions = TRAIN_KEYS.iter().filter_map(|key| key.only_with);
        assert!(conditions.clone().count() > 0);
        for condition in conditions {
            let names = condition.requirement.names();
            match condition.other().kind {
                Kind::Choice(known) => {
                    assert!(names.iter().all(|name| known.contains(name)), "{condition}");
                    assert!((1..known.len()).contains(&names.len()), "{condition}");
                }
                Kind::Number(_) => assert!(names.is_empty(), "{condition}"),
                kind => panic!("{condition}: no condition is on {kind}"),
            }
        }
    }

    #[test]
    fn defaults_follow_from_names_of_other_keys_and_are_values_of_their_own() {
        let following = TRAIN_KEYS.iter().filter(|key| !key.by.is_empty());
        assert!(following.clone().count() > 0);
        for key in following {
            for by in key.by {
                let other = TrainKey::find(by.key).unwrap();
                let Kind::Choice(known) = other.kind else {
                    panic!("{}: defaults follow from names", key.name)
                };
                for (name, default) in by.names {
                    assert!(known.contains(name), "{}: {name}", key.name);
                    let settings = TrainSettings::with(&[(other, Setting::Choice(name))]);
                    assert_eq!((key.get)(&settings), *default);
                    assert_ne!((key.get)(&TrainSettings::default()), *default);
                }
            }
        }
    }

    #[test]
    fn a_condition_reads_as_the_line_that_meets_it_or_as_a_set() {
        let condition = |requirement| Condition {
            key: "optimizer",
            requirement,
        };
        for (requirement, text) in [
            (Requirement::In(&["sgd"]), "optimizer = \"sgd\""),
            (
                Requirement::In(&["sgd", "adamw"]),
                "optimizer in {\"sgd\", \"adamw\"}",
            ),
            (Requirement::Above(0.0), "optimizer > 0"),
            (
                Requirement::ModelParameter("width"),
                "optimizer = \"resnet18\"",
            ),
        ] {
            assert_eq!(condition(requirement).to_string(), text);
        }
    }

    #[test]
    fn a_key_depends_on_what_its_condition_depends_on() {
        let nesterov = TrainKey::find("nesterov").unwrap();
        let unmet = |settings: &TrainSettings| nesterov.unmet(settings).map(|it| it.key);
        let adamw = TrainSettings {
            optimizer: OptimizerName::AdamW,
            ..TrainSettings::default()
        };
        let still = TrainSettings {
            momentum: 0.0,
            ..TrainSettings::default()
        };
        assert_eq!(unmet(&TrainSettings::default()), None);
        assert_eq!(unmet(&still), Some("momentum"));
        assert_eq!(unmet(&adamw), Some("optimizer"));
    }
}
