//! Sweep files with mistakes, `bad_sweeps/NAME.toml`, and all that the program says of each, `NAME.txt` beside it.
//! `EXPERIMENT_WRITE_DOCS=1` writes the messages as this version has them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::Scratch;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/bad_sweeps");
/// Of files that are no UTF-8.
const BYTES: &str = "toml-bytes";

/// The sweep files by their names without an extension.
fn bad_sweeps() -> BTreeMap<String, PathBuf> {
    let files = fs::read_dir(FOLDER).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let sweeps = files.filter(|path| extension(path) == "toml" || extension(path) == BYTES);
    sweeps.map(|path| (stem(&path), path)).collect()
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}

fn extension(path: &Path) -> &str {
    path.extension().map_or("", |it| it.to_str().unwrap())
}

#[test]
fn every_bad_sweep_file_gets_its_message_and_leaves_nothing() {
    let sweeps = bad_sweeps();
    assert!(sweeps.len() >= 60, "{}", sweeps.len());
    let scratch = Scratch::new();
    let mut changed = Vec::new();
    for (name, path) in &sweeps {
        let file = format!("{name}.toml");
        fs::copy(path, scratch.path(&file)).unwrap();
        let run = scratch.run(&["run", &file, "--dry-run"]).expect(2);
        assert_eq!(run.stdout, "", "{name}");
        let message = Path::new(FOLDER).join(format!("{name}.txt"));
        if std::env::var_os("EXPERIMENT_WRITE_DOCS").is_some() {
            fs::write(&message, &run.stderr).unwrap();
        } else if fs::read_to_string(&message).unwrap_or_default() != run.stderr {
            changed.push(run.stderr);
        }
        fs::remove_file(scratch.path(&file)).unwrap();
    }
    assert!(
        changed.is_empty(),
        "EXPERIMENT_WRITE_DOCS=1 writes these messages:\n{}",
        changed.join("\n")
    );
    let left = fs::read_dir(scratch.path(".")).unwrap().count();
    assert_eq!(left, 0, "a wrong file begins nothing");
}

#[test]
fn every_message_is_that_of_a_bad_sweep_file_and_names_places_in_it() {
    let sweeps = bad_sweeps();
    let files = fs::read_dir(FOLDER).unwrap();
    let messages = files.map(|file| file.unwrap().path());
    let messages: Vec<PathBuf> = messages.filter(|path| extension(path) == "txt").collect();
    assert_eq!(messages.len(), sweeps.len());
    for path in messages {
        let name = stem(&path);
        let text = fs::read_to_string(&path).unwrap();
        let sweep = fs::read(&sweeps[&name]).unwrap();
        let lines = String::from_utf8_lossy(&sweep).split('\n').count();
        let file = format!("{name}.toml:");
        let problems: Vec<&str> = text.lines().filter(|it| it.starts_with(&file)).collect();
        let last = match problems.len() {
            1 => format!("1 error in {name}.toml"),
            count => format!("{count} errors in {name}.toml"),
        };
        assert_eq!(text.lines().last(), Some(last.as_str()), "{text}");
        for problem in problems {
            let rest = &problem[file.len()..];
            // Of what is missing in the whole file there is no place.
            if rest.starts_with(' ') {
                continue;
            }
            let mut place = rest.split(':').map(str::parse::<usize>);
            let (line, column) = (place.next().unwrap(), place.next().unwrap());
            assert!((1..=lines).contains(&line.unwrap()), "{problem}");
            assert!(column.unwrap() > 0, "{problem}");
        }
    }
}
