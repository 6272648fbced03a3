//! A sweep for HyperQueue: what is shown and submitted, and what is refused.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::run::{CROSS_ENTROPY, sweep};
use crate::support::{Finished, Scratch};

/// An `hq` that accepts every job and keeps the words of each command.
const HQ: &str = "#!/usr/bin/env bash\necho \"$@\" >>hq.txt\necho 7\n";

/// A scratch folder with a sweep of four trials.
fn scratch() -> Scratch {
    let scratch = Scratch::new();
    scratch.write("a.toml", &sweep(CROSS_ENTROPY, "[1, 2, 3, 4]", ""));
    scratch
}

/// `experiment hq` where `hq` is this script, or is missing with all other programs.
fn hq(scratch: &Scratch, text: Option<&str>, arguments: &[&str]) -> Finished {
    let folder = scratch.path("bin");
    fs::create_dir_all(&folder).unwrap();
    let mut path = folder.clone().into_os_string();
    if let Some(text) = text {
        let file = folder.join("hq");
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap());
    }
    let before = ["hq", "a.toml", "--store", "s"];
    let mut command = scratch.command(&[&before, arguments].concat());
    Finished::of(command.env("PATH", path))
}

#[test]
fn what_would_be_submitted_is_shown_without_a_trace() {
    let scratch = scratch();
    let arguments = ["--print", "--threads", "1", "--", "--cpus=2"];
    let shown = hq(&scratch, None, &arguments).expect(0).stdout;
    let task = format!("# {}", scratch.path("s/hq/trial-").display());
    assert!(shown.starts_with(&task), "{shown}");
    assert!(
        shown.contains(" --index \"$HQ_TASK_ID\" --threads 1\n"),
        "{shown}"
    );
    assert!(
        shown.contains("\nhq submit --output-mode=quiet --cpus=2 --array=0-3 "),
        "{shown}"
    );
    assert!(!scratch.path("s").exists());

    let shared = hq(&scratch, None, &["--print", "--workers", "2"])
        .expect(0)
        .stdout;
    assert!(
        !shared.contains("--index") && shared.contains(" --array=0-1 "),
        "{shared}"
    );
}

#[test]
fn trials_that_depend_on_results_are_shared_by_workers() {
    let scratch = Scratch::new();
    let tune = "[tune]\nseeds = [11]\n[tune.grid]\nweight_decay = [0, 0.0005]\n";
    let text = sweep(CROSS_ENTROPY, "[1, 2]", "validation = 20") + tune;
    scratch.write("a.toml", &text);
    let shown = hq(&scratch, None, &["--print"]).expect(0).stdout;
    assert!(!shown.contains("--index"), "{shown}");
}

#[test]
fn the_script_and_the_program_are_in_the_store_and_the_script_trains_its_trial() {
    let scratch = scratch();
    let submitted = hq(&scratch, Some(HQ), &["--", "--cpus=1"]).expect(0);
    assert!(
        submitted.stdout.starts_with("submitted job 7;"),
        "{submitted:#?}"
    );
    let words = fs::read_to_string(scratch.path("hq.txt")).unwrap();
    let submit = "server info\nsubmit --output-mode=quiet --cpus=1 --array=0-3 ";
    let script = words.strip_prefix(submit).expect(&words).trim();
    let text = fs::read_to_string(script).unwrap();

    let mut task = std::process::Command::new("bash");
    let task = task
        .arg(script)
        .envs([("HQ_JOB_ID", "7"), ("HQ_TASK_ID", "2")]);
    let task = Finished::of(task).expect(0);
    assert_eq!((task.stdout, task.stderr), (String::new(), String::new()));
    let log = fs::read_to_string(scratch.path("s/hq/7-2.log")).unwrap();
    assert!(log.contains("1 of 4 trials have ended"), "{log}");

    // The next job has the trials that are left, and the tasks of the first one that wait keep their script.
    hq(&scratch, Some(HQ), &["--threads", "2"]).expect(0);
    assert_eq!(fs::read_to_string(script).unwrap(), text);
    let again = fs::read_to_string(scratch.path("hq.txt")).unwrap();
    assert!(again.contains(" --array=0-1,3 "), "{again}");
    scratch.run(&["work", "s"]).expect(0);
    let nothing = hq(&scratch, None, &[]).expect(0);
    assert_eq!(nothing.stdout, "all trials have ended\n");
}

#[test]
fn a_machine_without_hyperqueue_or_its_server_is_told_before_anything_is_written() {
    let scratch = scratch();
    let refused = hq(&scratch, None, &[]).expect(2);
    for words in [
        "hq: cannot be started",
        "It4innovations/hyperqueue",
        "--print",
    ] {
        assert!(refused.stderr.contains(words), "{refused:#?}");
    }
    let refused = hq(
        &scratch,
        Some("#!/usr/bin/env bash\necho no server >&2\nexit 1\n"),
        &[],
    )
    .expect(1);
    for words in ["hq server start", "hq: no server"] {
        assert!(refused.stderr.contains(words), "{refused:#?}");
    }
    let refused = hq(&scratch, Some(HQ), &["--", "--array=0-9"]).expect(2);
    assert!(
        refused.stderr.contains("error: --array=0-9: expected"),
        "{refused:#?}"
    );
    assert!(!scratch.path("s").exists());
}
