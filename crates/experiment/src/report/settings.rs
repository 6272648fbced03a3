//! Settings as a result of any version holds them → the same keys for all.

use std::collections::BTreeSet;

use bonus_loss::LOSSES;
use serde_json::{Map, Value, json};

use super::label;
use crate::settings::{Kind, Setting, TRAIN_KEYS, TrainKey, TrainSettings};

/// What tells trials apart: the settings without the seed and without what is at its default, as ids leave it out, so
/// that a key that came later does not tell old trials from new ones.
pub fn canonical(settings: &Map<String, Value>) -> Map<String, Value> {
    let mut canonical = settings.clone();
    canonical.remove("seed");
    let train = known_settings(settings);
    for key in TRAIN_KEYS {
        let setting = canonical.get(key.name).and_then(|value| read(key, value));
        if setting == Some(key.default(&train)) {
            canonical.remove(key.name);
        } else if let Some(setting) = setting {
            // One form for each number.
            canonical.insert(key.name.to_owned(), json!(setting));
        }
    }
    complete_loss(&mut canonical);
    canonical
}

/// Whether a key has an effect beside the other settings; true of what this version does not know.
pub fn counts(key: &str, settings: &Map<String, Value>) -> bool {
    TrainKey::find(key).is_none_or(|key| train_settings(settings).is_none_or(|it| key.counts(&it)))
}

/// The settings with each key and parameter that they lack at its default, which is what a version without it did:
/// a key that came later does not tell old trials from new ones.
pub fn complete(mut settings: Map<String, Value>) -> Map<String, Value> {
    let train = known_settings(&settings);
    for key in TRAIN_KEYS {
        settings
            .entry(key.name)
            .or_insert_with(|| json!(key.default(&train)));
    }
    complete_loss(&mut settings);
    settings
}

/// Writes the loss with each parameter, those at their default included, as far as this version knows it.
fn complete_loss(settings: &mut Map<String, Value>) {
    if let Some(loss) = settings.get_mut("loss")
        && let Some(config) = label::read(loss)
    {
        *loss = json!(config);
    }
}

/// The settings of these keys, others at their default; `None` if this version does not know a value.
fn train_settings(settings: &Map<String, Value>) -> Option<TrainSettings> {
    let are_known = TRAIN_KEYS.iter().all(|key| {
        let mut value = settings.get(key.name).into_iter();
        value.all(|value| read(key, value).is_some())
    });
    are_known.then(|| known_settings(settings))
}

/// The settings of these keys as far as this version knows their values, others at their default.
fn known_settings(settings: &Map<String, Value>) -> TrainSettings {
    let values = TRAIN_KEYS.iter().filter_map(|key| {
        let value = read(key, settings.get(key.name)?)?;
        Some((key, value))
    });
    TrainSettings::with(&values.collect::<Vec<_>>())
}

/// The setting of a key that JSON holds.
fn read(key: &TrainKey, value: &Value) -> Option<Setting> {
    match key.kind {
        Kind::Choice(names) => {
            let name = names.iter().find(|name| value.as_str() == Some(name));
            name.map(|name| Setting::Choice(name))
        }
        Kind::Flag => value.as_bool().map(Setting::Flag),
        Kind::Whole(..) => value.as_u64().map(|whole| Setting::Whole(whole as usize)),
        Kind::Number(_) => value.as_f64().map(Setting::Number),
    }
}

/// Every key but the loss and the seed, in alphabetical order: those of this version and of `settings`.
pub fn keys<'a>(settings: impl Iterator<Item = &'a Map<String, Value>>) -> BTreeSet<&'a str> {
    let known = TRAIN_KEYS.iter().map(|key| key.name);
    let mut keys: BTreeSet<&str> = settings
        .flat_map(|settings| settings.keys().map(String::as_str))
        .chain(known)
        .collect();
    keys.remove("loss");
    keys.remove("seed");
    keys
}

/// Every parameter of a loss, in alphabetical order: those of this version and of `losses`.
pub fn parameters<'a>(losses: impl Iterator<Item = &'a Value>) -> BTreeSet<&'a str> {
    let known = LOSSES.iter().flat_map(|entry| entry.parameters);
    let mut names: BTreeSet<&str> = losses
        .filter_map(Value::as_object)
        .flat_map(|loss| loss.keys().map(String::as_str))
        .chain(known.map(|parameter| parameter.name))
        .chain(["terms", "weights"])
        .collect();
    names.remove("name");
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(settings: &Value) -> Map<String, Value> {
        complete(settings.as_object().unwrap().clone())
    }

    #[test]
    fn what_an_older_version_did_not_know_is_at_its_default() {
        let old =
            completed(&json!({ "loss": { "name": "encouraging", "log_end": 1 }, "width": 2 }));
        assert_eq!(old["precision"], "f32");
        assert_eq!(old["width"], 2);
        let loss = json!({ "name": "encouraging", "log_end": 1.0, "tail": "tangent" });
        assert_eq!(old["loss"], loss);
        assert_eq!(completed(&json!(old)), old);
        let adamw = completed(&json!({ "optimizer": "adamw" }));
        assert_eq!(
            [&old["learning_rate"], &adamw["learning_rate"]],
            [0.1, 0.001]
        );
    }

    #[test]
    fn what_tells_trials_apart_has_no_seed_and_no_defaults() {
        let of = |value: Value| canonical(value.as_object().unwrap());
        let short =
            of(json!({ "loss": { "name": "encouraging" }, "learning_rate": 1.0, "seed": 3 }));
        let long = json!({
            "loss": { "name": "encouraging", "log_end": 0.75, "tail": "tangent" },
            "learning_rate": 1,
            "momentum": 0.9,
            "precision": "f32",
            "seed": 4,
        });
        assert_eq!(of(long.clone()), short);
        let keys: Vec<&String> = short.keys().collect();
        assert_eq!(keys, ["learning_rate", "loss"]);
        for (key, other) in [
            ("momentum", json!(0.5)),
            ("precision", json!("mixed")),
            ("dataset", json!("later_dataset")),
            ("later_key", json!(3)),
        ] {
            let mut changed = long.clone();
            changed[key] = other;
            assert_ne!(of(changed), short, "{key}");
        }
        assert_eq!(
            complete(of(json!(complete(short.clone())))),
            complete(short)
        );
    }

    #[test]
    fn a_key_counts_where_the_others_let_it_have_an_effect() {
        let counts = |key: &str, settings: Value| counts(key, settings.as_object().unwrap());
        assert!(!counts(
            "step_epochs",
            json!({ "schedule": "cosine", "step_epochs": 30 })
        ));
        assert!(counts("step_epochs", json!({ "schedule": "step" })));
        assert!(!counts("step_epochs", json!({})));
        assert!(counts(
            "step_epochs",
            json!({ "schedule": "later_schedule" })
        ));
        assert!(counts("later_key", json!({ "schedule": "cosine" })));
    }

    #[test]
    fn what_this_version_does_not_know_stays() {
        let later = json!({ "loss": { "name": "later_loss", "strength": 2 }, "later_key": 3 });
        let completed = completed(&later);
        assert_eq!(completed["loss"], later["loss"]);
        assert_eq!(completed["later_key"], 3);
        assert!(keys([&completed].into_iter()).contains("later_key"));
        assert!(parameters([&completed["loss"]].into_iter()).contains("strength"));
    }
}
