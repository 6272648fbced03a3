//! README.md says what the program says.

use std::path::Path;

use crate::support::Scratch;

const README: &str = include_str!("../README.md");

#[test]
fn readme_lists_every_loss() {
    let losses = Scratch::new().run(&["losses"]).expect(0);
    for line in losses.stdout.lines() {
        let (name, summary) = line.split_once(' ').expect("a name and a summary");
        let row = format!("| `{name}` | {} |", summary.trim());
        assert!(README.contains(&row), "README.md lacks the row {row}");
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
    let workspace = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let read = |file: &str| std::fs::read_to_string(workspace.join(file)).unwrap();
    let libraries = [
        "bonus-loss",
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
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../experiments");
    for entry in std::fs::read_dir(folder).expect("the sweep files are there") {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            README.contains(&format!("(experiments/{name})")),
            "README.md lacks {name}"
        );
    }
}
