//! The text of the project, for the tests that hold it to rules.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A file of the project.
#[derive(Clone, Debug)]
pub struct Source {
    /// From the root of the project, such as `crates/experiment/src/main.rs`.
    pub path: String,
    pub text: String,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    pub fn is_rust(&self) -> bool {
        Path::new(&self.path).extension() == Some("rs".as_ref())
    }

    /// Its lines without comments, numbered from 1; those of a test module at its end are left out.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines: Vec<&str> = self.text.lines().collect();
        let is_test =
            |pair: &[&str]| is_for_tests(pair[0]) && pair[1].trim_start() == "mod tests {";
        let end = lines.windows(2).position(is_test).unwrap_or(lines.len());
        let lines = lines.into_iter().take(end).map(without_comment);
        (1..).zip(lines)
    }
}

fn without_comment(line: &str) -> &str {
    match line.find("//") {
        // A web address is none.
        Some(place) if !line[..place].ends_with(':') => &line[..place],
        _ => line,
    }
}

fn is_for_tests(line: &str) -> bool {
    ["#[cfg(test)]", "#[cfg(all(test,"]
        .iter()
        .any(|start| line.trim_start().starts_with(start))
}

/// Every text of the project that people write. Of the folders at its root only those that belong to it: a user
/// may have data, stores and environments beside them.
pub fn all() -> Vec<Source> {
    const FOLDERS: [&str; 7] = [
        ".ci",
        "crates",
        "docs",
        "experiments",
        "results",
        "scripts",
        "tests",
    ];
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let mut sources = Vec::new();
    for folder in FOLDERS {
        collect(root, folder, &mut sources);
    }
    for name in ["README.md", "DESIGN.md", "Cargo.toml"] {
        let text = fs::read_to_string(root.join(name)).unwrap();
        sources.push(Source::new(name, &text));
    }
    assert!(
        sources.len() > 200,
        "only {} texts were found",
        sources.len()
    );
    sources
}

fn collect(root: &Path, folder: &str, sources: &mut Vec<Source>) {
    const ENDS: [&str; 8] = ["rs", "md", "toml", "py", "sh", "html", "txt", "run"];
    let mut entries: Vec<_> = fs::read_dir(root.join(folder)).unwrap().flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().into_string().expect("names are UTF-8");
        let path = format!("{folder}/{name}");
        if entry.file_type().unwrap().is_dir() {
            collect(root, &path, sources);
        } else if ENDS.contains(&name.rsplit('.').next().unwrap_or_default()) {
            let text = fs::read_to_string(entry.path());
            let text = text.unwrap_or_else(|error| panic!("{path}: {error}"));
            sources.push(Source { path, text });
        }
    }
}

/// The files that are compiled for tests alone: those in a folder of tests, and modules that are marked so.
pub fn test_files(sources: &[Source]) -> BTreeSet<&str> {
    let mut marked = Vec::new();
    for source in sources.iter().filter(|source| source.is_rust()) {
        let lines: Vec<&str> = source.text.lines().collect();
        for pair in lines.windows(2).filter(|pair| is_for_tests(pair[0])) {
            let module = pair[1].trim_start_matches("pub ").strip_prefix("mod ");
            if let Some(name) = module.and_then(|module| module.strip_suffix(';')) {
                marked.push(format!("{}/{name}", folder_of(&source.path)));
            }
        }
    }
    let is_test = |path: &str| {
        let stem = path.trim_end_matches(".rs");
        let is_marked = |mark: &String| {
            stem == mark
                || stem
                    .strip_prefix(mark.as_str())
                    .is_some_and(|rest| rest.starts_with('/'))
        };
        path.starts_with("tests/") || path.contains("/tests/") || marked.iter().any(is_marked)
    };
    let paths = sources.iter().map(|source| source.path.as_str());
    paths.filter(|path| is_test(path)).collect()
}

/// The folder of the modules inside of a file's.
pub fn folder_of(path: &str) -> &str {
    let stem = path.trim_end_matches(".rs");
    ["/mod", "/main", "/lib"]
        .iter()
        .find_map(|face| stem.strip_suffix(face))
        .unwrap_or(stem)
}

#[test]
fn tests_are_told_from_the_program() {
    let sources = [
        Source::new(
            "crates/a/src/b.rs",
            "#[cfg(test)]\nmod made_up;\n\nuse x;\n#[cfg(test)]\nmod tests {\n    use y;\n}\n",
        ),
        Source::new("crates/a/src/b/made_up.rs", ""),
        Source::new("crates/a/src/b/made_up/deep.rs", ""),
        Source::new("crates/a/src/b/made_up_not.rs", ""),
        Source::new("tests/c.rs", ""),
    ];
    let tests: Vec<&str> = test_files(&sources).into_iter().collect();
    let expected = [
        "crates/a/src/b/made_up.rs",
        "crates/a/src/b/made_up/deep.rs",
        "tests/c.rs",
    ];
    assert_eq!(tests, expected);
    let code: Vec<&str> = sources[0].code().map(|(_, line)| line).collect();
    assert_eq!(code, ["#[cfg(test)]", "mod made_up;", "", "use x;"]);
}
