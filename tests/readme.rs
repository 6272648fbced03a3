//! README.md says what the program says.

use std::fs;
use std::path::Path;

use bonus_loss::{Kind, LOSSES, LossEntry, Parameter, Value};

use crate::support::Scratch;

const README: &str = include_str!("../README.md");
const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

const LOSSES_START: &str =
    "<!-- losses, written by the tests: EXPERIMENT_WRITE_DOCS=1 cargo test --release -->\n";
const LOSSES_END: &str = "<!-- end of losses -->\n";

#[test]
fn both_readmes_list_the_losses_as_they_are() {
    let rows: String = LOSSES.iter().map(loss_row).collect();
    let table = format!("| loss | description | parameters |\n|---|---|---|\n{rows}");
    for readme in ["README.md", "crates/bonus-loss/README.md"] {
        let path = Path::new(WORKSPACE).join(readme);
        let text = fs::read_to_string(&path).unwrap();
        let (before, rest) = text
            .split_once(LOSSES_START)
            .expect("the table has a start");
        let (found, after) = rest.split_once(LOSSES_END).expect("the table has an end");
        if std::env::var_os("EXPERIMENT_WRITE_DOCS").is_some() {
            let text = format!("{before}{LOSSES_START}{table}{LOSSES_END}{after}");
            fs::write(&path, text).unwrap();
        } else {
            assert_eq!(
                found, table,
                "{readme}: EXPERIMENT_WRITE_DOCS=1 writes the table again"
            );
        }
    }
}

fn loss_row(entry: &LossEntry) -> String {
    let parameters: Vec<String> = match entry.name {
        "sum" => vec!["`terms = [{ … }, …]`, `weights = [1, …]`".to_owned()],
        _ => entry.parameters.iter().map(parameter).collect(),
    };
    let (name, summary) = (entry.name, entry.summary);
    format!("| `{name}` | {summary} | {} |\n", parameters.join(", "))
}

/// The default, and the other choices if there are any.
fn parameter(parameter: &Parameter) -> String {
    let Parameter { name, default, .. } = parameter;
    match (parameter.kind, default) {
        (Kind::Choice(names), Value::Choice(chosen)) => {
            let others = names.iter().filter(|name| *name != chosen);
            let others: Vec<String> = others.map(|name| format!("`\"{name}\"`")).collect();
            format!("`{name} = {default}` (or {})", others.join(", "))
        }
        _ => format!("`{name} = {}`", default.bare()),
    }
}

#[test]
fn the_program_lists_every_loss() {
    let losses = Scratch::new().run(&["losses"]).expect(0).stdout;
    let lines: Vec<&str> = losses.lines().collect();
    assert_eq!(lines.len(), LOSSES.len());
    for (line, entry) in lines.iter().zip(LOSSES) {
        let (name, summary) = line.split_once(' ').expect("a name and a summary");
        assert_eq!((name, summary.trim()), (entry.name, entry.summary));
    }
}

#[test]
fn readme_names_every_dataset() {
    let datasets = Scratch::new().run(&["data", "list"]).expect(0).stdout;
    let (table, _) = datasets.split_once("\n\n").expect("a table and a note");
    let names: Vec<&str> = (table.lines().skip(2))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(names.len() > 1, "{datasets}");
    for name in names {
        let name = format!("`{name}`");
        assert!(README.contains(&name), "README.md lacks {name}");
    }
}

#[test]
fn readme_lists_every_model() {
    let models = Scratch::new().run(&["models"]).expect(0).stdout;
    let (table, _) = models.split_once("\n\n").expect("a table and a note");
    let rows: Vec<&str> = table.lines().skip(2).collect();
    assert!(!rows.is_empty(), "{models}");
    for row in rows {
        let cells = row
            .split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty());
        let [name, images, _, _, summary] = cells.collect::<Vec<_>>()[..] else {
            panic!("{row}");
        };
        let row = format!("| `{name}` | {summary} | {images} |");
        assert!(README.contains(&row), "README.md lacks the row {row}");
    }
}

#[test]
fn readme_lists_the_exit_codes_as_help_does() {
    let help = Scratch::new().run(&["--help"]).expect(0).stdout;
    let (_, codes) = help.split_once("Exit codes:\n").expect("the exit codes");
    assert!(codes.lines().count() >= 7, "{codes}");
    for line in codes.lines() {
        assert!(README.contains(line.trim()), "README.md lacks {line}");
    }
}

#[test]
fn each_library_says_how_to_depend_on_it_without_a_registry() {
    let read = |file: &str| fs::read_to_string(Path::new(WORKSPACE).join(file)).unwrap();
    let libraries = [
        "bonus-loss",
        "charts",
        "cifar-models",
        "random-streams",
        "training-kernels",
    ];
    for library in libraries {
        let readme = read(&format!("crates/{library}/README.md"));
        let add = format!(
            "cargo add --git {} {library}\n",
            env!("CARGO_PKG_REPOSITORY")
        );
        assert!(readme.contains(&add), "{library} lacks {add}");
        for other in libraries {
            let address = format!("crates.io/crates/{other}");
            assert!(!readme.contains(&address), "{library} links to {address}");
        }
        let manifest = read(&format!("crates/{library}/Cargo.toml"));
        assert!(
            !manifest.contains("\"="),
            "{library} pins a version for its users"
        );
    }
    assert!(!read("Cargo.toml").contains("\"="));
}

#[test]
fn readme_lists_every_sweep_file() {
    let folder = Path::new(WORKSPACE).join("experiments");
    for entry in fs::read_dir(folder).expect("the sweep files are there") {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            README.contains(&format!("(experiments/{name})")),
            "README.md lacks {name}"
        );
    }
}
