//! What a run shows, on a terminal and elsewhere.

use crate::run::{CROSS_ENTROPY, sweep};
use crate::support::Scratch;

const RUN: [&str; 4] = ["run", "a.toml", "--store", "s"];

fn scratch() -> Scratch {
    let scratch = Scratch::new();
    let text = sweep(CROSS_ENTROPY, "[1, 2]", "validation = 20");
    scratch.write("a.toml", &text);
    scratch
}

#[test]
fn elsewhere_than_on_a_terminal_each_epoch_is_a_line_with_the_time_left() {
    let run = scratch().run(&RUN).expect(0);
    let lines: Vec<&str> = run.stderr.lines().collect();
    for place in ["[1/2]", "[2/2]"] {
        let epochs = lines.iter().filter(|line| {
            line.starts_with(place) && line.contains(": epoch ") && line.ends_with("s left")
        });
        assert_eq!(epochs.count(), 2, "{run:#?}");
    }
    assert!(!run.stderr.contains('\u{1b}'), "{run:#?}");
    let jobs = scratch().run(&[&RUN[..], &["--jobs", "2"]].concat());
    let jobs = jobs.expect(0);
    assert_eq!(jobs.stderr.matches(": epoch ").count(), 4, "{jobs:#?}");
    assert_eq!(jobs.stderr.matches(": done: ").count(), 2, "{jobs:#?}");
    assert_eq!(jobs.stdout, run.stdout);
}

#[test]
fn quiet_leaves_the_table_and_warnings_and_verbose_adds_details() {
    let mixed = || {
        let scratch = Scratch::new();
        let text = sweep(CROSS_ENTROPY, "[1]", r#"precision = "mixed""#);
        scratch.write("a.toml", &text);
        scratch
    };
    let usual = mixed().run(&RUN).expect(0);
    for jobs in ["1", "2"] {
        let arguments = [&RUN[..], &["--jobs", jobs, "-q"]].concat();
        let quiet = mixed().run(&arguments).expect(0);
        assert_eq!(quiet.stdout, usual.stdout);
        let lines: Vec<&str> = quiet.stderr.lines().collect();
        assert!(
            lines.len() == 1 && lines[0].starts_with("warning: precision: "),
            "{quiet:#?}"
        );
    }
    let arguments = ["--verbose", "run", "a.toml", "--checkpoint-interval", "0"];
    let verbose = mixed().run(&arguments).expect(0);
    for part in ["results are bitwise reproducible, ", "checkpoint of "] {
        assert!(verbose.stderr.contains(part), "{part}: {verbose:#?}");
    }
    mixed().run(&["run", "a.toml", "-q", "-v"]).expect(2);
}

/// Runs the program on a terminal of so many columns; gives what it wrote there. `None` if there is no
/// program that makes terminals.
#[cfg(target_os = "linux")]
fn on_terminal(scratch: &Scratch, columns: usize, kind: &str, more: &str) -> Option<String> {
    use std::process::{Command, Stdio};

    let program = env!("CARGO_BIN_EXE_experiment");
    let line = format!("stty cols {columns} rows 24; exec {program} run a.toml {more} >table");
    let run = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .current_dir(scratch.path("."))
        .env("TERM", kind)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output();
    let Ok(run) = run else {
        eprintln!("skipped: script (of util-linux) is not installed");
        return None;
    };
    let text = String::from_utf8(run.stdout).expect("messages are UTF-8");
    assert!(run.status.success(), "{text}");
    Some(text)
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_shows_bars_that_fit_and_warnings_above_them() {
    for (columns, jobs) in [(80, "1"), (60, "2"), (40, "1"), (20, "1")] {
        let scratch = scratch();
        let more = format!("--jobs {jobs} --store s");
        let Some(text) = on_terminal(&scratch, columns, "xterm", &more) else {
            return;
        };
        assert!(text.contains("sweep "), "{text}");
        // A process for each trial shows none of its own; a short phase of one may fall between two drawings.
        assert_eq!(
            text.contains("\ntrial  ") || text.contains("Jtrial  "),
            jobs == "1",
            "{text:?}"
        );
        assert!(!text.contains(": epoch "), "{text}");
        assert!(text.contains("[2/2] "), "{text}");
        // Between what moves the cursor, as it does before and after the bars.
        for part in text.split(['\r', '\n', '\u{1b}']) {
            let part = part.strip_prefix("[0J").unwrap_or(part);
            let bar = part.contains('░') || part.contains('█');
            assert!(!bar || part.chars().count() < columns, "{part:?}");
        }
        // Erased in the end.
        let last = text.rfind(['░', '█']).expect("bars");
        assert!(text[last..].contains("\u{1b}[0J"), "{text:?}");
    }
    let scratch = scratch();
    scratch.write(
        "a.toml",
        &sweep(CROSS_ENTROPY, "[1]", r#"precision = "mixed""#),
    );
    let Some(text) = on_terminal(&scratch, 80, "xterm", "-v") else {
        return;
    };
    assert!(text.contains("warning: precision: "), "{text}");
    assert!(text.contains(": epoch 2/2: "), "{text}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_that_cannot_move_its_cursor_gets_lines() {
    for kind in ["dumb", ""] {
        let Some(text) = on_terminal(&scratch(), 80, kind, "") else {
            return;
        };
        assert_eq!(text.matches(": epoch ").count(), 4, "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}
