//! Several trials at a time.

use std::fs;

use crate::support::{Scratch, trials};

const SWEEP: &str = r#"
name = "jobs"
losses = [{ name = "cross_entropy" }]
seeds = [1, 2, 3]

[train]
dataset = "shapes"
subset = 64
width = 4
batch_size = 16
learning_rate = 1e-6
epochs = 1
"#;

#[test]
fn trials_in_processes_of_their_own_give_the_same_weights() {
    let scratch = Scratch::new();
    scratch.write("sweep.toml", SWEEP);
    let run = |jobs: &str| {
        let arguments = ["run", "sweep.toml", "--backend", "flex"];
        let finished = scratch.run(&[&arguments[..], &["--jobs", jobs, "--store", jobs]].concat());
        let weights: Vec<_> = (trials(&scratch, jobs).iter())
            .map(|trial| {
                (
                    trial.file_name().unwrap().to_owned(),
                    fs::read(trial.join("model.safetensors")).unwrap(),
                )
            })
            .collect();
        (weights, finished.expect(0).stdout)
    };
    let [(one, table_of_one), (two, table_of_two)] = ["1", "2"].map(run);
    assert_eq!(one.len(), 3);
    assert!(one == two, "the weights differ");
    assert_eq!(table_of_one, table_of_two);
}
