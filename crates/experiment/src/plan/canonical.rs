//! The written forms of a trial's settings: canonical text (for its id), JSON and TOML.
//!
//! The canonical text has a line `key=value` for each setting that is not at its default, sorted by
//! key, then `loss=` and `seed=`, each line ended by a newline:
//! ```text
//! epochs=3
//! learning_rate=0.05
//! loss=encouraging(log_end=0.5)
//! seed=1
//! ```
//! Numbers are the shortest decimal digits that read back as the same number, without exponent, and
//! without a point where they are whole. A loss is its name and, sorted, the parameters that are
//! not at their default; a sum is `sum(1*focal(gamma=3)+0.5*cross_entropy)`.
//! None of this may ever change, since stores are full of ids.

use std::fmt::Write;

use bonus_loss::{LossConfig, Value};
use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use super::Trial;
use crate::digest::hex;
use crate::settings::{Setting, TRAIN_KEYS, TrainSettings};

pub(super) fn id(train: &TrainSettings, loss: &LossConfig, seed: u64) -> String {
    let digest = Sha256::digest(text(train, loss, seed));
    hex(&digest[..6])
}

fn text(train: &TrainSettings, loss: &LossConfig, seed: u64) -> String {
    let changed = TRAIN_KEYS
        .iter()
        .filter(|key| (key.get)(train) != key.default());
    let mut lines: Vec<String> = changed
        .map(|key| format!("{}={}\n", key.name, setting_text((key.get)(train))))
        .collect();
    lines.sort();
    lines.concat() + &format!("loss={}\nseed={seed}\n", loss_text(loss))
}

fn setting_text(setting: Setting) -> String {
    match setting {
        Setting::Flag(flag) => flag.to_string(),
        Setting::Whole(whole) => whole.to_string(),
        Setting::Number(number) => number.to_string(),
        Setting::Choice(name) => name.to_owned(),
    }
}

fn loss_text(loss: &LossConfig) -> String {
    let terms = loss.terms().iter();
    let terms: Vec<String> = terms
        .map(|(weight, term)| format!("{weight}*{}", loss_text(term)))
        .collect();
    if !terms.is_empty() {
        return format!("{}({})", loss.name(), terms.join("+"));
    }
    let mut changed: Vec<String> = loss
        .parameters()
        .into_iter()
        .filter(|(name, value)| default(loss, name) != Some(*value))
        .map(|(name, value)| match value {
            Value::Number(number) => format!("{name}={number}"),
            Value::Choice(choice) => format!("{name}={choice}"),
        })
        .collect();
    changed.sort();
    match changed.as_slice() {
        [] => loss.name().to_owned(),
        _ => format!("{}({})", loss.name(), changed.join(",")),
    }
}

fn default(loss: &LossConfig, parameter: &str) -> Option<Value> {
    let parameters = bonus_loss::find(loss.name())?.parameters.iter();
    parameters
        .clone()
        .find(|known| known.name == parameter)
        .map(|known| known.default)
}

impl Trial {
    /// Every setting that changes the mathematics, defaults included, `loss` and `seed` among them.
    pub fn settings_json(&self) -> Map<String, Json> {
        let settings = TRAIN_KEYS.iter().map(|key| {
            let value = setting_json((key.get)(&self.train));
            (key.name.to_owned(), value)
        });
        let others = [("loss", loss_json(&self.loss)), ("seed", json!(self.seed))];
        settings
            .chain(others.map(|(name, value)| (name.to_owned(), value)))
            .collect()
    }

    /// A sweep file of this one trial.
    pub fn settings_toml(&self) -> String {
        let mut text = format!(
            "name = \"{}\"\nlosses = [{}]\nseeds = [{}]\n\n[train]\n",
            self.id,
            loss_toml(&self.loss),
            self.seed
        );
        for key in TRAIN_KEYS {
            let _ = writeln!(text, "{} = {}", key.name, (key.get)(&self.train));
        }
        text
    }
}

/// A setting as [`Trial::settings_json`] writes it.
pub fn setting_json(setting: Setting) -> Json {
    match setting {
        Setting::Flag(flag) => json!(flag),
        Setting::Whole(whole) => json!(whole),
        Setting::Number(number) => json!(number),
        Setting::Choice(name) => json!(name),
    }
}

/// A loss as [`Trial::settings_json`] writes it, with all its parameters.
pub fn loss_json(loss: &LossConfig) -> Json {
    let mut object = Map::new();
    object.insert("name".to_owned(), json!(loss.name()));
    for (name, value) in loss.parameters() {
        let value = match value {
            Value::Number(number) => json!(number),
            Value::Choice(choice) => json!(choice),
        };
        object.insert(name.to_owned(), value);
    }
    if !loss.terms().is_empty() {
        let terms: Vec<Json> = loss
            .terms()
            .iter()
            .map(|(_, term)| loss_json(term))
            .collect();
        let weights: Vec<f64> = loss.terms().iter().map(|(weight, _)| *weight).collect();
        object.insert("terms".to_owned(), json!(terms));
        object.insert("weights".to_owned(), json!(weights));
    }
    Json::Object(object)
}

fn loss_toml(loss: &LossConfig) -> String {
    let mut entries = vec![format!("name = \"{}\"", loss.name())];
    entries.extend(
        loss.parameters()
            .into_iter()
            .map(|(name, value)| match value {
                Value::Number(number) => format!("{name} = {number:?}"),
                Value::Choice(choice) => format!("{name} = \"{choice}\""),
            }),
    );
    if !loss.terms().is_empty() {
        let terms: Vec<String> = loss
            .terms()
            .iter()
            .map(|(_, term)| loss_toml(term))
            .collect();
        let weights: Vec<String> = loss
            .terms()
            .iter()
            .map(|(weight, _)| format!("{weight:?}"))
            .collect();
        entries.push(format!("terms = [{}]", terms.join(", ")));
        entries.push(format!("weights = [{}]", weights.join(", ")));
    }
    format!("{{ {} }}", entries.join(", "))
}
