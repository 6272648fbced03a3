//! Files and texts gone wrong, and how problems are shown.

use std::fs;

use super::*;

#[test]
fn a_wrong_key_outside_of_tables_is_refused() {
    const NAME: &str = "expected a folder's name (an ASCII letter or digit, then ASCII letters, digits, '-', '_' and '.', at most 100)";
    let name = |found: &str| (format!("1:8: name: {NAME}, found {found}"), String::new());
    let long = "x".repeat(101);
    for (text, found) in [
        ("\"\"", "\"\""),
        ("\"..\"", "\"..\""),
        ("\"a/b\"", "\"a/b\""),
        ("\"a b\"", "\"a b\""),
        ("\"naïve\"", "\"naïve\""),
        (&format!("{long:?}"), &format!("\"{}…\"", &long[..40])),
    ] {
        let diagnostics = refused(&format!(
            "name = {text}\nlosses = [{{ name = \"focal\" }}]\nseeds = [1]\n"
        ));
        let (line, help) = name(found);
        assert_eq!(
            diagnostics.lines(),
            [(format!("x.toml:{line}"), help.as_str())]
        );
    }
    #[rustfmt::skip]
    let cases: &[Case] = &[
        ("description = 3", "4:15: description: expected text in quotes, found 3", ""),
        ("epochs = 3", "4:1: epochs: expected in [train], found above it", "move it below the line [train]"),
        ("backend = \"flex\"", "4:1: backend: expected in [train], found above it", "move it below the line [train]"),
        ("seed = 3", "4:1: seed: unknown key", "did you mean seeds, as in seeds = [1, 2, 3]?"),
        ("loss = \"focal\"", "4:1: loss: unknown key", "did you mean losses, as in losses = [{ name = \"cross_entropy\" }]?"),
        ("epoch = 3", "4:1: epoch: unknown key", "did you mean epochs below the line [train]?"),
        ("gamma = 3", "4:1: gamma: unknown key", "a parameter of focal: write a loss such as { name = \"focal\", gamma = 2 }"),
        ("[train.grid]\nwidth = [4]", "4:8: train.grid: expected as a separate table, found in [train]", "write [grid]"),
        ("desciption = \"\"", "4:1: desciption: unknown key", "did you mean description?"),
        ("\"\" = 3", "4:1: \"\": unknown key", "valid names: name, description, losses, seeds, train, grid, tune, claim, reference"),
        ("train = 3", "4:9: train: expected a table, found 3", ""),
        ("[trian]\nepochs = 3", "4:2: trian: unknown key", "did you mean train?"),
        ("[train]\n[train.epochs]\na = 1", "5:1: train.epochs: expected an integer from 1 to 100000, found a table", "Passes over the training images; 200 by default"),
    ];
    assert_refused(cases, |lines| format!("{SHORTEST}{lines}\n"));
    #[rustfmt::skip]
    let cases: &[Case] = &[
        ("1", "3:9: seeds: expected a list of integers, found 1", "write […] around it"),
        ("[]", "3:9: seeds: expected a list of integers, found an empty list", "write seeds = [1, 2, 3]"),
        ("[1, 2, 1]", "3:16: seeds[2]: duplicate of seeds[0]", "it would train the same trials twice"),
        ("[-1]", "3:10: seeds[0]: expected an integer from 0 to 9007199254740991, found -1", "list the seeds, as in seeds = [1, 2, 3]"),
        ("[1.0]", "3:10: seeds[0]: expected an integer from 0 to 9007199254740991, found 1.0", "write 1"),
        ("[9007199254740992]", "3:10: seeds[0]: expected an integer from 0 to 9007199254740991, found 9007199254740992", "list the seeds, as in seeds = [1, 2, 3]"),
        ("[[1]]", "3:10: seeds[0]: expected an integer from 0 to 9007199254740991, found a list", "list the seeds, as in seeds = [1, 2, 3]"),
        ("\"1-3\"", "3:9: seeds: expected a list of integers, found \"1-3\"", "write seeds = [1, 2, 3]"),
        ("\"1..3\"", "3:9: seeds: expected a list of integers, found \"1..3\"", "write seeds = [1, 2, 3]"),
        ("\"3\"", "3:9: seeds: expected a list of integers, found \"3\"", "write seeds = [1, 2, 3]"),
        ("[\"1-3\"]", "3:10: seeds[0]: expected an integer from 0 to 9007199254740991, found \"1-3\"", "list the seeds, as in seeds = [1, 2, 3]"),
        ("{ from = 1 }", "3:11: seeds.from: unknown key", "list the seeds, as in seeds = [1, 2, 3]"),
    ];
    assert_refused(cases, |seeds| {
        format!("name = \"a\"\nlosses = [{{ name = \"focal\" }}]\nseeds = {seeds}\n")
    });
}

#[test]
fn what_is_no_toml_is_refused_where_it_stops_being_toml() {
    #[rustfmt::skip]
    let cases: &[Case] = &[
        ("[train]\nmodel = resnet18", "5:9: string values must be quoted, expected literal string", "put text in straight quotes, as in model = \"resnet18\""),
        ("[train]\nnesterov = True", "5:12: invalid boolean, expected `true`", "true and false are lowercase"),
        ("[train]\nepochs = 3\nepochs = 4", "6:1: duplicate key", "it has been defined above: merge both, or remove one of them"),
        ("[train]\nepochs =", "5:9: expected a value after `=`, found none", ""),
        ("[train]\nepochs: 3", "5:7: invalid unquoted key, expected letters, numbers, `-`, `_`", "a line assigns a value to a key, as in epochs = 30"),
        ("[train]\nmodel = \"resnet18", "5:18: invalid basic string, expected `\"`", ""),
        ("[train]\nlearning_rate = .1", "5:17: invalid mantissa, expected digits", ""),
        ("[train\nepochs = 3", "4:7: unclosed table, expected `]`", "its end is missing, possibly many lines above"),
        ("seeds = [2]", "4:1: duplicate key", "it has been defined above: merge both, or remove one of them"),
        ("\u{1b} = 3", "4:1: invalid unquoted key, expected letters, numbers, `-`, `_`", "a line assigns a value to a key, as in epochs = 30"),
    ];
    assert_refused(cases, |lines| format!("{SHORTEST}{lines}\n"));
}

#[test]
fn what_follows_from_a_missing_bracket_is_not_reported() {
    let text = "name = 3\nlosses = [{ name = \"focal\" }\nseeds = [1]\n[train]\nepochs = 3\n";
    let diagnostics = refused(text);
    let lines: Vec<String> = diagnostics
        .lines()
        .into_iter()
        .map(|(line, _)| line)
        .collect();
    assert_eq!(
        lines,
        [
            "x.toml:1:8: name: expected text in quotes, found 3",
            "x.toml:3:1: missing comma between array elements, expected `,`",
            "x.toml:5:11: unclosed array, expected `]`",
        ]
    );
}

#[test]
fn all_problems_are_shown_at_once_with_caret_and_mend() {
    let text = "\
name = \"a b\"
losses = [{ name = \"encouraging\", log_end = 1.5 }, { name = \"focl\" }]

[train]
\tlerning_rate = 0.1 # größer
dataset = \"CIFAR10\"
epochs = resnet
";
    let expected = "\
x.toml:1:8: name: expected a folder's name (an ASCII letter or digit, then ASCII letters, digits, '-', '_' and '.', at most 100), found \"a b\"
  |
1 | name = \"a b\"
  |        ^^^^^

x.toml:2:45: losses[0].log_end: expected a number in [0, 1], found 1.5
  |
2 | losses = [{ name = \"encouraging\", log_end = 1.5 }, { name = \"focl\" }]
  |                                             ^^^

x.toml:2:61: losses[1].name: expected the name of a loss, found \"focl\"
  |
2 | losses = [{ name = \"encouraging\", log_end = 1.5 }, { name = \"focl\" }]
  |                                                             ^^^^^^
  |
  = help: did you mean focal?

x.toml:5:2: train.lerning_rate: unknown key
  |
5 |     lerning_rate = 0.1 # größer
  |     ^^^^^^^^^^^^
  |
  = help: did you mean learning_rate?

x.toml:6:11: train.dataset: expected <datasets>, found \"CIFAR10\"
  |
6 | dataset = \"CIFAR10\"
  |           ^^^^^^^^^
  |
  = help: did you mean cifar10?

x.toml:7:10: string values must be quoted, expected literal string
  |
7 | epochs = resnet
  |          ^^^^^^
  |
  = help: put text in straight quotes, as in model = \"resnet18\"

6 errors in x.toml";
    assert_eq!(refused(text).to_string(), with_names(expected));
}

#[test]
fn what_is_missing_is_named_with_an_example() {
    let expected = "\
x.toml: name: missing required key
 = help: add a line such as name = \"my-sweep\" above the first [table]

x.toml: losses: missing required key
 = help: add a line such as losses = [{ name = \"cross_entropy\" }] above the first [table]

x.toml: seeds: missing required key
 = help: add a line such as seeds = [1, 2, 3] above the first [table]

3 errors in x.toml";
    assert_eq!(refused("").to_string(), expected);
    let misspelt = refused("nmae = \"a\"\nlosses = [{ name = \"focal\" }]\n[train]\nseeds = [1]\n");
    assert_eq!(misspelt.lines().len(), 2, "{misspelt}");
}

#[test]
fn colour_is_used_only_where_it_is_asked_for() {
    let diagnostics = refused("");
    assert!(diagnostics.render(true).contains("\u{1b}["));
    assert!(!diagnostics.render(false).contains('\u{1b}'));
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_the_cause() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.toml");
    let problem = |path: &Path| {
        let diagnostics = read(path).expect_err("the file is wrong");
        let (line, _) = &diagnostics.lines()[0];
        line.strip_prefix(&format!("{}:", path.display()))
            .map(str::to_owned)
            .unwrap()
    };
    assert_eq!(
        problem(&path),
        " expected a sweep file, found nothing there"
    );
    assert_eq!(
        problem(folder.path()),
        " expected a sweep file, found a directory"
    );
    fs::write(&path, b"name = \"a\"\n# \xe4\xff").unwrap();
    assert_eq!(
        problem(&path),
        "2:3: expected UTF-8 text, found the byte 0xe4"
    );
    fs::write(&path, vec![b'#'; 1 << 21]).unwrap();
    assert_eq!(
        problem(&path),
        " expected a sweep file, found more than 1048576 bytes"
    );
}

#[test]
fn a_path_to_another_file_or_none_is_answered_with_one_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let help = |name: &str| {
        let diagnostics = read(&folder.path().join(name)).expect_err("there is no sweep file");
        let help = diagnostics.lines()[0].1.to_owned();
        help.replace(&format!("{}/", folder.path().display()), "")
    };
    let default = "name a TOML file such as experiments/quickstart.toml";
    assert_eq!(help(""), default);
    fs::write(folder.path().join("blog-table.toml"), "").unwrap();
    fs::write(folder.path().join("quickstart.toml"), "").unwrap();
    assert_eq!(help(""), "name a file in it such as blog-table.toml");
    assert_eq!(help("quickstar.toml"), "did you mean quickstart.toml?");
    assert_eq!(help("quickstart"), "did you mean quickstart.toml?");
    assert_eq!(help("xyz.toml"), default);
    assert_eq!(help("missing/quickstart.toml"), default);
}

#[test]
fn a_key_or_list_that_is_nested_too_deep_is_shown_at_its_place() {
    let dotted = vec!["a"; 90].join(".");
    let lists = "[".repeat(90);
    for (line, column) in [
        (format!("{dotted} = 1"), 160),
        (format!("[{dotted}]"), 161),
        (format!("x = {{ {dotted} = 1 }}"), 166),
        (format!("x = {lists}"), 85),
    ] {
        let diagnostics = refused(&format!("{SHORTEST}description = \"…\"\n{line}\n# end\n"));
        let found = &diagnostics.lines()[0];
        let message = "expected fewer levels of keys and lists, found too many";
        assert_eq!(found.0, format!("x.toml:5:{column}: {message}"));
        assert!(
            found
                .1
                .starts_with("a sweep file has tables such as [train]")
        );
        let text = diagnostics.to_string();
        assert!(text.contains("\n5 | ") && text.contains('^'), "{text}");
    }
    let loss = format!("{{ name = \"focal\", {dotted} = 1 }}");
    let error = parse_loss(&loss).unwrap_err().to_string();
    assert!(
        error.starts_with("loss:1:178: expected fewer levels"),
        "{error}"
    );
}

#[test]
fn line_ends_of_other_systems_are_shown_where_they_are() {
    let help = "end lines with a line feed (LF) or with CR LF";
    let message = "carriage return must be followed by newline, expected newline";
    for (text, place) in [
        (SHORTEST.replace('\n', "\r"), "1:11"),
        (SHORTEST.trim_end().to_owned() + "\r", "3:12"),
        (SHORTEST.replace("\nseeds", "\r\n\rseeds"), "3:1"),
    ] {
        let diagnostics = refused(&text);
        let expected = (format!("x.toml:{place}: {message}"), help);
        assert_eq!(diagnostics.lines()[0], expected);
        assert!(diagnostics.to_string().contains('␍'));
    }
    let windows = refused(&SHORTEST.replace("[1]", "[-1]").replace('\n', "\r\n"));
    assert!(
        windows
            .to_string()
            .contains("\n3 | seeds = [-1]\n  |          ^^\n"),
        "{windows}"
    );
    let marked = utf8(b"\xef\xbb\xbf\xff", Path::new("x.toml")).unwrap_err();
    assert_eq!(
        marked.lines()[0].0,
        "x.toml:1:1: expected UTF-8 text, found the byte 0xff"
    );
}

#[test]
fn sizes_beyond_reason_are_refused() {
    let seeds: Vec<String> = (0..1001).map(|seed| seed.to_string()).collect();
    let many = refused(&SHORTEST.replace("[1]", &format!("[{}]", seeds.join(", "))));
    assert_eq!(
        many.lines()[0].0,
        "x.toml:3:9: seeds: expected at most 1000 integers, found 1001"
    );

    let rates: Vec<String> = (1..=1000).map(|rate| rate.to_string()).collect();
    let rates = rates.join(", ");
    let grid = format!("{SHORTEST}[grid]\nlearning_rate = [{rates}]\nweight_decay = [{rates}]\n");
    let message = "x.toml: expected at most 100000 trials, found 1 losses × 1 seeds × 1000000 points of the grid";
    assert_eq!(refused(&grid).lines()[0].0, message);

    let wrong: Vec<String> = (0..100_000)
        .map(|index| format!("k{index} = 1\n"))
        .collect();
    let wrong = wrong.concat();
    let text = refused(&wrong).to_string();
    assert!(text.ends_with("100003 errors in x.toml, of which the first 100 are shown"));
    assert!(text.lines().count() < 1000);
    refused(&format!("name = {}", "[".repeat(1 << 20)));
    refused(&"= ".repeat(1 << 19));
}
