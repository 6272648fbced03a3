//! README.md says what the program says.

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
