//! Trials for which there is too little memory.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::process::Command;

use crate::run::{CROSS_ENTROPY, sweep};
use crate::support::{Finished, Scratch, read_json, trials};

/// Room for the program and a small batch, in kibibytes, but not for a batch of the whole dataset.
const ADDRESS_SPACE: &str = r#"ulimit -v 1500000; exec "$@""#;

#[test]
fn a_batch_for_which_there_is_no_memory_fails_with_advice_and_the_sweep_goes_on() {
    let text = sweep(CROSS_ENTROPY, "[1]", "[grid]\nbatch_size = [4900, 32]\n");
    let text = text
        .replace("batch_size = 32\n", "")
        .replace("subset = 80", "subset = 4900");
    only_the_first_fails(&text, "batch_size", [4900, 32]);
}

#[test]
fn a_network_for_which_there_is_no_memory_fails_with_advice_and_the_sweep_goes_on() {
    let text = sweep(CROSS_ENTROPY, "[1]", "[grid]\nwidth = [1024, 2]\n");
    only_the_first_fails(&text.replace("width = 2\n", ""), "width", [1024, 2]);
}

/// Runs a sweep of two trials that differ in the value of a setting, one after the other.
fn only_the_first_fails(sweep: &str, key: &str, values: [u64; 2]) {
    let scratch = Scratch::new();
    scratch.write("a.toml", &sweep.replace("epochs = 2", "epochs = 1"));
    let mut command = Command::new("sh");
    command
        .args(["-c", ADDRESS_SPACE, "sh", env!("CARGO_BIN_EXE_experiment")])
        .args(["run", "a.toml", "--store", "s"])
        .current_dir(scratch.path("."));
    let run = Finished::of(&mut command).expect(3);
    assert!(run.stderr.contains("memory allocation of "), "{run:#?}");
    assert!(run.stderr.contains("lower train.batch_size"), "{run:#?}");
    let results = trials(&scratch, "s").into_iter();
    let results = results.map(|trial| read_json(&trial.join("result.json")));
    let states = results.map(|result| {
        let value = result["settings"][key].as_u64();
        (value, result["state"].as_str().map(str::to_owned))
    });
    let states: BTreeMap<_, _> = states.collect();
    let expected = [(values[0], "failed"), (values[1], "done")];
    let expected = expected.map(|(value, state)| (Some(value), Some(state.to_owned())));
    assert_eq!(states, BTreeMap::from(expected));
}
