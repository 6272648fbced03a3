//! Which vector instructions run is told everywhere and can be chosen.

use crate::support::{Finished, Scratch, read_json, trials};

const SWEEP: &str = r#"
name = "instructions"
losses = [{ name = "cross_entropy" }]
seeds = [1]

[train]
dataset = "shapes"
subset = 32
width = 4
batch_size = 16
epochs = 1
"#;

fn with_scalar(scratch: &Scratch, arguments: &[&str]) -> Finished {
    Finished::of(
        scratch
            .command(arguments)
            .env("EXPERIMENT_INSTRUCTIONS", "scalar"),
    )
}

#[test]
fn a_run_and_its_record_name_the_instructions() {
    let scratch = Scratch::new();
    scratch.write("sweep.toml", SWEEP);
    let arguments = ["run", "sweep.toml", "--backend", "flex", "--store", "store"];
    let finished = with_scalar(&scratch, &arguments).expect(0);
    let first_lines = "to train on flex (CPU, scalar), results in store";
    assert!(finished.stderr.contains(first_lines), "{finished:?}");
    let environment = read_json(&trials(&scratch, "store")[0].join("environment.json"));
    assert_eq!(environment["instructions"], "scalar");
}

#[test]
fn the_widest_instructions_are_taken_and_narrow_ones_warned_of() {
    let scratch = Scratch::new();
    let cpu = |finished: Finished| finished.json()["cpu"].clone();
    let widest = cpu(Finished::of(
        scratch
            .command(&["doctor", "--cpu", "--json"])
            .env_remove("EXPERIMENT_INSTRUCTIONS"),
    ));
    let available = widest["available"].as_array().expect("a list");
    assert_eq!(available[0], "scalar");
    assert_eq!(Some(&widest["instructions"]), available.last());
    let scalar = with_scalar(&scratch, &["doctor", "--cpu", "--json"]);
    let warning = "warning: EXPERIMENT_INSTRUCTIONS is scalar";
    assert_eq!(scalar.stderr.contains(warning), available.len() > 1);
    assert_eq!(cpu(scalar)["instructions"], "scalar");
}

#[test]
fn unknown_instructions_are_refused_with_those_of_the_machine() {
    let scratch = Scratch::new();
    scratch.write("sweep.toml", SWEEP);
    let bench = ["bench", "--backend", "flex"];
    for arguments in [&["run", "sweep.toml", "--backend", "flex"][..], &bench] {
        let mut command = scratch.command(arguments);
        let finished = Finished::of(command.env("EXPERIMENT_INSTRUCTIONS", "sse9")).expect(2);
        let expected = "error: EXPERIMENT_INSTRUCTIONS: expected instructions that this machine supports (scalar";
        assert!(finished.stderr.contains(expected), "{finished:?}");
        assert!(finished.stderr.contains(r#"found "sse9""#), "{finished:?}");
    }
}

#[test]
fn a_bench_has_a_row_for_each_set_of_instructions() {
    let scratch = Scratch::new();
    let doctor = scratch.run(&["doctor", "--cpu", "--json"]).json();
    let available: Vec<&str> = (doctor["cpu"]["available"]
        .as_array()
        .expect("a list")
        .iter())
    .map(|name| name.as_str().expect("a name"))
    .collect();
    let options = "bench --backend flex --mode training --width 2 --batch 4 --steps 1 --json";
    let arguments: Vec<&str> = options.split(' ').collect();
    let list = ["--instructions", &available.join(",")];
    let rows = scratch
        .run(&[&arguments[..], &list].concat())
        .expect(0)
        .json();
    let named: Vec<&str> = (rows.as_array().expect("rows").iter())
        .map(|row| row["instructions"].as_str().expect("a name"))
        .collect();
    assert_eq!(named, available);
}
