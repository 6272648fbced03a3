//! The JSON schema of a sweep file, for editors, derived from the tables of keys and losses.

use bonus_loss::{Interval, Kind, LOSSES, LossEntry, Parameter};
use serde_json::{Map, Value, json};

use super::document::MAXIMUM_NAME;
use super::seeds::{AT_MOST, MAXIMUM_SEED};
use super::train::{BACKEND, THREADS};
use crate::measure::{ACCURACY, METRICS, Metric};
use crate::settings::{TRAIN_KEYS, TrainKey, TrainSettings};

/// A schema of draft 2020-12. It describes each value for itself: what contradicts another key is reported by
/// `experiment run --dry-run`.
pub fn schema() -> Value {
    let properties = json!({
        "name": {
            "type": "string",
            "description": "Name of the sweep, and of its folder under runs/",
            "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$",
            "maxLength": MAXIMUM_NAME,
        },
        "description": { "type": "string", "description": "What the sweep is about" },
        "losses": list(&json!({ "$ref": "#/$defs/loss" }), "The losses to compare"),
        "seeds": seeds(),
        "train": train(),
        "grid": { "$ref": "#/$defs/grid" },
        "tune": tune(),
        "claim": list(&claim(), "What the sweep is to decide, declared before the first trial"),
        "reference": reference(),
    });
    let mut schema = object(properties, &["name", "losses", "seeds"]);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("A sweep of classification losses");
    schema["$defs"] = json!({
        "loss": loss(),
        "grid": grid(),
        "seed": { "type": "integer", "minimum": 0, "maximum": MAXIMUM_SEED },
        "label": { "type": "string", "description": "A loss as tables show it, such as focal(gamma=3)" },
        "settings": object(json!(settings()), &[]),
    });
    schema
}

/// A table that has these keys and no others.
fn object(properties: Value, required: &[&str]) -> Value {
    let mut schema = json!({
        "type": "object",
        "required": required,
        "additionalProperties": false,
    });
    schema["properties"] = properties;
    schema
}

/// A list without duplicates that is not empty.
fn list(items: &Value, description: &str) -> Value {
    json!({
        "type": "array",
        "items": items,
        "minItems": 1,
        "uniqueItems": true,
        "description": description,
    })
}

fn described(mut schema: Value, description: &str) -> Value {
    schema["description"] = json!(description);
    schema
}

/// The values of a kind.
fn of_kind(kind: Kind) -> Value {
    match kind {
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Whole(minimum, maximum) => {
            json!({ "type": "integer", "minimum": minimum, "maximum": maximum })
        }
        Kind::Choice(names) => json!({ "enum": names }),
        Kind::Number(interval) => number(interval),
    }
}

fn number(interval: Interval) -> Value {
    let mut schema = json!({ "type": "number" });
    let ends = [
        (
            ["minimum", "exclusiveMinimum"],
            interval.minimum,
            interval.minimum_included,
        ),
        (
            ["maximum", "exclusiveMaximum"],
            interval.maximum,
            interval.maximum_included,
        ),
    ];
    for ([inclusive, exclusive], bound, included) in ends {
        if bound.is_finite() {
            schema[if included { inclusive } else { exclusive }] = json!(bound);
        }
    }
    schema
}

fn metric(is_allowed: fn(&Metric) -> bool) -> Value {
    let metrics = METRICS.iter().filter(|metric| is_allowed(metric));
    let names: Vec<&str> = metrics.map(|metric| metric.name).collect();
    json!({ "enum": names, "default": ACCURACY.name, "description": "Name of a metric" })
}

/// The keys of `[train]` that affect the results.
fn settings() -> Map<String, Value> {
    let keys = TRAIN_KEYS
        .iter()
        .map(|key| (key.name.to_owned(), setting(key)));
    keys.collect()
}

fn setting(key: &TrainKey) -> Value {
    let mut description = key.help();
    if let Some(condition) = key.only_with {
        description += &format!("; only with {condition}");
    }
    let mut schema = described(of_kind(key.kind), &description);
    schema["default"] = json!(key.default(&TrainSettings::default()));
    schema
}

fn train() -> Value {
    let mut keys = settings();
    let backend = described(of_kind(BACKEND), "Backend to use");
    keys.insert("backend".to_owned(), backend);
    let threads = "Number of threads of the CPU backends; all cores by default";
    keys.insert("threads".to_owned(), described(of_kind(THREADS), threads));
    described(object(json!(keys), &[]), "Settings of all trials")
}

fn grid() -> Value {
    let keys = TRAIN_KEYS.iter().map(|key| {
        let values = list(&of_kind(key.kind), &key.help());
        (key.name.to_owned(), values)
    });
    let keys: Map<String, Value> = keys.collect();
    let description = "Lists of values, of which every combination is trained";
    described(object(json!(keys), &[]), description)
}

fn seeds() -> Value {
    let until = object(
        json!({
            "until": { "const": "decided" },
            "at_most": described(of_kind(AT_MOST), "Seeds per loss"),
        }),
        &["until", "at_most"],
    );
    let description = "Seeds of the comparison: a list, or { until = \"decided\", at_most = N } to add seeds until each claim is decided";
    let list = list(&json!({ "$ref": "#/$defs/seed" }), description);
    json!({ "oneOf": [list, until], "description": description })
}

fn loss() -> Value {
    let losses = LOSSES.iter().map(|entry| match entry.name {
        "sum" => sum(entry),
        _ => single(entry),
    });
    json!({ "oneOf": losses.collect::<Vec<Value>>() })
}

fn single(entry: &LossEntry) -> Value {
    let parameters = entry
        .parameters
        .iter()
        .map(|it| (it.name.to_owned(), parameter(it)));
    let mut properties: Map<String, Value> = parameters.collect();
    properties.insert("name".to_owned(), json!({ "const": entry.name }));
    described(object(json!(properties), &["name"]), entry.summary)
}

fn parameter(parameter: &Parameter) -> Value {
    let mut schema = described(of_kind(parameter.kind), parameter.description);
    schema["default"] = json!(parameter.default);
    schema
}

fn sum(entry: &LossEntry) -> Value {
    let others = LOSSES.iter().filter(|other| other.name != entry.name);
    let term = json!({ "oneOf": others.map(single).collect::<Vec<Value>>() });
    let properties = json!({
        "name": { "const": entry.name },
        "terms": { "type": "array", "items": term, "minItems": 1, "description": "The losses to add" },
        "weights": {
            "type": "array",
            "items": { "type": "number", "not": { "const": 0 } },
            "minItems": 1,
            "description": "A number for each term; 1 by default",
        },
    });
    described(object(properties, &["name", "terms"]), entry.summary)
}

fn tune() -> Value {
    let seed = json!({ "$ref": "#/$defs/seed" });
    let properties = json!({
        "seeds": list(&seed, "Seeds of the tuning stage, none of which the comparison uses"),
        "metric": metric(|metric| metric.better.is_some()),
        "grid": { "$ref": "#/$defs/grid" },
        "grid_for": {
            "type": "object",
            "additionalProperties": { "$ref": "#/$defs/grid" },
            "description": "Grids of single losses, by their labels; each has as many points as the others",
        },
    });
    let description = "The tuning stage: each loss gets the settings with the best mean on held-out training images";
    described(object(properties, &["seeds"]), description)
}

fn claim() -> Value {
    let tuned_for = object(
        json!({ "tuned_for": { "$ref": "#/$defs/label" } }),
        &["tuned_for"],
    );
    let properties = json!({
        "better": { "$ref": "#/$defs/label" },
        "than": { "$ref": "#/$defs/label" },
        "metric": metric(|metric| metric.better.is_some()),
        "margin": {
            "type": "number",
            "minimum": 0,
            "default": 0.0,
            "description": "The smallest difference that matters; in percentage points for shares such as accuracy",
        },
        "at": {
            "anyOf": [{ "const": "tuned" }, tuned_for, { "$ref": "#/$defs/settings" }],
            "description": "The settings compared: those tuned for each loss, those tuned for one, or equal ones",
        },
        "paired": {
            "type": "boolean",
            "default": true,
            "description": "Whether trials of the same seed are compared as pairs",
        },
    });
    object(properties, &["better", "than"])
}

fn reference() -> Value {
    let result = object(
        json!({
            "loss": { "$ref": "#/$defs/label" },
            "metric": metric(|_| true),
            "value": { "type": "number", "description": "In percent for shares such as accuracy" },
            "std": { "type": "number", "minimum": 0, "description": "Standard deviation over seeds, in the same unit" },
            "seeds": { "type": "integer", "minimum": 1, "maximum": 100_000 },
        }),
        &["loss", "value"],
    );
    let properties = json!({
        "name": { "type": "string", "description": "Such as \"the paper\"" },
        "source": { "type": "string", "description": "Where it was published, such as a URL" },
        "note": { "type": "string", "description": "What differs and is no key of [train]" },
        "settings": { "$ref": "#/$defs/settings" },
        "result": { "type": "array", "items": result, "description": "What was reported" },
    });
    let description = "What a paper or a blog reported, and its settings";
    described(object(properties, &["name"]), description)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_its_kind_range_default_and_description() {
        let train = &schema()["properties"]["train"]["properties"];
        for key in TRAIN_KEYS {
            let row = &train[key.name];
            assert_eq!(
                row["default"],
                json!(key.default(&TrainSettings::default()))
            );
            let description = row["description"].as_str().expect(key.name);
            assert!(description.starts_with(key.description.trim().trim_end_matches('.')));
        }
        let learning_rate = &train["learning_rate"];
        assert_eq!(learning_rate["exclusiveMinimum"], 0.0);
        assert_eq!(learning_rate["maximum"], Value::Null);
        assert_eq!(train["momentum"]["minimum"], 0.0);
        assert_eq!(train["momentum"]["exclusiveMaximum"], 1.0);
        assert_eq!(
            train["backend"]["enum"],
            json!(["auto", "wgpu", "flex", "ndarray"])
        );
    }

    #[test]
    fn every_loss_has_its_parameters() {
        let schema = schema();
        let losses = schema["$defs"]["loss"]["oneOf"].as_array().unwrap();
        assert_eq!(losses.len(), LOSSES.len());
        for (loss, entry) in losses.iter().zip(LOSSES) {
            assert_eq!(loss["properties"]["name"]["const"], entry.name);
            for parameter in entry.parameters {
                let row = &loss["properties"][parameter.name];
                assert_eq!(row["description"], parameter.description, "{}", entry.name);
            }
        }
    }

    #[test]
    fn every_reference_leads_to_a_definition() {
        let schema = schema();
        let text = schema.to_string();
        let references = text.split("\"$ref\":\"#/$defs/").skip(1);
        let names = references.map(|rest| rest.split('"').next().unwrap());
        let names: Vec<&str> = names.collect();
        assert!(names.len() > 5);
        for name in names {
            assert!(schema["$defs"][name].is_object(), "{name}");
        }
    }
}
