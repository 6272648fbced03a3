//! The written forms of a trial's settings: canonical text (for its id), JSON and TOML.
//!
//! The canonical text has a line `key=value` for each setting that is not at its default beside the others, sorted by
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

use bonus_loss::LossConfig;
use serde::Serialize;
use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use super::Trial;
use crate::digest::hex;
use crate::settings::{TRAIN_KEYS, TrainSettings};

pub(super) fn id(train: &TrainSettings, loss: &LossConfig, seed: u64) -> String {
    let digest = Sha256::digest(text(train, loss, seed));
    hex(&digest[..6])
}

fn text(train: &TrainSettings, loss: &LossConfig, seed: u64) -> String {
    let changed = TRAIN_KEYS
        .iter()
        .filter(|key| (key.get)(train) != key.default(train));
    let mut lines: Vec<String> = changed
        .map(|key| format!("{}={}\n", key.name, (key.get)(train).bare()))
        .collect();
    lines.sort();
    lines.concat() + &format!("loss={}\nseed={seed}\n", loss_text(loss))
}

fn loss_text(loss: &LossConfig) -> String {
    if !loss.terms().is_empty() {
        let terms = loss.terms().iter();
        let terms = terms.map(|(weight, term)| format!("{weight}*{}", loss_text(term)));
        return format!("{}({})", loss.name(), terms.collect::<Vec<_>>().join("+"));
    }
    let changed = loss.changed_parameters().into_iter();
    let changed = changed.map(|(name, value)| format!("{name}={}", value.bare()));
    let mut changed: Vec<String> = changed.collect();
    changed.sort();
    match changed.as_slice() {
        [] => loss.name().to_owned(),
        _ => format!("{}({})", loss.name(), changed.join(",")),
    }
}

impl Trial {
    /// Every setting that affects the results, defaults included, `loss` and `seed` among them.
    pub fn settings_json(&self) -> Map<String, Json> {
        let settings = TRAIN_KEYS.iter().map(|key| {
            let value = json!((key.get)(&self.train));
            (key.name.to_owned(), value)
        });
        let others = [("loss", json!(self.loss)), ("seed", json!(self.seed))];
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

/// As an inline table.
fn loss_toml(loss: &LossConfig) -> String {
    let mut text = String::new();
    let serializer = toml::ser::ValueSerializer::new(&mut text);
    (loss.serialize(serializer)).expect("names and numbers always have a TOML form");
    text
}
