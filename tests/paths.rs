//! Files and paths of other systems and habits: line ends of Windows, spaces, links, readers that leave, clocks that jump.

use std::fs;

use crate::run::{CROSS_ENTROPY, sweep};
use crate::support::{Finished, Scratch, id, trials};

const BAD: &str = "name = \"größer\"\nlosses = [{ name = \"focl\" }]\nseeds = [1]\n[train]\nepochs = 0 # größer\n";

/// As an editor of Windows saves it.
fn of_windows(text: &str) -> String {
    format!("\u{feff}{}", text.replace('\n', "\r\n"))
}

fn small() -> String {
    let text = sweep(CROSS_ENTROPY, "[1]", "validation = 20");
    text.replace("epochs = 2", "epochs = 1")
        .replace("width = 2", "width = 1")
}

/// The ids of the trials in a store, of which there are some.
fn ids(scratch: &Scratch, store: &str) -> Vec<String> {
    let ids: Vec<String> = trials(scratch, store).iter().map(|it| id(it)).collect();
    assert!(!ids.is_empty());
    ids
}

#[test]
fn a_sweep_file_of_windows_is_the_same_sweep() {
    let scratch = Scratch::new();
    scratch.write("a.toml", &small());
    scratch.run(&["run", "a.toml", "--store", "s"]).expect(0);
    scratch.write("a.toml", &of_windows(&small()));
    let again = scratch.run(&["run", "a.toml", "--store", "s"]).expect(0);
    assert_eq!(again.stderr, "", "its trial has ended");
    scratch.run(&["run", "a.toml", "--store", "t"]).expect(0);
    assert_eq!(ids(&scratch, "s"), ids(&scratch, "t"));
}

#[test]
fn messages_about_a_sweep_file_of_windows_have_the_same_places() {
    let scratch = Scratch::new();
    scratch.write("a.toml", BAD);
    let plain = scratch.run(&["run", "a.toml"]).expect(2);
    assert!(plain.stderr.contains("\n3 errors in a.toml"), "{plain:#?}");
    scratch.write("a.toml", &of_windows(BAD));
    let windows = scratch.run(&["run", "a.toml"]).expect(2);
    assert_eq!(windows.stderr, plain.stderr);
}

#[test]
fn paths_may_have_spaces_and_any_letters() {
    let scratch = Scratch::new();
    for (folder, store) in [
        ("my sweeps", "results of mine/first try"),
        ("größer 漢字 😀", "ergebnisse é/漢"),
        ("'quoted' \"twice\"", "a;b & c $HOME (1)"),
        ("-begins", "./-s"),
    ] {
        fs::create_dir(scratch.path(folder)).unwrap();
        let file = format!("./{folder}/a b.toml");
        scratch.write(&file, &small());
        let run = scratch.run(&["run", &file, "--store", store]).expect(0);
        assert_eq!(ids(&scratch, store).len(), 1);
        let report = scratch.run(&["report", store]).expect(0);
        assert!(run.stdout.contains(report.stdout.trim()), "{run:#?}");
        scratch.write(&file, BAD);
        let bad = scratch.run(&["run", &file]).expect(2);
        assert!(
            bad.stderr.starts_with(&format!("{file}:1:8: name: ")),
            "{bad:#?}"
        );
    }
}

#[test]
fn a_tilde_that_the_shell_left_is_refused() {
    let scratch = Scratch::new();
    scratch.write("a.toml", &small());
    for arguments in [
        &["run", "~/a.toml"][..],
        &["run", "a.toml", "--store=~/s"],
        &["run", "a.toml", "--store", "~"],
    ] {
        let run = scratch.run(arguments).expect(2);
        let message = "expected a path, found a ~ that the shell did not replace";
        assert!(run.stderr.contains(message), "{run:#?}");
    }
    assert!(!scratch.path("~").exists());
    scratch
        .run(&["run", "a.toml", "--store", "./~/s"])
        .expect(0);
    assert_eq!(ids(&scratch, "./~/s").len(), 1);
}

#[cfg(unix)]
#[test]
fn a_sweep_file_and_a_store_may_be_links() {
    use std::os::unix::fs::symlink;

    let scratch = Scratch::new();
    scratch.write("real.toml", &small());
    fs::create_dir(scratch.path("real-store")).unwrap();
    symlink("real.toml", scratch.path("a.toml")).unwrap();
    symlink("real-store", scratch.path("s")).unwrap();
    let run = scratch.run(&["run", "a.toml", "--store", "s"]).expect(0);
    assert_eq!(ids(&scratch, "real-store").len(), 1);
    for link in ["a.toml", "s"] {
        assert!(scratch.path(link).is_symlink(), "{link} was replaced");
    }
    let report = scratch.run(&["report", "s"]).expect(0);
    assert!(run.stdout.contains(report.stdout.trim()), "{run:#?}");
    let again = scratch.run(&["run", "real.toml", "--store", "real-store"]);
    assert_eq!(again.expect(0).stderr, "");
    symlink("nowhere", scratch.path("broken")).unwrap();
    let broken = scratch.run(&["run", "broken"]).expect(2);
    assert!(
        broken.stderr.starts_with("broken: expected a sweep file"),
        "{broken:#?}"
    );
}

#[test]
fn a_reader_that_has_left_is_no_error() {
    let scratch = Scratch::new();
    scratch.write("a.toml", &small());
    scratch.run(&["run", "a.toml", "--store", "s"]).expect(0);
    let commands = "report s|report s --json|report s --csv|report s --markdown|show s TRIAL|losses|losses focal|models|metrics|\
        data list|schema|plan a.toml|run a.toml --dry-run|run a.toml --store s|run a.toml --store t|--help|report --help";
    for arguments in commands.split('|') {
        let arguments = arguments.replace("TRIAL", &ids(&scratch, "s")[0]);
        let words: Vec<&str> = arguments.split(' ').collect();
        // Nobody reads from before the start on, so that the first write fails.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = scratch.command(&words);
        command.stdout(writer).stderr(std::process::Stdio::piped());
        let child = command.spawn().unwrap();
        // It holds the writing end, too.
        drop(command);
        let run = Finished::new(child.wait_with_output().unwrap()).expect(0);
        assert!(!run.stderr.contains("panic"), "{arguments}: {run:#?}");
        assert!(!run.stderr.contains("error"), "{arguments}: {run:#?}");
    }
    assert_eq!(ids(&scratch, "t"), ids(&scratch, "s"));
}

/// What the program says of a bad file on a terminal; `None` if there is no program that makes terminals.
#[cfg(target_os = "linux")]
fn on_terminal(environment: &[(&str, &str)]) -> Option<String> {
    use std::process::{Command, Stdio};

    let scratch = Scratch::new();
    scratch.write("a.toml", BAD);
    let line = format!("{} run a.toml", env!("CARGO_BIN_EXE_experiment"));
    let mut command = Command::new("script");
    command
        .args(["-qec", &line, "/dev/null"])
        .current_dir(scratch.path("."))
        .env_remove("NO_COLOR")
        .env("TERM", "xterm")
        .envs(environment.iter().copied())
        .stdin(Stdio::null());
    let Ok(run) = command.output() else {
        eprintln!("skipped: script (of util-linux) is not installed");
        return None;
    };
    assert_eq!(run.status.code(), Some(2));
    Some(String::from_utf8(run.stdout).unwrap())
}

#[cfg(target_os = "linux")]
#[test]
fn messages_are_coloured_on_a_terminal_that_can_unless_no_color_is_set() {
    for (environment, is_coloured) in [
        (&[][..], true),
        (&[("NO_COLOR", "")], true),
        (&[("NO_COLOR", "1")], false),
        (&[("TERM", "dumb")], false),
    ] {
        let Some(text) = on_terminal(environment) else {
            return;
        };
        assert!(text.contains("3 errors in a.toml"), "{text}");
        assert_eq!(
            text.contains('\u{1b}'),
            is_coloured,
            "{environment:?}: {text:?}"
        );
    }
}

/// A holder on another machine, of whose process nothing can be told.
const ELSEWHERE: &str = r#"{ "host": "node1", "pid": 7, "pid_space": "another boot", "process_start": 1,
    "time_taken": "2999-01-01T00:00:00Z", "number": 0 }"#;

#[test]
fn a_heartbeat_in_the_future_does_not_keep_a_trial_for_ever() {
    use std::time::{Duration, SystemTime};

    let scratch = Scratch::new();
    scratch.write("a.toml", &small());
    scratch.run(&["run", "a.toml", "--store", "s"]).expect(0);
    let [trial] = ids(&scratch, "s").try_into().unwrap();
    for future in [Duration::ZERO, Duration::from_hours(24 * 365)] {
        let attempt = scratch.path(&format!("t/attempts/{trial}.1"));
        fs::create_dir_all(&attempt).unwrap();
        let lease = attempt.join("lease.json");
        fs::write(&lease, ELSEWHERE).unwrap();
        let file = fs::File::options().write(true).open(&lease).unwrap();
        file.set_modified(SystemTime::now() + future).unwrap();
        // Stale once it stays the same for this long by this machine's steady clock.
        let run = ["run", "a.toml", "--store", "t", "--stale-after", "0"];
        scratch.run(&run).expect(0);
        assert_eq!(ids(&scratch, "t"), [trial.as_str()]);
        fs::remove_dir_all(scratch.path("t")).unwrap();
    }
}
