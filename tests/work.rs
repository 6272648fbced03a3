//! Processes that share a store, and how far it is.
#![cfg(unix)]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, SystemTime};

use crate::resume;
use crate::run::{CROSS_ENTROPY, sweep};
use crate::support::{Finished, Scratch, read_json, trials};

/// A store `s` with the plan of four trials, of which none has begun.
fn planned() -> Scratch {
    let scratch = resume::scratch("[1, 2, 3, 4]");
    let plan = ["plan", "a.toml", "--store", "s", "--declare"];
    scratch.run(&plan).expect(0);
    scratch
}

/// The ids of the sweep's trials, in its order.
fn ids(scratch: &Scratch) -> Vec<String> {
    let plan = read_json(&scratch.path("s/plan.json"));
    let ids = plan["trials"].as_array().unwrap().iter();
    ids.map(|id| id.as_str().unwrap().to_owned()).collect()
}

fn ended(scratch: &Scratch) -> BTreeSet<String> {
    let folders = trials(scratch, "s").into_iter();
    let names = folders.map(|folder| folder.file_name().unwrap().to_owned());
    names.map(|name| name.into_string().unwrap()).collect()
}

#[test]
fn a_worker_trains_the_trial_of_its_index_or_the_next_or_all_that_are_free() {
    let scratch = planned();
    let ids = ids(&scratch);
    scratch.run(&["work", "s", "--index", "2"]).expect(0);
    assert_eq!(ended(&scratch), BTreeSet::from([ids[2].clone()]));
    scratch.run(&["work", "s", "--next"]).expect(0);
    let two = BTreeSet::from([ids[0].clone(), ids[2].clone()]);
    assert_eq!(ended(&scratch), two);
    for arguments in [&["work", "s", "--index", "2"][..], &["work", "s"]] {
        let run = scratch.run(arguments).expect(0);
        let ended = if arguments.len() == 2 { 4 } else { 2 };
        let line = format!("{ended} of 4 trials have ended");
        assert!(run.stderr.contains(&line), "{run:#?}");
    }
    // Nothing is left to do.
    for arguments in [&["work", "s"][..], &["work", "s", "--next"]] {
        let run = scratch.run(arguments).expect(0);
        assert!(!run.stderr.contains("to train"), "{run:#?}");
    }
    resume::expect_the_uninterrupted(&scratch);
}

/// Does `work` while the holder of an attempt's lease shows life, as its process would.
fn with_heartbeat<T>(attempt: &Path, work: impl FnOnce() -> T) -> T {
    let lease = File::options().write(true).open(attempt.join("lease.json"));
    let lease = lease.unwrap();
    let (stop, stopped) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            let interval = Duration::from_millis(100);
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                lease.set_modified(SystemTime::now()).unwrap();
            }
        });
        let done = work();
        drop(stop);
        done
    })
}

#[test]
fn a_trial_that_another_machine_trains_is_left_alone_and_shown() {
    let scratch = resume::scratch("[1, 2, 3, 4]");
    let (stopped, _) = resume::signalled(&scratch, "-INT", "[1/4]", &[]);
    stopped.expect(75);
    let ids = ids(&scratch);
    let attempt = resume::unfinished(&scratch);
    fs::write(attempt.join("lease.json"), resume::HELD_ELSEWHERE).unwrap();
    let run = with_heartbeat(&attempt, || scratch.run(&["work", "s"]).expect(0));
    assert!(run.stderr.contains("3 of 4 trials have ended"), "{run:#?}");
    assert!(!ended(&scratch).contains(&ids[0]));

    let status = scratch.run(&["status", "s", "--json"]).expect(0).json();
    assert_eq!(status["stages"][0]["done"], 3);
    assert_eq!(status["stages"][0]["running"], 1);
    let running = &status["running"][0];
    assert_eq!(
        (&running["host"], &running["pid"]),
        (&"node1".into(), &7.into())
    );
    assert_eq!(running["id"], ids[0]);
    assert_eq!(running["steps"], 36);
    let left = status["time_s_left"].as_f64().unwrap();
    assert!(left > 0.0 && left < 600.0, "{left}");
    let status = scratch.run(&["status", "s"]).expect(0).stdout;
    assert!(status.contains("node1"), "{status}");
    assert!(status.contains("time left: "), "{status}");

    // Once it shows no sign of life its trial is resumed.
    let run = ["run", "a.toml", "--store", "s", "--stale-after", "1"];
    let run = scratch.run(&run).expect(0);
    assert!(
        run.stderr
            .contains("waiting for other processes to train 1 trial"),
        "{run:#?}"
    );
    assert!(run.stderr.contains("resuming after step"), "{run:#?}");
    resume::expect_the_uninterrupted(&scratch);
    let status = scratch.run(&["status", "s"]).expect(0).stdout;
    assert!(!status.contains("time left"), "{status}");
}

#[test]
fn runs_of_one_sweep_at_once_share_its_trials_and_print_the_same_table() {
    let scratch = resume::scratch("[1, 2, 3, 4]");
    let start = || {
        scratch
            .command(&["run", "a.toml", "--store", "s", "--threads", "1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let runs = [start(), start(), start()].map(|run| {
        let run = Finished::new(run.wait_with_output().unwrap());
        run.expect(0)
    });
    let done = |run: &Finished| run.stderr.matches(": done: test").count();
    assert_eq!(runs.iter().map(done).sum::<usize>(), 4, "{runs:#?}");
    assert!(runs.iter().all(|run| run.stdout == runs[0].stdout));
    resume::expect_the_uninterrupted(&scratch);
}

#[test]
fn what_no_worker_can_do_is_refused_by_name() {
    let scratch = Scratch::new();
    scratch.write("a.toml", &sweep(CROSS_ENTROPY, "[1]", ""));
    scratch.run(&["run", "a.toml", "--store", "s"]).expect(0);
    let run = scratch.run(&["work", "s", "--index", "1"]).expect(2);
    let message = "error: --index: expected a trial of the sweep, from 0 to 0, found 1";
    assert!(run.stderr.contains(message), "{run:#?}");
    fs::remove_file(scratch.path("s/plan.json")).unwrap();
    for verb in ["work", "status"] {
        let run = scratch.run(&[verb, "s"]).expect(2);
        assert!(run.stderr.contains("s: plan.json: expected"), "{run:#?}");
        scratch.run(&[verb, "absent"]).expect(2);
    }
}

#[test]
fn a_worker_names_damage_and_the_commands_for_schedulers_do_too() {
    let scratch = planned();
    scratch.run(&["work", "s"]).expect(0);
    let first = scratch.path("s/trials").join(&ids(&scratch)[0]);
    fs::write(first.join("result.json"), "").unwrap();
    let submit = ["hq", "a.toml", "--store", "s"];
    for arguments in [&["work", "s"][..], &["work", "s", "--next"], &submit] {
        let run = scratch.run(arguments).expect(3);
        let named = "result.json: expected a trial's result as JSON";
        assert!(run.stderr.contains(named), "{run:#?}");
        assert!(run.stderr.contains("--retry damaged"), "{run:#?}");
    }
    // Another one is whole.
    scratch.run(&["work", "s", "--index", "1"]).expect(0);
}

#[test]
fn a_plan_that_is_damaged_is_named_with_the_command_that_mends_it() {
    let scratch = planned();
    fs::write(scratch.path("s/plan.json"), "[]").unwrap();
    for command in ["status", "work"] {
        let run = scratch.run(&[command, "s"]).expect(2);
        let named = "plan.json: expected a plan as JSON";
        assert!(run.stderr.contains(named), "{run:#?}");
        assert!(run.stderr.contains("plan FILE --declare"), "{run:#?}");
    }
    let mend = ["plan", "a.toml", "--store", "s", "--declare"];
    scratch.run(&mend).expect(0);
    scratch.run(&["status", "s"]).expect(0);
}

#[test]
fn a_worker_of_another_sweep_leaves_the_declared_one() {
    let scratch = planned();
    let before = fs::read(scratch.path("s/plan.json")).unwrap();
    let other = sweep(CROSS_ENTROPY, "[7]", "").replace("epochs = 2", "epochs = 1");
    scratch.write("b.toml", &other);
    for arguments in [&["--next"][..], &[]] {
        let work = [&["work", "s", "--sweep", "b.toml"], arguments].concat();
        scratch.run(&work).expect(0);
        assert!(fs::read(scratch.path("s/plan.json")).unwrap() == before);
    }
}
