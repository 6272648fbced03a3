//! What the program says about itself, and how it refuses arguments.

use std::fs;
use std::process::Stdio;

use crate::support::{Finished, Scratch};

const VERBS: [&str; 17] = [
    "run",
    "plan",
    "report",
    "show",
    "diff",
    "export",
    "schema",
    "verify",
    "losses",
    "models",
    "metrics",
    "data",
    "eval",
    "bench",
    "doctor",
    "completions",
    "man",
];

#[test]
fn without_arguments_the_program_prints_its_help_and_fails() {
    let scratch = Scratch::new();
    let run = scratch.run(&[]).expect(2);
    assert_eq!(run.stdout, "");
    let help = scratch.run(&["--help"]).expect(0);
    assert_eq!(run.stderr, help.stdout);
    for verb in VERBS {
        assert!(
            help.stdout.contains(&format!("\n  {verb} ")),
            "{verb}: {help:#?}"
        );
    }
}

#[test]
fn help_explains_a_verb_as_its_option_does() {
    let scratch = Scratch::new();
    for verb in VERBS {
        let help = scratch.run(&["help", verb]).expect(0);
        assert_eq!(help.stdout, scratch.run(&[verb, "--help"]).expect(0).stdout);
        assert!(help.stdout.contains("Examples:"), "{help:#?}");
    }
    scratch.run(&["help", "losses", "eval"]).expect(0);
    scratch.run(&["help", "nonsense"]).expect(2);
}

#[test]
fn a_number_out_of_range_is_refused_with_the_range() {
    let scratch = Scratch::new();
    for (arguments, option, range) in [
        ("run a.toml --jobs 0", "--jobs", "1 to 1024"),
        ("run a.toml --jobs two", "--jobs", "1 to 1024"),
        (
            "run a.toml --jobs 99999999999999999999",
            "--jobs",
            "1 to 1024",
        ),
        ("run a.toml --threads 0", "--threads", "1 to 1024"),
        ("bench --threads 1,-1", "--threads", "1 to 1024"),
        ("bench --width 70000", "--width", "1 to 1024"),
        ("bench --batch 0", "--batch", "1 to 65536"),
        ("bench --steps 0", "--steps", "1 to 1000000"),
    ] {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let run = scratch.run(&arguments).expect(2);
        let message = format!("expected an integer from {range}");
        assert!(run.stderr.contains(&message), "{run:#?}");
        assert!(run.stderr.contains(option), "{run:#?}");
    }
}

#[test]
fn every_shell_gets_completions_of_every_verb() {
    let scratch = Scratch::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = scratch.run(&["completions", shell]).expect(0).stdout;
        for word in VERBS.iter().chain(&["dry-run"]) {
            assert!(script.contains(word), "{shell}: {word}");
        }
        assert!(!script.contains("checkpoint-interval"), "{shell}");
    }
}

#[test]
fn completions_for_a_reader_that_has_left_are_no_error() {
    let scratch = Scratch::new();
    let mut command = scratch.command(&["completions", "bash"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let run = Finished::new(child.wait_with_output().unwrap()).expect(0);
    assert_eq!(run.stderr, "");
}

#[test]
fn every_command_gets_a_manual_page() {
    let scratch = Scratch::new();
    scratch.run(&["man", "share/man1"]).expect(0);
    let page =
        |name: &str| fs::read_to_string(scratch.path(&format!("share/man1/{name}.1"))).unwrap();
    for verb in VERBS {
        assert!(page("experiment").contains(verb), "{verb}");
        let page = page(&format!("experiment-{verb}"));
        assert!(page.contains("Examples:"), "{verb}: {page}");
        assert!(
            page.contains(concat!("\"experiment ", env!("CARGO_PKG_VERSION"))),
            "{page}"
        );
    }
    page("experiment-losses-eval");
    assert!(page("experiment").contains("Exit codes:"));
    scratch.write("file", "");
    let run = scratch.run(&["man", "file"]).expect(1);
    assert!(
        run.stderr.contains("file: cannot write the manual pages"),
        "{run:#?}"
    );
}

#[cfg(not(feature = "wgpu"))]
#[test]
fn doctor_tells_programs_too_that_the_build_has_no_gpu() {
    let scratch = Scratch::new();
    let report = scratch.run(&["doctor", "--json"]).expect(0).json();
    assert!(report["cpu"]["cores"].as_u64() >= Some(1), "{report}");
    assert!(report["adapter"].is_null(), "{report}");
    let note = report["note"].as_str().expect("a note");
    let text = scratch.run(&["doctor"]).expect(0);
    assert!(
        text.stderr.contains(&format!("note: {note}\n")),
        "{text:#?}"
    );
    let cpu = scratch.run(&["doctor", "--cpu", "--json"]).expect(0).json();
    assert_eq!(cpu["note"], serde_json::Value::Null);
    assert_eq!(cpu["cpu"], report["cpu"]);
}
