//! What happens when one does what a hint says.

use super::{Diagnostics, SHORTEST, read_text};

/// `text` with its only problem mended as the hint says; `None` where the hint leaves a choice.
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
    let (before, rest) = line.split_at(column);
    let (token, after) = rest.split_at(rest.floor_char_boundary(marked));
    let key = before.trim_end_matches("= ").rsplit([' ', '{', ',']).nth(1);
    let start_of_key = before.len() - key.map_or(0, |key| key.len() + 3);

    if let Some((name, example)) = help.split_once(", as in ").filter(|_| help.ends_with('?')) {
        let example = example.trim_end_matches('?');
        let name = name.split(' ').nth(3)?;
        lines.remove(row);
        lines.retain(|line| !line.starts_with(&format!("{name} = ")));
        lines.insert(0, example.to_owned());
    } else if let Some(name) = help.strip_prefix("did you mean ") {
        let name = name.trim_end_matches('?');
        if let Some(key) = name.strip_suffix(" below the line [train]") {
            lines.remove(row);
            lines.push(format!("[train]\n{key}{after}"));
        } else if token.starts_with('"') {
            lines[row] = format!("{before}{name:?}{after}");
        } else {
            lines[row] = format!("{before}{name}{after}");
        }
    } else if *help == "write […] around it" {
        lines[row] = format!("{before}[{token}]{after}");
    } else if let Some(losses) = help.strip_prefix("write a loss for each value: ") {
        let start = line[..column].rfind('{')?;
        let end = column + line[column..].find('}')? + 1;
        lines[row].replace_range(start..end, losses);
    } else if let Some((_, example)) = help.split_once(", as in seeds") {
        lines[row] = format!("seeds{example}");
    } else if let Some((_, example)) = help.split_once("for each term, as in ") {
        lines[row] = format!("{}{example}{after}", &line[..start_of_key]);
    } else if let Some((_, loss)) = help.split_once("write a loss such as ") {
        lines.remove(row);
        lines.retain(|line| !line.starts_with("losses"));
        lines.insert(0, format!("losses = [{loss}]"));
    } else if help.contains("move this above the first [table]") {
        let moved = lines.remove(row);
        let (name, _) = moved.split_once(" =")?;
        lines.retain(|line| !line.starts_with(&format!("{name} =")));
        lines.insert(0, moved);
    } else if *help == "move it below the line [train]" {
        let moved = lines.remove(row);
        lines.push(format!("[train]\n{moved}"));
    } else if *help == "it has no effect there: leave it out" {
        lines.remove(row);
    } else if let Some(value) = help.strip_prefix("remove the quotes: ") {
        lines[row] = format!("{before}{value}{after}");
    } else if let Some(value) = help
        .strip_prefix("write ")
        .filter(|help| !help.contains("inner sum"))
    {
        let (name, _) = value.split_once(" = ").unwrap_or((value, ""));
        lines[row] = if value.starts_with('[') {
            lines[row].replace(&format!("[train{}", ".grid]"), value)
        } else if token.starts_with('{') && name == "terms" {
            format!(
                "{before}{}, {value} }}{after}",
                token.trim_end_matches(" }")
            )
        } else if name.contains('{') || name == value {
            format!("{before}{value}{after}")
        } else {
            format!("{}{value}{after}", &line[..start_of_key])
        };
    } else {
        return None;
    }
    Some(lines.join("\n"))
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
    assert_eq!(read_text(&mended).unwrap().seeds, [1, 2, 3]);
}
