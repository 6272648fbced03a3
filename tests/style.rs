//! What every source of the project is held to: short functions and files, nothing left over from work on it, no path
//! of the machine that it was written on.

use crate::sources::{self, Source};

const FUNCTION_LINES: usize = 70;
const FILE_LINES: usize = 400;

#[test]
fn functions_and_files_are_short() {
    assert_none(&too_long(&sources::all()));
}

#[test]
fn nothing_is_left_over_from_work() {
    assert_none(&left_over(&sources::all()));
}

#[test]
fn no_text_names_a_path_of_one_machine() {
    assert_none(&paths_of_a_machine(&sources::all()));
}

#[track_caller]
fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// Functions of more lines of code, and files of more lines, than are easily read.
fn too_long(sources: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    for Source { path, text } in sources.iter().filter(|source| source.is_rust()) {
        let lines: Vec<&str> = text.lines().collect();
        if lines.len() > FILE_LINES {
            let found = lines.len();
            faults.push(format!(
                "{path}: expected at most {FILE_LINES} lines, found {found}"
            ));
        }
        for (index, line) in lines.iter().enumerate() {
            let Some(name) = function(line) else { continue };
            let found = lines_of_code(&lines[index..]);
            if found > FUNCTION_LINES {
                let line = index + 1;
                faults.push(format!(
                    "{path}:{line}: {name}: expected at most {FUNCTION_LINES} lines of code, found {found}"
                ));
            }
        }
    }
    faults
}

/// The name of the function that a line begins.
fn function(line: &str) -> Option<&str> {
    const BEFORE: [&str; 7] = [
        "pub",
        "pub(crate)",
        "pub(super)",
        "const",
        "async",
        "unsafe",
        "extern",
    ];
    let mut words = line
        .split_whitespace()
        .skip_while(|word| BEFORE.contains(word));
    let rest = words
        .next()
        .filter(|word| *word == "fn")
        .and_then(|_| words.next())?;
    rest.split(['(', '<']).next()
}

/// Of the function that begins with the first of `lines`: as rustfmt indents it, it ends with the first brace or
/// semicolon that stands no deeper than its beginning.
fn lines_of_code(lines: &[&str]) -> usize {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let first = lines[0];
    let is_end = |line: &&&str| {
        indent(line) == indent(first) && (line.trim() == "}" || line.ends_with(['}', ';']))
    };
    let end = lines
        .iter()
        .position(|line| is_end(&line))
        .map_or(lines.len(), |end| end + 1);
    let is_code = |line: &&&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
    lines[..end].iter().filter(is_code).count()
}

/// Macros that mark what is not done, or not meant to stay.
fn left_over(sources: &[Source]) -> Vec<String> {
    // In two pieces, so that this file has none of them.
    let macros = ["dbg", "todo", "unimplemented"].map(|name| format!("{name}{}", "!("));
    let mut faults = Vec::new();
    for Source { path, text } in sources.iter().filter(|source| source.is_rust()) {
        for (number, line) in (1..).zip(text.lines()) {
            let found = macros.iter().filter(|name| line.contains(*name));
            faults.extend(found.map(|name| format!("{path}:{number}: expected no {name}…)")));
        }
    }
    faults
}

/// Absolute paths, which are another's on another machine, but for those of every system. Tests may make some up.
fn paths_of_a_machine(sources: &[Source]) -> Vec<String> {
    const OF_EVERY_SYSTEM: [&str; 4] = ["/dev/", "/proc/", "/sys/", "/usr/"];
    let tests = sources::test_files(sources);
    let mut faults = Vec::new();
    for source in sources
        .iter()
        .filter(|source| !tests.contains(source.path.as_str()))
    {
        let lines: Vec<(usize, &str)> = if source.is_rust() {
            source.code().collect()
        } else {
            (1..).zip(source.text.lines()).collect()
        };
        for (number, line) in lines {
            let found = absolute_paths(line).filter(|folder| !OF_EVERY_SYSTEM.contains(folder));
            let path = &source.path;
            faults.extend(found.map(|folder| {
                format!("{path}:{number}: expected no path outside the project, found {folder}…")
            }));
        }
    }
    faults
}

/// The first folder of each absolute path in `line`, such as `/a/` of `cat /a/b/c`.
fn absolute_paths(line: &str) -> impl Iterator<Item = &str> {
    // The content of a `data:` URL is Base64, in which a slash is a digit.
    let places = line.match_indices('/').filter(|(place, _)| {
        let before = &line[..*place];
        let data = before.rfind(";base64,");
        data.is_none_or(|data| before[data..].contains('"'))
    });
    places.filter_map(|(place, _)| {
        let name = &line[place + 1..];
        let length = name.find(|c: char| !c.is_alphanumeric() && !"._-".contains(c))?;
        let is_folder = length > 0 && name[length..].starts_with('/');
        (is_folder && can_begin_a_path(&line[..place])).then(|| &line[place..place + length + 2])
    })
}

/// Whether a slash after `before` is the first of its path: not within a longer one, or a web address.
fn can_begin_a_path(before: &str) -> bool {
    let mut before = before.chars().rev();
    match before.next() {
        // The path goes on after a quote that closes, as in `"$folder"/file`.
        Some('"' | '\'' | '`') => !before
            .next()
            .is_some_and(|c| c.is_alphanumeric() || c == '}'),
        Some(last) => !last.is_alphanumeric() && !"._-/}$)~:*]>".contains(last),
        None => true,
    }
}

#[test]
fn a_long_function_and_a_long_file_are_found() {
    let body = "        let x = 1;\n".repeat(FUNCTION_LINES - 2);
    let short = format!("    pub(super) fn short<T>() {{\n{body}\n        // no code\n    }}\n");
    let source = |text: &str| [Source::new("a.rs", text)];
    assert_eq!(too_long(&source(&short)), [""; 0]);
    let long = short.replace("        // no code\n", "        f();\n");
    assert_eq!(
        too_long(&source(&format!("\n{long}"))),
        ["a.rs:2: short: expected at most 70 lines of code, found 71"]
    );
    let file = "// no code\n".repeat(FILE_LINES + 1);
    assert_eq!(
        too_long(&source(&file)),
        ["a.rs: expected at most 400 lines, found 401"]
    );
}

#[test]
fn what_is_left_over_is_found() {
    let text = format!("f();\n    {}{}x);\n", "dbg", "!(");
    let faults = left_over(&[Source::new("tests/a.rs", &text)]);
    let expected = format!("tests/a.rs:2: expected no {}{}…)", "dbg", "!(");
    assert_eq!(faults, [expected]);
}

#[test]
fn a_path_of_a_machine_is_found_outside_of_tests() {
    let text = "see https://a.b/home/c and $X/data/c\nin /data/someone/c\n";
    let found = paths_of_a_machine(&[Source::new("a.md", text), Source::new("tests/b.rs", text)]);
    assert_eq!(
        found,
        ["a.md:2: expected no path outside the project, found /data/…"]
    );
}

#[test]
fn an_absolute_path_is_told_from_a_part_of_one() {
    let found = |line| absolute_paths(line).collect::<Vec<_>>();
    for line in [
        "/a/b",
        "cd /a/b",
        "let x = \"/a/b\";",
        "x='/a/'",
        "`/a/b/c`",
        "(/a/b)",
    ] {
        assert_eq!(found(line), ["/a/"], "{line}");
    }
    assert_eq!(found("mv /a/b /c/d"), ["/a/", "/c/"]);
    for line in [
        "a/b/c and/or 5 MB/s/core",
        "https://a/b/c",
        "\"$x\"/a/b ${x}/a/b $(x)/a/b ~/a/b",
        "../a/b ./a/b",
        ":/a/*/b/c",
        "/a",
    ] {
        assert_eq!(found(line), [""; 0], "{line}");
    }
}
