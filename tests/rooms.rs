//! The picture of the program's modules: which room may use which.

use std::collections::{BTreeMap, BTreeSet};

use crate::sources::{self, Source, folder_of, test_files};

/// The rooms from top to bottom, each with those that it uses, all of which stand below it. `main` starts them.
const ROOMS: [(&str, &[&str]); 26] = [
    (
        "commands",
        &[
            "cluster", "forecast", "session", "doctor", "bench", "report", "study", "train",
            "measure", "store", "plan", "data", "datasets", "device", "sweep", "terminal", "child",
            "records", "settings", "exit", "cpu", "json", "digest",
        ],
    ),
    ("cluster", &["exit"]),
    (
        "forecast",
        &[
            "session", "bench", "study", "train", "store", "sweep", "device", "terminal",
            "records", "settings",
        ],
    ),
    (
        "session",
        &[
            "doctor", "study", "train", "measure", "store", "plan", "data", "device", "sweep",
            "terminal", "child", "records", "settings", "exit", "memory",
        ],
    ),
    (
        "doctor",
        &[
            "train",
            "measure",
            "store",
            "device",
            "synthetic",
            "child",
            "records",
            "settings",
            "digest",
        ],
    ),
    (
        "bench",
        &[
            "train",
            "measure",
            "data",
            "datasets",
            "device",
            "synthetic",
            "child",
            "settings",
            "exit",
            "memory",
        ],
    ),
    (
        "report",
        &[
            "study", "measure", "store", "sweep", "terminal", "records", "settings", "json",
        ],
    ),
    (
        "study",
        &["plan", "sweep", "measure", "records", "settings", "digest"],
    ),
    (
        "train",
        &[
            "measure", "plan", "data", "datasets", "device", "records", "settings", "digest",
        ],
    ),
    ("store", &["plan", "records", "digest", "json"]),
    ("plan", &["sweep", "settings", "digest"]),
    ("sweep", &["measure", "settings"]),
    ("measure", &["data", "datasets", "records"]),
    ("data", &["datasets", "records", "settings", "digest"]),
    ("device", &["records", "settings"]),
    ("terminal", &["records"]),
    ("child", &["exit"]),
    ("records", &["cpu"]),
    ("settings", &["datasets"]),
    ("datasets", &[]),
    ("synthetic", &[]),
    ("exit", &[]),
    ("cpu", &[]),
    ("digest", &[]),
    ("json", &[]),
    ("memory", &[]),
];

const PROGRAM: &str = "crates/experiment/src";

#[test]
fn every_room_uses_those_of_the_table_and_no_other() {
    let faults = wrong_arrows(&sources::all(), &ROOMS);
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let circles = circles(&sources::all());
    assert!(circles.is_empty(), "\n{}", circles.join("\n"));
}

type Rooms<'a> = [(&'a str, &'a [&'a str])];

/// Where the program differs from the table, and where the table has an arrow up.
fn wrong_arrows(sources: &[Source], rooms: &Rooms) -> Vec<String> {
    let mut faults = Vec::new();
    for (index, (room, used)) in rooms.iter().enumerate() {
        let is_below = |used: &str| rooms[index + 1..].iter().any(|(below, _)| *below == used);
        let above = used.iter().filter(|used| !is_below(used));
        faults
            .extend(above.map(|used| format!("table: {room} uses {used}, which is not below it")));
    }
    let mut seen = BTreeSet::new();
    for module in Modules::of(sources)
        .0
        .values()
        .filter(|module| !module.path.is_empty())
    {
        let (room, file) = (module.path[0].as_str(), &module.source.path);
        let Some((_, allowed)) = rooms.iter().find(|(known, _)| *known == room) else {
            faults.push(format!("{file}: {room} is no room of the table"));
            continue;
        };
        for (line, path) in module.uses() {
            let Some(used) = path.first().filter(|used| *used != room) else {
                continue;
            };
            if allowed.contains(&used.as_str()) {
                seen.insert((room.to_owned(), used.clone()));
            } else {
                let allowed = allowed.join(", ");
                faults.push(format!(
                    "{file}:{line}: {room} uses {used}; it may use: {allowed}"
                ));
            }
        }
    }
    for (room, used) in rooms {
        let arrow = |used: &str| ((*room).to_owned(), used.to_owned());
        let unused = used.iter().filter(|used| !seen.contains(&arrow(used)));
        faults.extend(unused.map(|used| format!("table: {room} does not use {used}")));
    }
    faults
}

/// Files that use each other, each circle once. A folder's own file and those in it count as one: it shows what they
/// make, and they fill in what it says.
fn circles(sources: &[Source]) -> Vec<String> {
    let modules = Modules::of(sources);
    let mut arrows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for module in modules.0.values() {
        for (_, path) in module.uses() {
            let used = modules.resolve(&path);
            let is_kin = |a: &[String], b: &[String]| a.starts_with(b) || b.starts_with(a);
            if !is_kin(&used.path, &module.path) {
                let from = arrows.entry(&module.source.path).or_default();
                from.insert(&used.source.path);
            }
        }
    }
    // What leads nowhere is in no circle.
    loop {
        let ends: Vec<&str> = arrows.keys().copied().collect();
        let before = arrows.values().map(BTreeSet::len).sum::<usize>();
        for used in arrows.values_mut() {
            used.retain(|used| ends.contains(used));
        }
        arrows.retain(|_, used| !used.is_empty());
        if before == arrows.values().map(BTreeSet::len).sum::<usize>() {
            break;
        }
    }
    let lines = arrows.iter().map(|(file, used)| {
        let used: Vec<&str> = used.iter().copied().collect();
        format!("{file} uses {} in a circle", used.join(", "))
    });
    lines.collect()
}

/// A file of the program.
struct Module<'a> {
    source: &'a Source,
    /// Its place, such as `["store", "lock"]`; empty for `main.rs`.
    path: Vec<String>,
}

/// The modules of the program, tests left out, by their places.
struct Modules<'a>(BTreeMap<Vec<String>, Module<'a>>);

impl<'a> Modules<'a> {
    fn of(sources: &'a [Source]) -> Self {
        let tests = test_files(sources);
        let program = sources.iter().filter_map(|source| {
            let place = folder_of(&source.path).strip_prefix(PROGRAM)?;
            let is_program = source.is_rust() && !tests.contains(source.path.as_str());
            let path = place.split('/').filter(|name| !name.is_empty());
            let path: Vec<String> = path.map(str::to_owned).collect();
            is_program.then(|| (path.clone(), Module { source, path }))
        });
        Self(program.collect())
    }

    /// The module that defines what is at `path`, behind names that are shown again.
    fn resolve(&self, path: &[String]) -> &Module<'a> {
        let found = (0..=path.len()).rev().find_map(|end| {
            let module = self.0.get(&path[..end])?;
            Some((module, path.get(end)))
        });
        let (module, name) = found.expect("main.rs is a module");
        let shown = name.and_then(|name| {
            let mut uses = module.uses().into_iter().map(|(_, path)| path);
            uses.find(|used| {
                used.last() == Some(name)
                    && used.len() > module.path.len() + 1
                    && used.starts_with(&module.path)
            })
        });
        match shown {
            Some(shown) => self.resolve(&shown),
            None => module,
        }
    }
}

impl Module<'_> {
    /// Every path in its code that begins with `crate`, `self` or `super`, from the root, with its line.
    fn uses(&self) -> Vec<(usize, Vec<String>)> {
        let code: Vec<(usize, &str)> = self.source.code().collect();
        let text: String = code.iter().map(|(_, line)| format!("{line}\n")).collect();
        let mut uses = Vec::new();
        for start in ["crate", "self", "super"] {
            for (place, _) in text.match_indices(&format!("{start}::")) {
                let is_whole =
                    !text[..place].ends_with(|c: char| c.is_alphanumeric() || "_:$".contains(c));
                if is_whole {
                    let line = text[..place].matches('\n').count() + 1;
                    let mut paths = Vec::new();
                    read_paths(&mut &text[place..], Vec::new(), &mut paths);
                    uses.extend(paths.into_iter().map(|path| (line, self.absolute(path))));
                }
            }
        }
        uses
    }

    fn absolute(&self, path: Vec<String>) -> Vec<String> {
        let mut absolute = self.path.clone();
        for name in path {
            match name.as_str() {
                "crate" => absolute.clear(),
                "self" => {}
                "super" => {
                    absolute.pop();
                }
                _ => absolute.push(name),
            }
        }
        absolute
    }
}

/// Reads a path, or the paths of a tree in braces, from the start of `text`.
fn read_paths(text: &mut &str, mut path: Vec<String>, paths: &mut Vec<Vec<String>>) {
    *text = text.trim_start();
    if let Some(inside) = text.strip_prefix('{') {
        *text = inside;
        loop {
            read_paths(text, path.clone(), paths);
            let end = text.find([',', '}']).unwrap_or(text.len());
            let is_last =
                !text[end..].starts_with(',') || text[end + 1..].trim_start().starts_with('}');
            *text = text.get(end + 1..).unwrap_or_default();
            if is_last {
                return;
            }
        }
    }
    let end = text
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    *text = rest;
    if !name.is_empty() {
        path.push(name.to_owned());
    }
    match rest.strip_prefix("::") {
        Some(rest) if !name.is_empty() => {
            *text = rest;
            read_paths(text, path, paths);
        }
        _ => paths.push(path),
    }
}

const TABLE: [(&str, &[&str]); 2] = [("above", &["below"]), ("below", &[])];

fn program(files: &[(&str, &str)]) -> Vec<Source> {
    let main = Source::new(&format!("{PROGRAM}/main.rs"), "mod above;\nmod below;\n");
    let file = |(name, text): &(&str, &str)| Source::new(&format!("{PROGRAM}/{name}"), text);
    [main].into_iter().chain(files.iter().map(file)).collect()
}

#[test]
fn an_arrow_that_the_table_lacks_is_named_with_file_line_and_rule() {
    let good = (
        "above/mod.rs",
        "use crate::below;\n#[cfg(test)]\nmod tests {\n    use crate::main;\n}\n",
    );
    let faults = |below: &str| wrong_arrows(&program(&[good, ("below.rs", below)]), &TABLE);
    assert_eq!(faults("// crate::above is above\n"), [""; 0]);
    let named = ["crates/experiment/src/below.rs:2: below uses above; it may use: "];
    for up in [
        "use crate::above;",
        "use crate::{\n    above::X,\n};",
        "f(crate::above::x())",
        "use super::above;",
    ] {
        assert_eq!(faults(&format!("\n{up}\n")), named, "{up}");
    }
}

#[test]
fn a_table_with_an_arrow_up_or_a_room_too_few_or_an_arrow_too_many_is_wrong() {
    let sources = program(&[("above/mod.rs", "use crate::below;"), ("below.rs", "")]);
    let up: [(&str, &[&str]); 2] = [("below", &[]), ("above", &["below"])];
    assert_eq!(
        wrong_arrows(&sources, &up),
        ["table: above uses below, which is not below it"]
    );
    let without: [(&str, &[&str]); 1] = [("above", &[])];
    let faults = wrong_arrows(&sources, &without);
    let expected = [
        "crates/experiment/src/above/mod.rs:1: above uses below; it may use: ",
        "crates/experiment/src/below.rs: below is no room of the table",
    ];
    assert_eq!(faults, expected);
    let unused = program(&[("above/mod.rs", ""), ("below.rs", "")]);
    assert_eq!(
        wrong_arrows(&unused, &TABLE),
        ["table: above does not use below"]
    );
}

#[test]
fn a_circle_of_files_is_named_be_it_through_names_that_a_folder_shows_again() {
    let face = ("above/mod.rs", "mod a;\nmod b;\npub use self::b::{B, C};");
    let a = ("above/a.rs", "use super::{D, B};");
    let circle = |b| circles(&program(&[face, a, ("above/b.rs", b)]));
    assert_eq!(circle("use super::D;"), [""; 0]);
    let expected = [
        "crates/experiment/src/above/a.rs uses crates/experiment/src/above/b.rs in a circle",
        "crates/experiment/src/above/b.rs uses crates/experiment/src/above/a.rs in a circle",
    ];
    assert_eq!(circle("use super::a::A;"), expected);
}
