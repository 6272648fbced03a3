//! The one way into a process that does a part of another's work.

use std::io::Write;
use std::process::{Child, Stdio};

use crate::support::{Finished, Scratch};

/// What such a process makes of `request`, while this one waits for it.
pub fn ask(request: &str) -> Finished {
    let mut child = asked(request);
    // Waiting for the output would end the input.
    let input = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    drop(input);
    Finished::new(output)
}

/// Such a process, which has been asked for `request`.
fn asked(request: &str) -> Child {
    let scratch = Scratch::new();
    let mut command = scratch.command(&["child"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    writeln!(child.stdin.as_mut().unwrap(), "{request}").unwrap();
    child
}

#[test]
fn what_is_no_request_is_refused_in_a_line_of_json() {
    for (request, expected) in [
        ("", "child: expected a request: "),
        (
            r#"{ "task": "cook", "settings": null }"#,
            r#"expected a task of this program, found "cook""#,
        ),
        (
            r#"{ "task": "train", "settings": {} }"#,
            "child: train: missing field `settings_toml`",
        ),
        (
            r#"{ "task": "bench", "settings": { "setting": { "backend": "cuda" } } }"#,
            "child: bench: unknown variant `cuda`, expected one of `auto`, `wgpu`, `flex`, `ndarray`",
        ),
    ] {
        let finished = ask(request).expect(2);
        assert_eq!(finished.stdout.lines().count(), 1, "{finished:#?}");
        let said = finished.json();
        let error = said["Failed"].as_str().expect("an error");
        assert!(error.contains(expected), "{finished:#?}");
        assert_eq!(finished.stderr, "");
    }
}

/// A request for a row of the bench.
fn row_of(steps: usize) -> String {
    let request = r#"{ "task": "bench", "settings": { "layers": false, "setting": {
        "backend": "flex", "mode": "inference", "precision": "f32",
        "model": "resnet18", "width": 2, "batch": 4, "threads": 1, "steps": STEPS
    } } }"#;
    request
        .replace('\n', "")
        .replace("STEPS", &steps.to_string())
}

#[test]
fn work_that_leaves_nothing_behind_ends_with_the_process_that_asked_for_it() {
    // Many seconds, and then a row.
    let mut child = asked(&row_of(30_000));
    drop(child.stdin.take());
    let finished = Finished::new(child.wait_with_output().unwrap()).expect(75);
    assert_eq!(finished.stdout, "");
}

#[test]
fn a_row_of_the_bench_comes_as_one_event() {
    let finished = ask(&row_of(2)).expect(0);
    let row = &finished.json()["Event"];
    assert!(
        row["images_per_second"].as_f64() > Some(0.0),
        "{finished:#?}"
    );
}

#[test]
fn neither_help_nor_completions_nor_manual_pages_name_it() {
    let scratch = Scratch::new();
    let help = scratch.run(&["--help"]).expect(0).stdout;
    assert!(!help.contains("child"), "{help}");
    let script = scratch.run(&["completions", "bash"]).expect(0).stdout;
    assert!(!script.contains("child"), "{script}");
    scratch.run(&["man", "pages"]).expect(0);
    let main = std::fs::read_to_string(scratch.path("pages/experiment.1")).unwrap();
    assert!(!main.contains("child"), "{main}");
    assert!(!scratch.path("pages/experiment-child.1").exists());
}
