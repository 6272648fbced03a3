//! What happens when one does what a hint says.

use super::{Diagnostics, SHORTEST, read_text};

/// `text` with its only problem fixed as the hint says; `None` if the hint leaves a choice.
fn follow(text: &str, diagnostics: &Diagnostics) -> Option<String> {
    let lines = diagnostics.lines();
    let [(headline, help)] = &lines[..] else {
        panic!("{diagnostics}");
    };
    let mut place = headline.split(':').skip(1).map(str::parse::<usize>);
    let (row, column) = (place.next()?.ok()? - 1, place.next()?.ok()? - 1);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let line = lines[row].clone();
    let marked = diagnostics.to_string().matches('^').count();
    let place = Place::new(&line, column, marked);
    if !move_line(&mut lines, row, &place, help)? {
        lines[row] = place.replaced(help)?;
    }
    Some(lines.join("\n"))
}

/// What a problem is about, within its line.
struct Place<'a> {
    line: &'a str,
    before: &'a str,
    token: &'a str,
    after: &'a str,
}

impl<'a> Place<'a> {
    fn new(line: &'a str, column: usize, marked: usize) -> Self {
        let (before, rest) = line.split_at(column);
        let (token, after) = rest.split_at(rest.floor_char_boundary(marked));
        Self {
            line,
            before,
            token,
            after,
        }
    }

    /// The line with what a hint says in place of the token, or of the key and its value.
    fn replaced(&self, help: &str) -> Option<String> {
        let Self {
            line,
            before,
            token,
            after,
        } = self;
        let key = before.trim_end_matches("= ").rsplit([' ', '{', ',']).nth(1);
        let key_length = key.map_or(0, |key| key.len() + 3);
        let before_key = || &line[..before.len() - key_length];
        if let Some(name) = help.strip_prefix("did you mean ") {
            let name = name.trim_end_matches('?');
            return Some(if token.starts_with('"') {
                format!("{before}{name:?}{after}")
            } else {
                format!("{before}{name}{after}")
            });
        }
        if help == "write […] around it" {
            return Some(format!("{before}[{token}]{after}"));
        }
        if let Some(losses) = help.strip_prefix("write one loss per value: ") {
            let start = before.rfind('{')?;
            let end = before.len() + line[before.len()..].find('}')? + 1;
            return Some(format!("{}{losses}{}", &line[..start], &line[end..]));
        }
        if let Some((_, example)) = help.split_once(", as in seeds") {
            return Some(format!("seeds{example}"));
        }
        if let Some((_, example)) = help.split_once("per term, as in ") {
            return Some(format!("{}{example}{after}", before_key()));
        }
        if let Some(value) = help.strip_prefix("remove the quotes: ") {
            return Some(format!("{before}{value}{after}"));
        }
        let value = help.strip_prefix("write ")?;
        if help.contains("inner sum") {
            return None;
        }
        let (name, _) = value.split_once(" = ").unwrap_or((value, ""));
        Some(if value.starts_with('[') {
            line.replace(&format!("[train{}", ".grid]"), value)
        } else if token.starts_with('{') && name == "terms" {
            let term = token.trim_end_matches(" }");
            format!("{before}{term}, {value} }}{after}")
        } else if name.contains('{') || name == value {
            format!("{before}{value}{after}")
        } else {
            format!("{}{value}{after}", before_key())
        })
    }
}

/// Does what a hint says of whole lines; false where it says nothing of them.
fn move_line(lines: &mut Vec<String>, row: usize, place: &Place, help: &str) -> Option<bool> {
    if let Some((name, example)) = help.split_once(", as in ").filter(|_| help.ends_with('?')) {
        let name = name.split(' ').nth(3)?;
        lines.remove(row);
        lines.retain(|line| !line.starts_with(&format!("{name} = ")));
        lines.insert(0, example.trim_end_matches('?').to_owned());
    } else if let Some(key) = help
        .strip_prefix("did you mean ")
        .and_then(|name| name.strip_suffix(" below the line [train]?"))
    {
        lines.remove(row);
        lines.push(format!("[train]\n{key}{}", place.after));
    } else if let Some((_, loss)) = help.split_once("write a loss such as ") {
        lines.remove(row);
        lines.retain(|line| !line.starts_with("losses"));
        lines.insert(0, format!("losses = [{loss}]"));
    } else if help.contains("move this above the first [table]") {
        let moved = lines.remove(row);
        let (name, _) = moved.split_once(" =")?;
        lines.retain(|line| !line.starts_with(&format!("{name} =")));
        lines.insert(0, moved);
    } else if help == "move it below the line [train]" {
        let moved = lines.remove(row);
        lines.push(format!("[train]\n{moved}"));
    } else if help == "it has no effect there: remove it" {
        lines.remove(row);
    } else {
        return Some(false);
    }
    Some(true)
}

/// Asserts that a text is right once its only hint has been followed, if it can be.
#[track_caller]
pub fn assert_hint_works(text: &str, diagnostics: &Diagnostics) {
    if let Some(mended) = follow(text, diagnostics) {
        let result = read_text(&mended);
        assert!(
            result.is_ok(),
            "{diagnostics}\nleads to\n{mended}\n{}",
            result.unwrap_err()
        );
    }
}

#[test]
fn hints_are_followed_in_the_other_tests() {
    let text = SHORTEST.replace("[1]", "\"1-3\"");
    let diagnostics = read_text(&text).unwrap_err();
    let mended = follow(&text, &diagnostics).expect("the hint says what to write");
    assert_eq!(
        read_text(&mended).unwrap().seeds,
        super::Seeds::Fixed(vec![1, 2, 3])
    );
}
