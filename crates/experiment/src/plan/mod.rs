//! Checked settings → trials, each with the id under which the store knows it.

mod canonical;
#[cfg(test)]
mod tests;

use std::path::Path;

use bonus_loss::LossConfig;

use crate::settings::{TrainKey, TrainSettings};
use crate::sweep::{self, Sweep};

/// One training run: everything that decides its outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Hash of the settings; see [`Trial::new`].
    pub id: String,
    pub train: TrainSettings,
    pub loss: LossConfig,
    pub seed: u64,
    /// The grid's keys and values at this trial, such as `learning_rate = 0.1`; empty without a grid.
    pub point: String,
}

impl Trial {
    /// The trial of these settings. Its id is the first 12 hexadecimal digits of the SHA-256 of
    /// their canonical text, which omits keys and parameters at their default: keys added
    /// later renumber nothing.
    pub fn new(train: TrainSettings, loss: LossConfig, seed: u64) -> Self {
        let id = canonical::id(&train, &loss, seed);
        Self {
            id,
            train,
            loss,
            seed,
            point: String::new(),
        }
    }

    /// The trial of these settings, told from others by its values of `keys`.
    pub fn at(
        train: TrainSettings,
        loss: LossConfig,
        seed: u64,
        keys: &[&'static TrainKey],
    ) -> Self {
        let point = point_text(keys, &train);
        Self {
            point,
            ..Self::new(train, loss, seed)
        }
    }

    /// The trial that [`Trial::settings_toml`] described; `None` if `text` is something else.
    pub fn from_settings_toml(text: &str) -> Option<Self> {
        let sweep = sweep::parse(text, Path::new("settings.toml")).ok()?;
        let mut trials = trials(&sweep);
        let trial = trials.pop()?;
        trials.is_empty().then_some(trial)
    }

    /// What tells a trial from the others of its sweep.
    pub fn label(&self) -> String {
        let mut label = self.loss.to_string();
        if !self.point.is_empty() {
            label += &format!(", {}", self.point);
        }
        label + &format!(", seed {}", self.seed)
    }
}

/// Every trial of a sweep without a tuning stage in the order in which they run: seeds outermost and losses innermost,
/// so that the first comparison is complete early and each further seed narrows all of them alike.
pub fn trials(sweep: &Sweep) -> Vec<Trial> {
    let mut trials = Vec::new();
    for seed in sweep.seeds.planned(&[]) {
        for point in &sweep.points {
            for loss in &sweep.losses {
                trials.push(Trial::at(point.clone(), loss.clone(), seed, &sweep.axes));
            }
        }
    }
    trials
}

/// The values of `keys`, without those that have no effect.
pub fn point_text(keys: &[&'static TrainKey], settings: &TrainSettings) -> String {
    let keys = keys.iter().filter(|key| key.counts(settings));
    let values = keys.map(|key| format!("{} = {}", key.name, (key.get)(settings)));
    values.collect::<Vec<_>>().join(", ")
}
