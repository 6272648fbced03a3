//! What the whole program does with bad settings: exit code 2, every problem at once on standard
//! error, nothing on standard output, and nothing begun.

use crate::support::Scratch;

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
        "a.toml:5:10: train.epochs: expected a whole number from 1 to 100000, found 0",
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
    std::fs::write(scratch.path("bytes.toml"), [0xff, 0xfe, 0x00]).unwrap();
    scratch.write("empty.toml", "");
    for file in ["missing.toml", ".", "bytes.toml", "empty.toml"] {
        let run = scratch.run(&["run", file]).expect(2);
        assert!(run.stderr.contains(&format!("{file}:")), "{run:#?}");
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
