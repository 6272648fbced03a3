//! Trials for which there is too little memory.
#![cfg(target_os = "linux")]

use std::process::Command;

use crate::run::{CROSS_ENTROPY, sweep};
use crate::support::{Finished, Scratch, read_json, trials};

/// Room for the program and a small batch, in kibibytes, but not for a batch of the whole dataset.
const ADDRESS_SPACE: &str = r#"ulimit -v 1500000; exec "$@""#;

#[test]
fn a_batch_for_which_there_is_no_memory_fails_with_advice_and_the_sweep_goes_on() {
    let scratch = Scratch::new();
    let text = sweep(CROSS_ENTROPY, "[1]", "[grid]\nbatch_size = [4900, 32]\n");
    let text = text
        .replace("batch_size = 32\n", "")
        .replace("subset = 80", "subset = 4900")
        .replace("epochs = 2", "epochs = 1");
    scratch.write("a.toml", &text);
    let mut command = Command::new("sh");
    command
        .args(["-c", ADDRESS_SPACE, "sh", env!("CARGO_BIN_EXE_experiment")])
        .args(["run", "a.toml", "--store", "s"])
        .current_dir(scratch.path("."));
    let run = Finished::of(&mut command).expect(3);
    assert!(run.stderr.contains("memory allocation of "), "{run:#?}");
    assert!(run.stderr.contains("lower train.batch_size"), "{run:#?}");
    let results = trials(&scratch, "s").into_iter();
    let mut states: Vec<_> = results
        .map(|trial| read_json(&trial.join("result.json")))
        .map(|result| {
            (
                result["settings"]["batch_size"].clone(),
                result["state"].clone(),
            )
        })
        .map(|(batch_size, state)| (batch_size.as_u64(), state.as_str().map(str::to_owned)))
        .collect();
    states.sort();
    let expected = [(32, "done"), (4900, "failed")];
    let expected = expected.map(|(batch_size, state)| (Some(batch_size), Some(state.to_owned())));
    assert_eq!(states, expected);
}
