//! Any bytes as a sweep file: problems at their places, with the caret below what they are about.

use std::fs;
use std::panic::catch_unwind;

use random_streams::Stream;

use super::*;
use crate::sweep::{parse, utf8};

const PIECES: [&[u8]; 34] = [
    b"\"",
    b"'",
    b"[",
    b"]",
    b"{",
    b"}",
    b"=",
    b",",
    b"\n",
    b"\r\n",
    b"\r",
    b"\t",
    b".",
    b"-",
    b"9",
    b"\0",
    "é".as_bytes(),
    "漢".as_bytes(),
    "😀".as_bytes(),
    b"\xff",
    b"\xc3",
    b"\xef\xbb\xbf",
    b"#",
    b" ",
    b"\\",
    b"\"\"\"",
    b"a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.",
    b"seeds",
    b"losses",
    b"[train]",
    b"1e400",
    b"nan",
    b"[[",
    b"\x0b",
];

#[test]
fn random_bytes_are_refused_at_a_place() {
    for round in 0..100_000 {
        let mut stream = Stream::new(2, "bytes", round);
        let count = stream.below(40);
        let what = format!("round {round}");
        if round % 4 == 0 {
            // Among any characters are some whose width in a terminal is another question.
            let bytes: Vec<u8> = (0..count).map(|_| stream.below(256) as u8).collect();
            problems(&bytes, &what);
        } else {
            let pieces = (0..count).flat_map(|_| piece(&mut stream).iter().copied());
            check(&pieces.collect::<Vec<u8>>(), &what);
        }
    }
}

#[test]
fn changed_experiments_are_read_or_refused_at_a_place() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|it| it == "toml"))
        .collect();
    files.sort();
    assert!(files.len() >= 4);
    for path in files {
        let valid = fs::read(&path).unwrap();
        for round in 0..1500 {
            let mut stream = Stream::new(1, "mutation", round);
            let mut bytes = valid.clone();
            for _ in 0..=stream.below(4) {
                change(&mut bytes, &mut stream);
            }
            check(&bytes, &format!("{} in round {round}", path.display()));
        }
    }
}

fn piece(stream: &mut Stream) -> &'static [u8] {
    PIECES[stream.below(PIECES.len() as u32) as usize]
}

/// Leaves out, puts in, replaces or repeats something somewhere.
fn change(bytes: &mut Vec<u8>, stream: &mut Stream) {
    let start = stream.below(bytes.len() as u32) as usize;
    let end = (start + stream.below(12) as usize).min(bytes.len());
    let piece = piece(stream).iter().copied();
    match stream.below(4) {
        0 => drop(bytes.drain(start..end)),
        1 => drop(bytes.splice(start..start, piece)),
        2 => drop(bytes.splice(start..end, piece)),
        _ => bytes.extend_from_within(start..end),
    }
}

/// Reads `bytes` and compares the places of what is wrong, and the carets below them, with places found in the plainest
/// way.
#[track_caller]
fn check(bytes: &[u8], what: &str) {
    for Placed { body, before, next } in problems(bytes, what) {
        assert_caret(&body, &before, next, what);
    }
}

/// A problem as it is shown, and the line that it is in: what stands before it, and the first character of it.
struct Placed {
    body: String,
    before: String,
    next: Option<char>,
}

/// Reads `bytes` and compares the places of what is wrong with places found in the plainest way.
#[track_caller]
fn problems(bytes: &[u8], what: &str) -> Vec<Placed> {
    let path = Path::new("x.toml");
    let outcome = catch_unwind(|| {
        let sweep = utf8(bytes, path).and_then(|text| parse(text, path));
        sweep
            .err()
            .inspect(|diagnostics| drop(diagnostics.render(true)))
    });
    let Ok(found) = outcome else {
        panic!("{what} panics: {bytes:?}");
    };
    let Some(diagnostics) = found else {
        return Vec::new();
    };
    assert!(!diagnostics.problems.is_empty());
    let mut placed = Vec::new();
    for problem in &diagnostics.problems {
        let Some(span) = &problem.span else { continue };
        let text = &diagnostics.text[..diagnostics.text.floor_char_boundary(span.start)];
        let (line, before) = (
            text.matches('\n').count(),
            text.rsplit('\n').next().unwrap(),
        );
        let shown = diagnostics
            .text
            .split_inclusive('\n')
            .nth(line)
            .unwrap_or_default();
        let length =
            shown.trim_end_matches('\n').chars().count() - usize::from(shown.ends_with("\r\n"));
        let column = before.chars().count().min(length);
        let place = format!("x.toml:{}:{}: ", line + 1, column + 1);
        let headline = diagnostics.headline(problem);
        assert!(headline.starts_with(&place), "{what}: {place}{headline}");
        let before: String = shown.chars().take(column).collect();
        placed.push(Placed {
            body: diagnostics.body(problem, &Renderer::plain().term_width(UNCUT)),
            next: shown[before.len()..].chars().next(),
            before,
        });
    }
    placed
}

/// Asserts that the first caret of `body` is below the character `marked`, behind what `before` takes up.
#[track_caller]
fn assert_caret(body: &str, before: &str, marked: Option<char>, what: &str) {
    let mut lines = body
        .lines()
        .skip_while(|line| !line.starts_with(|c: char| c.is_ascii_digit()));
    let (source, carets) = (
        lines.next().expect("a line is shown"),
        lines.next().unwrap(),
    );
    let start = source.find('|').unwrap() + 2;
    let caret = carets
        .find('^')
        .unwrap_or_else(|| panic!("{what}: no caret in\n{body}"))
        - start;
    if !source.contains('…') {
        assert_eq!(
            caret,
            before.chars().map(width).sum::<usize>(),
            "{what}\n{body}"
        );
    }
    let cells = source.chars().skip(start);
    let mut cells = cells.flat_map(|c| std::iter::repeat_n(c, width(c)));
    // control characters are shown as others, and a tab as spaces
    if let Some(expected) = marked.filter(|c| !c.is_control() && width(*c) > 0) {
        assert_eq!(cells.nth(caret), Some(expected), "{what}\n{body}");
    }
}

/// Columns of a terminal.
fn width(c: char) -> usize {
    match c {
        '\t' => 4,
        '漢' | '😀' => 2,
        '\u{feff}' => 0,
        _ => 1,
    }
}

#[test]
fn a_long_line_is_cut_around_its_caret() {
    for filling in ["x", "é", "漢", "\t"] {
        let filling = filling.repeat(2000);
        let text = format!(
            "name = 'a' # {filling}\nepochs = 3 # {filling}\n'{filling}' = 3 # {filling}\nx = ['{filling}', -1, '{filling}']"
        );
        let diagnostics = parse(&text, Path::new("x.toml")).unwrap_err();
        let shown = diagnostics.to_string();
        let longest = shown.lines().map(|line| line.chars().count()).max();
        assert!(longest.is_some_and(|longest| longest < 800), "{shown}");
        check(text.as_bytes(), "a long line");
    }
}
