//! `docs/records.md` names every key of every record and every metric, and nothing else.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::measure::METRICS;
use crate::records::examples::{done, environment, epoch, validated};
use crate::records::{EpochRecord, StepRecord};
use crate::settings::TRAIN_KEYS;
use crate::store::tests::leave_unfinished;
use crate::store::{Declaration, Plan};
use crate::study::Study;
use crate::sweep;

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

/// The keys of a record, those of objects inside of it behind a point. Settings have a page of their own, and metrics a
/// section.
fn keys(record: &Value) -> BTreeSet<String> {
    let object = record.as_object().expect("a record is an object");
    let mut names = BTreeSet::new();
    for (key, value) in object {
        let inner = match value {
            Value::Array(list) if ["resumed", "runs", "declarations"].contains(&key.as_str()) => {
                &list[0]
            }
            Value::Object(_) if key != "settings" && !key.ends_with("metrics") => value,
            _ => {
                names.insert(key.clone());
                continue;
            }
        };
        names.extend(keys(inner).iter().map(|inner| format!("{key}.{inner}")));
    }
    names
}

/// The names as a section has them: those that it does not name itself are of any key, parameter or metric.
fn as_documented(
    names: impl IntoIterator<Item = String>,
    named: &BTreeSet<String>,
) -> BTreeSet<String> {
    let name = |name: String| {
        let metrics = METRICS.iter().filter(|metric| name.contains(metric.name));
        match metrics.max_by_key(|metric| metric.name.len()) {
            _ if named.contains(&name) => name,
            _ if name.starts_with("loss_") => "loss_PARAMETER".to_string(),
            _ if TRAIN_KEYS.iter().any(|key| key.name == name) => "KEY".to_string(),
            Some(metric) => name.replace(metric.name, "METRIC"),
            None => name,
        }
    };
    names.into_iter().map(name).collect()
}

fn header(csv: &str) -> impl Iterator<Item = String> {
    let header = csv.lines().next().expect("there is a header");
    header.split(',').map(str::to_string)
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
        declarations: vec![Declaration {
            name: "small".to_string(),
            sha256: "0f".to_string(),
            ended: 0,
            sweep: "name = \"small\"".to_string(),
        }],
    };
    for (file, record) in [
        ("steps.jsonl", json!(step)),
        ("epochs.jsonl", json!(epoch)),
        ("result.json", json!(result)),
        ("environment.json", json!(resumed)),
        ("plan.json", plan.sealed()),
    ] {
        assert_eq!(keys(&record), documented(file), "{file}");
    }
    let groups = groups_of(&[result]);
    let json = render(&groups, &DEFAULT_METRICS, Format::Json);
    let json: Value = serde_json::from_str(&json).unwrap();
    let claims = claims_of(&study());
    for (table, names) in [
        ("report --json", keys(&json[0]).into_iter().collect()),
        ("report --csv", header(&summary::csv(&[]).csv()).collect()),
        ("report --claims", header(&claims.csv()).collect()),
        (
            "report --trials",
            header(&trials::frame(&[]).csv()).collect(),
        ),
        (
            "report --curves",
            header(&trials::curves(&[]).csv()).collect(),
        ),
    ] {
        let names: Vec<String> = names;
        let documented = documented(table);
        assert_eq!(as_documented(names, &documented), documented, "{table}");
    }
}

/// Without a result.
fn study() -> Study {
    let text = "name = \"a\"\nlosses = [{ name = \"focal\" }]\nseeds = [1]\n";
    let sweep = sweep::parse(text, Path::new("a.toml")).unwrap();
    let Ok(study) = Study::new(&sweep, |_| Ok::<_, Infallible>(None));
    study
}

#[test]
fn every_key_of_a_trial_that_is_shown_is_documented() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(folder.path()).unwrap();
    leave_unfinished(&store, "a", "");
    let report = TrialReport::read(&store, folder.path(), "a").unwrap();
    let mut report: Value = serde_json::from_str(&report.json()).unwrap();
    // Objects of other records.
    for key in ["environment", "changed_settings"] {
        report[key] = Value::Null;
    }
    assert_eq!(keys(&report), documented("show --json"));
}

#[test]
fn every_metric_is_documented_as_it_is() {
    const START: &str =
        "<!-- metrics, written by the tests: EXPERIMENT_WRITE_DOCS=1 cargo test --release -->\n";
    const END: &str = "<!-- end of metrics -->\n";
    let rows = METRICS.iter().map(|metric| {
        let name = metric
            .abbreviation
            .map_or(String::new(), |name| format!("`{name}`"));
        let better = metric
            .better
            .map_or(String::new(), |better| better.to_string());
        format!(
            "| `{}` | {name} | {} | {} | {better} | {} |\n",
            metric.name, metric.description, metric.unit, metric.measure
        )
    });
    let rows: String = rows.collect();
    let table = format!(
        "| metric | or | description | unit | better | needs |\n|---|---|---|---|---|---|\n{rows}"
    );
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/records.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (before, rest) = text.split_once(START).expect("the table has a start");
    let (found, after) = rest.split_once(END).expect("the table has an end");
    if std::env::var_os("EXPERIMENT_WRITE_DOCS").is_some() {
        std::fs::write(path, format!("{before}{START}{table}{END}{after}")).unwrap();
    } else {
        assert_eq!(
            found, table,
            "EXPERIMENT_WRITE_DOCS=1 writes the table again"
        );
    }
}
