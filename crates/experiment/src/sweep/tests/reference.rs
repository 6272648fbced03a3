//! `experiments/README.md` lists the keys that the program knows.

use std::fmt::Write;
use std::fs;

use super::*;
use crate::settings::{TRAIN_KEYS, TrainKey, TrainSettings};

const START: &str = "<!-- keys of [train], written by the tests: EXPERIMENT_WRITE_DOCS=1 cargo test --release -->\n";
const END: &str = "<!-- end of keys -->\n";

fn row(key: &TrainKey) -> String {
    let default = key.default(&TrainSettings::default());
    let mut row = format!("| `{}` | {} | `{default}`", key.name, key.kind);
    for (condition, default) in key.other_defaults() {
        let _ = write!(row, "; `{default}` with `{condition}`");
    }
    row += " |";
    row += key.description;
    let conditions = key.conditions().map(|condition| format!("`{condition}`"));
    let conditions: Vec<String> = conditions.collect();
    if !conditions.is_empty() {
        let _ = write!(row, " Only with {}.", conditions.join(" and "));
    }
    row + " |\n"
}

#[test]
fn the_documentation_lists_every_key_as_it_is() {
    let rows: Vec<String> = TRAIN_KEYS.iter().map(row).collect();
    let table = format!(
        "| key | values | default | meaning |\n|---|---|---|---|\n{}",
        rows.concat()
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments/README.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(START).expect("the table has a start");
    let (found, after) = rest.split_once(END).expect("the table has an end");
    if std::env::var_os("EXPERIMENT_WRITE_DOCS").is_some() {
        fs::write(&path, format!("{before}{START}{table}{END}{after}")).unwrap();
    } else {
        assert_eq!(
            found, table,
            "EXPERIMENT_WRITE_DOCS=1 writes the table again"
        );
    }
}

#[test]
fn the_example_of_the_documentation_is_a_sweep_file() {
    let text = include_str!("../../../../../experiments/README.md");
    let (_, rest) = text.split_once("```toml\n").expect("there is an example");
    let (example, _) = rest.split_once("```\n").expect("the example ends");
    let sweep = read_text(example).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    assert_eq!(
        (
            sweep.points.len(),
            sweep.losses.len(),
            sweep.seeds.at_most()
        ),
        (2, 3, 3)
    );
}
