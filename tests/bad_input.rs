//! What the whole program does with bad settings: exit code 2, every problem at once on standard
//! error, nothing on standard output, and nothing begun.

use std::fs;
use std::process::{Command, Stdio};

use crate::run::{CROSS_ENTROPY, sweep};
use crate::support::{Finished, Scratch};

const WRONG: &str = "\
name = \"wrong\"
losses = [{ name = \"focl\" }]
seeds = [1]
[train]
epochs = 0
";

#[test]
fn every_problem_of_a_sweep_file_is_shown_at_its_place() {
    let scratch = Scratch::new();
    scratch.write("a.toml", WRONG);
    let run = scratch.run(&["run", "a.toml"]).expect(2);
    assert_eq!(run.stdout, "");
    for part in [
        "a.toml:2:20: losses[0].name: expected the name of a loss, found \"focl\"",
        "did you mean focal?",
        "a.toml:5:10: train.epochs: expected an integer from 1 to 100000, found 0",
        "5 | epochs = 0",
        "2 errors in a.toml",
    ] {
        assert!(run.stderr.contains(part), "{part}: {run:#?}");
    }
}

#[test]
fn a_wrong_sweep_file_leaves_nothing_behind() {
    let scratch = Scratch::new();
    scratch.write("a.toml", WRONG);
    scratch.run(&["run", "a.toml"]).expect(2);
    scratch.run(&["run", "a.toml", "--dry-run"]).expect(2);
    assert!(!scratch.path("runs").exists());
}

#[test]
fn messages_have_no_colour_off_a_terminal() {
    let scratch = Scratch::new();
    scratch.write("a.toml", WRONG);
    let mut command = scratch.command(&["run", "a.toml"]);
    let output = command
        .env_remove("NO_COLOR")
        .output()
        .expect("the program starts");
    assert!(!output.stderr.contains(&0x1b));
}

#[test]
fn a_file_that_cannot_be_read_as_settings_ends_with_the_code_of_bad_settings() {
    let scratch = Scratch::new();
    fs::write(scratch.path("bytes.toml"), [0xff, 0xfe, 0x00]).unwrap();
    scratch.write("empty.toml", "");
    for file in ["missing.toml", ".", "bytes.toml", "empty.toml"] {
        let run = scratch.run(&["run", file]).expect(2);
        assert!(run.stderr.contains(&format!("{file}:")), "{run:#?}");
    }
}

#[cfg(unix)]
#[test]
fn a_sweep_file_is_a_regular_file() {
    let scratch = Scratch::new();
    let made = Command::new("mkfifo").arg(scratch.path("pipe")).status();
    assert!(made.expect("there is mkfifo").success());
    for path in ["pipe", "/dev/zero", "/dev/null", "/dev/stdin"] {
        let mut command = scratch.command(&["run", path]);
        let run = Finished::of(command.stdin(Stdio::piped())).expect(2);
        let message = format!("{path}: expected a sweep file, found a pipe, a device or a socket");
        assert!(run.stderr.contains(&message), "{run:#?}");
    }
    scratch.write("a.toml", WRONG);
    let file = fs::File::open(scratch.path("a.toml")).unwrap();
    let mut command = scratch.command(&["run", "/dev/stdin"]);
    let run = Finished::of(command.stdin(file)).expect(2);
    assert!(
        run.stderr.contains("/dev/stdin:2:20: losses[0].name"),
        "{run:#?}"
    );
    let run = scratch.run(&["run", "."]).expect(2);
    assert!(run.stderr.contains("found a directory"), "{run:#?}");
    assert!(run.stderr.contains("such as ./a.toml"), "{run:#?}");
}

/// Runs `losses eval` on `input`.
fn evaluate(scratch: &Scratch, input: &str, loss: &str) -> Finished {
    scratch.run(&[
        "losses",
        "eval",
        "--loss",
        loss,
        "--input",
        input,
        "--backend",
        "flex",
    ])
}

#[test]
fn logits_that_cannot_be_read_or_computed_are_bad_usage() {
    let scratch = Scratch::new();
    let logits = |logits: &str| format!(r#"[{{"logits": {logits}, "targets": [0]}}]"#).into_bytes();
    for (text, message) in [
        (
            b"[{\"logits\":\n[[1, \xff".to_vec(),
            "cases.json:2:6: expected UTF-8 text, found the byte 0xff",
        ),
        (
            b"\xff\xfe[\0]\0".to_vec(),
            "cases.json:1:1: expected UTF-8 text, found the byte 0xff",
        ),
        (
            logits("[[1, 1e400]]"),
            "cases.json:1:22: expected JSON such as",
        ),
        (
            logits("[[1, nan]]"),
            "cases.json:1:19: expected JSON such as",
        ),
        (
            logits("[[1, Infinity]]"),
            "cases.json:1:18: expected JSON such as",
        ),
        (
            logits("[[1, 1e39]]"),
            "case 0: logits: row 0: expected numbers of float32, found 1e39",
        ),
        (
            logits("[[1, -3.5e38]]"),
            "case 0: logits: row 0: expected numbers of float32, found -3.5e38",
        ),
        (
            logits("[[3e38, -3e38]]"),
            "case 0: logits: row 0: expected numbers with a loss that is finite in float32, found",
        ),
        (
            logits("[[]]"),
            "case 0: logits: expected at least two classes, found 0",
        ),
        (
            logits("[]"),
            "case 0: logits: expected at least one row, found none",
        ),
        (Vec::new(), "cases.json:1:0: expected JSON such as"),
    ] {
        fs::write(scratch.path("cases.json"), &text).unwrap();
        let run = evaluate(&scratch, "cases.json", "cross_entropy").expect(2);
        assert!(run.stderr.contains(message), "{message}: {run:#?}");
        assert_eq!(run.stdout, "");
    }
    for path in ["missing.json", "."] {
        let run = evaluate(&scratch, path, "focal").expect(2);
        assert!(
            run.stderr
                .contains(&format!("{path}: expected a JSON file")),
            "{run:#?}"
        );
    }
    fs::write(
        scratch.path("cases.json"),
        [b"\xef\xbb\xbf", &logits("[[0, 0]]")[..]].concat(),
    )
    .unwrap();
    evaluate(&scratch, "cases.json", "focal").expect(0);
}

#[cfg(unix)]
#[test]
fn arguments_that_are_no_text_are_bad_usage() {
    use std::os::unix::ffi::OsStrExt;

    let scratch = Scratch::new();
    let bytes = std::ffi::OsStr::from_bytes(b"\xff");
    for arguments in [
        &["losses"][..],
        &["losses", "eval", "--input", "a.json", "--loss"],
        &["run"],
    ] {
        let run = Finished::of(scratch.command(arguments).arg(bytes)).expect(2);
        assert!(!run.stderr.is_empty());
    }
}

#[test]
fn a_wrong_loss_on_the_command_line_is_bad_usage() {
    let scratch = Scratch::new();
    scratch.write("cases.json", "[]");
    let loss = "{ name = \"focal\", gama = 3 }";
    let arguments = [
        "losses",
        "eval",
        "--loss",
        loss,
        "--input",
        "cases.json",
        "--backend",
        "flex",
    ];
    let run = scratch.run(&arguments).expect(2);
    assert!(
        run.stderr.contains("loss.gama: unknown parameter of focal"),
        "{run:#?}"
    );
    assert!(run.stderr.contains("did you mean gamma?"), "{run:#?}");
}

#[test]
fn a_cause_from_the_operating_system_is_named_once() {
    let scratch = Scratch::new();
    scratch.write("a.toml", &sweep(CROSS_ENTROPY, "[1]", ""));
    scratch.write("file", "");
    // A folder in place of each file that is read or written.
    for folder in [
        "weights.safetensors",
        "weights.pth",
        "store/trials",
        "data/cifar-10-batches-bin/test_batch.bin",
    ] {
        std::fs::create_dir_all(scratch.path(folder)).unwrap();
    }
    scratch.write("store/attempts", "");
    let eval = ["eval", "--dataset", "shapes", "--backend", "flex"];
    let cases: [&[&str]; 8] = [
        &["run", "a.toml", "--store", "store"],
        &["run", "a.toml", "--store", "file/store"],
        &[&eval[..], &["--weights", "weights.safetensors"]].concat(),
        &[&eval[..], &["--weights", "missing.pth"]].concat(),
        &[
            "losses",
            "eval",
            "--loss",
            "{ name = \"focal\" }",
            "--input",
            "weights.pth",
        ],
        &["run", "weights.pth"],
        &["eval", "--weights", "missing.pth", "--data-dir", "data"],
        &["data", "fetch", "cifar10", "--data-dir", "file"],
    ];
    for arguments in cases {
        let run = scratch.run(arguments);
        assert_ne!(run.code, Some(0), "{run:#?}");
        let causes = run.stderr.matches("os error").count();
        assert!(causes <= 1, "{arguments:?}: {run:#?}");
        let sentences: Vec<&str> = run.stderr.trim().split(": ").collect();
        for (index, sentence) in sentences.iter().enumerate() {
            assert!(!sentences[..index].contains(sentence), "{run:#?}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named_once() {
    let scratch = Scratch::new();
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut command = scratch.command(&["losses"]);
    let output = command.stdout(full).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "error: No space left on device (os error 28)\n"
    );
}
