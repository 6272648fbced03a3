//! Optimizers from the sweep file to the table.

use crate::run::CROSS_ENTROPY;
use crate::support::{Scratch, read_json, trials};
use serde_json::Value;

/// Two epochs of three steps with each optimizer, at its own learning rate.
fn both_optimizers() -> String {
    format!(
        "name = \"small\"\nlosses = [{CROSS_ENTROPY}]\nseeds = [1, 2]\n\
         [train]\ndataset = \"shapes\"\nwidth = 2\nepochs = 2\nbatch_size = 32\nsubset = 80\nbackend = \"flex\"\n\
         [grid]\noptimizer = [\"sgd\", \"adamw\"]\n"
    )
}

#[test]
fn a_grid_of_optimizers_ends_in_a_table_with_a_row_for_each() {
    let scratch = Scratch::new();
    scratch.write("a.toml", &both_optimizers());
    scratch.run(&["run", "a.toml", "--store", "s"]).expect(0);
    let report = scratch.run(&["report", "s", "--json"]).expect(0).json();
    let mut rows: Vec<(&str, &Value, &Value)> = (report.as_array().unwrap().iter())
        .map(|row| {
            assert!(row["accuracy_mean"].is_number(), "{row}");
            let settings = &row["settings"];
            let optimizer = settings["optimizer"].as_str().unwrap();
            (optimizer, &settings["learning_rate"], &row["n"])
        })
        .collect();
    rows.sort_by_key(|(optimizer, ..)| *optimizer);
    let two = Value::from(2);
    let rates = [0.001, 0.1].map(Value::from);
    assert_eq!(rows, [("adamw", &rates[0], &two), ("sgd", &rates[1], &two)]);
}

#[test]
fn each_step_is_recorded_with_the_learning_rate_of_the_schedule() {
    let scratch = Scratch::new();
    scratch.write("a.toml", &both_optimizers());
    scratch.run(&["run", "a.toml", "--store", "s"]).expect(0);
    let folders = trials(&scratch, "s");
    assert_eq!(folders.len(), 4);
    for folder in folders {
        let result = read_json(&folder.join("result.json"));
        let highest = match result["settings"]["optimizer"].as_str().unwrap() {
            "adamw" => 0.001,
            _ => 0.1,
        };
        let steps = std::fs::read_to_string(folder.join("steps.jsonl")).unwrap();
        let rates: Vec<f64> = (steps.lines())
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["learning_rate"].as_f64())
            .map(Option::unwrap)
            .collect();
        let (first, second) = (highest, highest / 2.0);
        assert_eq!(rates, [first, first, first, second, second, second]);
    }
}
