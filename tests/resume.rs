//! A run that was interrupted or killed, and the same command again.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde_json::Value;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::run::{CROSS_ENTROPY, sweep};
use crate::support::{Finished, Scratch, attempts, id, read_json, trials};

/// As `nohup` does, and a shell that starts a program in the background.
const IGNORING: &str = r#"trap "" HUP INT; exec "$@""#;

/// A scratch folder with a sweep of trials, one for each seed, that take some seconds.
pub fn scratch(seeds: &str) -> Scratch {
    heed_signals();
    let scratch = Scratch::new();
    let text = sweep(CROSS_ENTROPY, seeds, "").replace("epochs = 2", "epochs = 12");
    scratch.write("a.toml", &text);
    scratch
}

/// Lets programs heed the signals that this process was started to ignore: what it handles, even by doing nothing, is
/// at its default in those that it starts.
fn heed_signals() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.map_or(0, |mask| u64::from_str_radix(mask.trim(), 16).unwrap());
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        if ignored & (1 << (signal - 1)) != 0 {
            signal_hook::flag::register(signal, Arc::default()).unwrap();
        }
    }
}

/// Sends `signal` to a run into the store `s` once its messages hold `sign`; gives how the run ended
/// and its messages after that.
pub fn signalled(scratch: &Scratch, signal: &str, sign: &str, more: &[&str]) -> (Finished, String) {
    let mut child = scratch
        .command(&["run", "a.toml", "--store", "s"])
        .args(more)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    read_until(&mut stderr, &[sign]);
    send(signal, &child.id().to_string());
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    (Finished::new(child.wait_with_output().unwrap()), rest)
}

/// Reads lines until each of `signs` was in one.
pub fn read_until(messages: &mut impl BufRead, signs: &[&str]) {
    let mut missing = signs.to_vec();
    let mut line = String::new();
    while !missing.is_empty() {
        line.clear();
        assert!(messages.read_line(&mut line).unwrap() > 0, "no {missing:?}");
        missing.retain(|sign| !line.contains(sign));
    }
}

/// Sends a signal to a process, or to a group of them where `target` starts with a minus.
pub fn send(signal: &str, target: &str) {
    let sent = Command::new("kill").args([signal, "--", target]).status();
    assert!(sent.unwrap().success());
}

/// A lease of a process on another machine.
pub const HELD_ELSEWHERE: &str = r#"{
    "host": "node1", "pid": 7, "pid_space": "another boot", "process_start": 1,
    "time_taken": "2026-11-28T08:00:00Z", "number": 0
}"#;

/// The folder that a trial has once it has ended.
fn ended(attempt: &Path) -> PathBuf {
    let store = attempt.parent().and_then(Path::parent).unwrap();
    store.join("trials").join(id(attempt))
}

/// The folder of the only trial that has begun and not ended.
pub fn unfinished(scratch: &Scratch) -> PathBuf {
    let mut folders = attempts(scratch, "s");
    assert_eq!(folders.len(), 1, "{folders:?}");
    folders.remove(0)
}

/// There is one if the trial was stopped after the checkpoint of its first epoch.
fn remove_the_checkpoint_before(trial: &Path) {
    std::fs::remove_file(trial.join("checkpoint-before.safetensors")).ok();
}

/// Checks that the store `s` holds what a run that nothing interrupted leaves.
pub fn expect_the_uninterrupted(scratch: &Scratch) {
    scratch
        .run(&["run", "a.toml", "--store", "uninterrupted"])
        .expect(0);
    let expected = trials(scratch, "uninterrupted");
    let found = trials(scratch, "s");
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        for file in ["model.safetensors", "steps.jsonl", "settings.toml"] {
            let bytes = |folder: &Path| std::fs::read(folder.join(file)).unwrap();
            assert!(bytes(found) == bytes(expected), "{file} differs");
        }
        let score = |folder: &Path| read_json(&folder.join("result.json"))["test"].clone();
        assert_eq!(score(found), score(expected));
        assert!(!found.join("checkpoint.safetensors").exists());
    }
}

#[test]
fn an_interrupted_run_says_what_to_rerun_and_resumes() {
    let scratch = scratch("[1, 2]");
    for (signal, sign) in [
        ("-INT", "[2/2]"),
        ("-TERM", "resuming"),
        ("-HUP", "resuming"),
    ] {
        let (stopped, messages) = signalled(&scratch, signal, sign, &[]);
        stopped.expect(75);
        let trial = unfinished(&scratch);
        let id = id(&trial);
        let steps = std::fs::read_to_string(trial.join("steps.jsonl")).unwrap();
        let step = steps.lines().count();
        let message = format!("interrupted at step {step} of trial {id}, with 1 of ");
        assert!(messages.contains(&message), "{messages}");
        assert!(trial.join("checkpoint.safetensors").exists());
    }
    let trial = ended(&unfinished(&scratch));
    let run = scratch.run(&["run", "a.toml", "--store", "s"]).expect(0);
    assert!(run.stderr.contains("resuming after step"), "{run:#?}");
    let environment = read_json(&trial.join("environment.json"));
    assert_eq!(environment["resumed"].as_array().map(Vec::len), Some(3));
    assert_eq!(environment["resumed"][0]["backend"], "flex");
    expect_the_uninterrupted(&scratch);
}

#[test]
fn a_dry_run_says_how_far_each_trial_is() {
    let scratch = scratch("[1, 2, 3]");
    signalled(&scratch, "-INT", "[2/3]", &[]).0.expect(75);
    let trial = unfinished(&scratch);
    let id = id(&trial);
    let steps = std::fs::read_to_string(trial.join("steps.jsonl")).unwrap();
    let interrupted = format!("interrupted at step {}", steps.lines().count());
    let plan = || {
        scratch
            .run(&["run", "a.toml", "--store", "s", "--dry-run"])
            .expect(0)
            .stdout
    };
    // The column is as wide as its widest state.
    let expect = |states: [&str; 3]| {
        let plan = plan();
        let width = states.map(str::len).into_iter().max().unwrap();
        for (position, (line, state)) in plan.lines().zip(states).enumerate() {
            let column = format!("  {state:<width$}  cross_entropy");
            assert!(line.contains(&column), "{state}: {plan}");
            assert_eq!(line.contains(&id), position == 1, "{plan}");
        }
        assert!(plan.contains("\n2 of 3 trials to train, "), "{plan}");
    };
    expect(["done", &interrupted, "new"]);

    remove_the_checkpoint_before(&trial);
    let lease = trial.join("lease.json");
    std::fs::write(&lease, HELD_ELSEWHERE).unwrap();
    expect(["done", "running: process 7 on node1", "new"]);
    std::fs::remove_file(&lease).unwrap();

    std::fs::write(trial.join("checkpoint.safetensors"), [0xff; 100]).unwrap();
    expect(["done", "interrupted, its checkpoint is damaged", "new"]);
    std::fs::remove_file(trial.join("checkpoint.safetensors")).unwrap();
    expect(["done", "new", "new"]);
}

#[test]
fn a_signal_that_the_program_was_started_to_ignore_stays_ignored() {
    let scratch = scratch("[1]");
    let mut child = Command::new("sh")
        .args(["-c", IGNORING, "sh"])
        .arg(env!("CARGO_BIN_EXE_experiment"))
        .args(["run", "a.toml", "--store", "s"])
        .current_dir(scratch.path("."))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    read_until(&mut stderr, &["epoch 2/12"]);
    for signal in ["-HUP", "-INT"] {
        send(signal, &child.id().to_string());
    }
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{rest}");
    assert!(rest.contains("epoch 12/12"), "{rest}");
}

/// Writes a sweep whose steps take many seconds.
pub fn slow_steps(scratch: &Scratch, seeds: &str, batch: usize) {
    let text = sweep(CROSS_ENTROPY, seeds, "").replace("width = 2", "width = 128");
    let text = text.replace("batch_size = 32", &format!("batch_size = {batch}"));
    scratch.write(
        "a.toml",
        &text.replace("subset = 80", &format!("subset = {batch}")),
    );
}

/// How many trials of the store `s` have begun and not ended.
pub fn begun(scratch: &Scratch) -> usize {
    let attempts = std::fs::read_dir(scratch.path("s/attempts"));
    attempts.map_or(0, Iterator::count)
}

#[test]
fn a_second_request_ends_a_run_without_waiting_for_its_step() {
    heed_signals();
    let scratch = Scratch::new();
    slow_steps(&scratch, "[1]", 256);
    let mut child = scratch
        .command(&["run", "a.toml", "--store", "s"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    read_until(&mut stderr, &["to train on"]);
    // A run that has not begun a trial ends at the first request.
    while begun(&scratch) == 0 {
        assert_eq!(child.try_wait().unwrap(), None);
    }
    // What comes within a second is the same request again.
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None => send("-INT", &child.id().to_string()),
        }
    };
    assert_eq!(status.code(), Some(130));
}

#[test]
fn tests_that_were_started_to_ignore_signals_pass_all_the_same() {
    let run = Command::new("sh")
        .args(["-c", IGNORING, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "resume::a_dry_run_says_how_far_each_trial_is"])
        .output();
    let run = Finished::new(run.unwrap()).expect(0);
    assert!(run.stdout.contains("1 passed"), "{run:#?}");
}

#[test]
fn a_killed_run_resumes_from_its_last_checkpoint() {
    let scratch = scratch("[1]");
    let each_step = ["--checkpoint-interval", "0"];
    let (killed, _) = signalled(&scratch, "-KILL", "epoch 2/12", &each_step);
    assert_eq!(killed.code, None, "{killed:#?}");
    // The kill may have come when the last was already the one before and the next not yet there.
    let trial = unfinished(&scratch);
    let checkpoints = ["checkpoint.safetensors", "checkpoint-before.safetensors"];
    assert!(checkpoints.iter().any(|name| trial.join(name).exists()));
    let run = scratch.run(&["run", "a.toml", "--store", "s"]).expect(0);
    assert!(run.stderr.contains("resuming after step"), "{run:#?}");
    expect_the_uninterrupted(&scratch);
}

#[test]
fn a_damaged_checkpoint_is_named_and_its_trial_starts_anew() {
    let scratch = scratch("[1]");
    signalled(&scratch, "-INT", "epoch 2/12", &[]).0.expect(75);
    let trial = unfinished(&scratch);
    remove_the_checkpoint_before(&trial);
    let checkpoint = trial.join("checkpoint.safetensors");
    let mut content = std::fs::read(&checkpoint).unwrap();
    let last = content.len() - 1;
    content[last] ^= 1;
    std::fs::write(&checkpoint, content).unwrap();
    let run = scratch.run(&["run", "a.toml", "--store", "s"]).expect(0);
    assert!(
        run.stderr
            .contains("checkpoint.safetensors: sha256: expected "),
        "{run:#?}"
    );
    assert!(
        run.stderr.contains("restarted from the beginning"),
        "{run:#?}"
    );
    let environment = read_json(&ended(&trial).join("environment.json"));
    assert_eq!(environment["resumed"], Value::Null);
    let id = id(&trial);
    let kept = scratch.path(&format!("s/set-aside/{id}-1/checkpoint.safetensors"));
    assert!(kept.exists());
}

#[test]
fn a_disk_that_fails_or_is_full_when_a_trial_is_resumed_leaves_its_checkpoint() {
    let scratch = scratch("[1]");
    signalled(&scratch, "-INT", "epoch 2/12", &[]).0.expect(75);
    let trial = unfinished(&scratch);
    let checkpoint = trial.join("checkpoint.safetensors");
    let before = std::fs::read(&checkpoint).unwrap();

    let kept = trial.join("kept");
    std::fs::rename(&checkpoint, &kept).unwrap();
    std::fs::create_dir(&checkpoint).unwrap();
    let run = scratch.run(&["run", "a.toml", "--store", "s"]).expect(1);
    assert!(
        run.stderr.contains("checkpoint.safetensors: cannot read: "),
        "{run:#?}"
    );
    let trial = unfinished(&scratch);
    let (checkpoint, kept) = (trial.join("checkpoint.safetensors"), trial.join("kept"));
    std::fs::remove_dir(&checkpoint).unwrap();
    std::fs::rename(&kept, &checkpoint).unwrap();

    // What is written there goes to a full disk.
    let full = trial.join(".environment.json.partial");
    std::os::unix::fs::symlink("/dev/full", full).unwrap();
    let run = scratch.run(&["run", "a.toml", "--store", "s"]).expect(1);
    assert!(
        run.stderr.contains("environment.json: cannot write: "),
        "{run:#?}"
    );

    let left = unfinished(&scratch).join("checkpoint.safetensors");
    assert!(std::fs::read(left).unwrap() == before);
    assert!(!scratch.path("s/set-aside").exists());
    scratch.run(&["run", "a.toml", "--store", "s"]).expect(0);
    expect_the_uninterrupted(&scratch);
}
