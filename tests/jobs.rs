//! Several trials at a time.

use std::fs;
#[cfg(unix)]
use std::io::{BufReader, Read};
#[cfg(unix)]
use std::os::unix::process::CommandExt;
#[cfg(unix)]
use std::process::{Command, Stdio};

#[cfg(unix)]
use crate::resume;
use crate::support::{Scratch, trials};
#[cfg(unix)]
use crate::support::{attempts, id};

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
        let stdout = finished.expect(0).stdout;
        let (table, _) = stdout
            .split_once("\nPage to open")
            .expect("a table and a page");
        (weights, table.to_owned())
    };
    let [(one, table_of_one), (two, table_of_two)] = ["1", "2"].map(run);
    assert_eq!(one.len(), 3);
    assert!(one == two, "the weights differ");
    assert_eq!(table_of_one, table_of_two);
}

#[cfg(unix)]
#[test]
fn a_terminals_signals_stop_all_processes_with_checkpoints_however_many_they_are() {
    let scratch = resume::scratch("[1, 2, 3]");
    for (signal, sign) in [("-INT", "epoch 2/12"), ("-HUP", "resuming")] {
        let mut child = scratch
            .command(&["run", "a.toml", "--store", "s", "--jobs", "2"])
            .process_group(0)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        resume::read_until(&mut stderr, &["[1/", "[2/", sign]);
        for _ in 0..5 {
            resume::send(signal, &format!("-{}", child.id()));
        }
        let mut messages = String::new();
        stderr.read_to_string(&mut messages).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(75), "{messages}");
        let begun = attempts(&scratch, "s");
        assert_eq!(begun.len(), 2, "{messages}");
        for trial in begun {
            assert!(trial.join("checkpoint.safetensors").exists(), "{messages}");
            // Each tells the step of its checkpoint, which is the last one of its records.
            let steps = fs::read_to_string(trial.join("steps.jsonl")).unwrap();
            let place = format!("step {} of trial {}", steps.lines().count(), id(&trial));
            assert!(messages.contains(&place), "{place}: {messages}");
        }
    }
    let arguments = ["run", "a.toml", "--store", "s", "--jobs", "2"];
    scratch.run(&arguments).expect(0);
    resume::expect_the_uninterrupted(&scratch);
}

#[cfg(unix)]
#[test]
fn an_error_of_the_disk_in_one_process_ends_all_with_its_exit_code_and_their_checkpoints() {
    let scratch = resume::scratch("[1, 2]");
    let (stopped, _) = resume::signalled(&scratch, "-INT", "[2/2]", &[]);
    stopped.expect(75);
    let trial = resume::unfinished(&scratch);
    let checkpoint = fs::read(trial.join("checkpoint.safetensors")).unwrap();
    let (steps, kept) = (trial.join("steps.jsonl"), trial.join("kept"));
    fs::rename(&steps, &kept).unwrap();
    fs::create_dir(&steps).unwrap();
    let parallel = ["run", "a.toml", "--store", "s", "--jobs", "2"];
    let run = scratch.run(&parallel).expect(1);
    assert!(run.stderr.contains("steps.jsonl: cannot read"), "{run:#?}");
    assert!(
        run.stderr.contains("ended with the error above"),
        "{run:#?}"
    );
    let trial = resume::unfinished(&scratch);
    assert!(fs::read(trial.join("checkpoint.safetensors")).unwrap() == checkpoint);
    fs::remove_dir(trial.join("steps.jsonl")).unwrap();
    fs::rename(trial.join("kept"), trial.join("steps.jsonl")).unwrap();
    scratch.run(&parallel).expect(0);
    resume::expect_the_uninterrupted(&scratch);
}

#[cfg(unix)]
#[test]
fn the_next_run_resumes_what_the_processes_of_one_that_was_killed_leave() {
    let scratch = resume::scratch("[1, 2]");
    let parallel = ["run", "a.toml", "--store", "s", "--jobs", "2"];
    let mut child = scratch
        .command(&parallel)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    // Each trial has the checkpoint after its first epoch.
    for _ in 0..2 {
        resume::read_until(&mut stderr, &["epoch 2/12"]);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let run = scratch.run(&parallel).expect(0);
    assert_eq!(
        run.stderr.matches("resuming after step").count(),
        2,
        "{run:#?}"
    );
    assert!(!scratch.path("s/set-aside").exists());
    resume::expect_the_uninterrupted(&scratch);
}

#[cfg(unix)]
#[test]
fn a_second_request_ends_the_processes_of_the_trials_too_without_waiting_for_their_steps() {
    let scratch = Scratch::new();
    resume::slow_steps(&scratch, "[1, 2]", 64);
    let mut child = scratch
        .command(&["run", "a.toml", "--store", "s", "--jobs", "2"])
        .process_group(0)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while resume::begun(&scratch) < 2 {
        assert_eq!(child.try_wait().unwrap(), None);
    }
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None => resume::send("-INT", &child.id().to_string()),
        }
    };
    assert_eq!(status.code(), Some(130));
    let group = format!("-{}", child.id());
    let is_there = || {
        let mut kill = Command::new("kill");
        let sent = kill
            .args(["-0", "--", &group])
            .stderr(Stdio::null())
            .status();
        sent.unwrap().success()
    };
    while is_there() {}
    for trial in attempts(&scratch, "s") {
        assert!(!trial.join("checkpoint.safetensors").exists());
    }
}
