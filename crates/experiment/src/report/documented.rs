//! `docs/records.md` names every key of every record and nothing else.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::records::StepRecord;
use crate::records::examples::{done, environment, epoch, validated};
use crate::settings::TRAIN_KEYS;
use crate::store::Plan;

const DOCUMENT: &str = include_str!("../../../../docs/records.md");

/// The names in the first column of the table under a heading.
fn documented(heading: &str) -> BTreeSet<String> {
    let sections = DOCUMENT.split("\n## ");
    let section = sections
        .filter_map(|section| section.split_once('\n'))
        .find(|(found, _)| *found == heading);
    let (_, section) = section.unwrap_or_else(|| panic!("no section {heading}"));
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let names = rows.flat_map(|row| {
        let (cell, _) = row.split_once(" |").expect("a row has two cells");
        cell.trim_end_matches('`').split("`, `")
    });
    names.map(str::to_string).collect()
}

/// The keys of a record, those of objects inside of it behind a point. Settings have a page of their own.
fn keys(record: &Value) -> BTreeSet<String> {
    let object = record.as_object().expect("a record is an object");
    let mut names = BTreeSet::new();
    for (key, value) in object {
        let inner = match value {
            Value::Array(sessions) if key == "resumed" => &sessions[0],
            Value::Object(_) if key != "settings" => value,
            _ => {
                names.insert(key.clone());
                continue;
            }
        };
        names.extend(keys(inner).iter().map(|inner| format!("{key}.{inner}")));
    }
    names
}

/// The columns of a table, those of settings and parameters as they are documented unless they are `named`.
fn columns(csv: &str, named: &BTreeSet<String>) -> BTreeSet<String> {
    let header = csv.lines().next().expect("there is a header").split(',');
    let name = |column: &str| {
        match column {
            _ if named.contains(column) => column,
            _ if column.starts_with("loss_") => "loss_PARAMETER",
            _ if TRAIN_KEYS.iter().any(|key| key.name == column) => "KEY",
            _ => column,
        }
        .to_string()
    };
    header.map(name).collect()
}

#[test]
fn every_key_of_every_record_is_documented() {
    let step = StepRecord {
        step: 1,
        epoch: 1,
        train_loss: 2.5,
        train_accuracy: 0.5,
        learning_rate: 0.1,
    };
    let epoch = EpochRecord {
        steps_skipped: Some(0),
        ..epoch(1)
    };
    let loss = json!({ "name": "focal", "gamma": 2.0 });
    let result = validated(done("a", json!({ "loss": loss, "seed": 1 }), 0.5), 0.5);
    let first = json!(environment()).to_string();
    let resumed = environment().noted_in(first.as_bytes(), 17);
    let plan = Plan {
        name: "small".to_string(),
        trials: vec!["a".to_string()],
    };
    for (file, record) in [
        ("steps.jsonl", json!(step)),
        ("epochs.jsonl", json!(epoch)),
        ("result.json", json!(result)),
        ("environment.json", json!(resumed)),
        ("plan.json", json!(plan)),
        ("report --json", json!(summary::summarise(vec![result])[0])),
    ] {
        assert_eq!(keys(&record), documented(file), "{file}");
    }
    for (table, csv) in [
        ("report --csv", render(&[], Format::Csv)),
        ("report --trials", render_trials(&[], Format::Csv)),
        ("report --curves", trials::curves(&[]).csv()),
    ] {
        let documented = documented(table);
        assert_eq!(columns(&csv, &documented), documented, "{table}");
    }
}
