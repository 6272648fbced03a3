//! Labels: escaped, measured, broken into lines and shortened.

use std::collections::VecDeque;

/// The height of a text in units of the drawing.
pub(crate) const SIZE: f64 = 12.0;

/// `text` as the content or a quoted attribute of an element. Line breaks and tabs become spaces; what XML cannot hold
/// is left out.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in plain(text).chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

fn plain(text: &str) -> String {
    let spaced = text
        .chars()
        .map(|c| if "\n\r\t".contains(c) { ' ' } else { c });
    spaced
        .filter(|c| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}'))
        .collect()
}

/// A name for `id` and references to it, whose lists are separated by spaces: other characters become `-`.
pub(crate) fn identifier(id: &str) -> String {
    let keep = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let name: String = id.chars().map(|c| if keep(c) { c } else { '-' }).collect();
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name
    } else {
        format!("chart{name}")
    }
}

/// About as wide as `text` is drawn at [`SIZE`], rather too much than too little: no font is known here, so these are the
/// widths of DejaVu Sans, one of the widest.
pub(crate) fn width(text: &str) -> f64 {
    let text = plain(text);
    let ems = text.chars().map(|c| match c {
        'i' | 'j' | 'l' | '\'' | 'I' | 'J' => 0.3,
        ' ' | '.' | ',' | ':' | ';' | '|' | '/' | '-' => 0.37,
        '!' | 'f' | 't' | 'r' | '(' | ')' | '[' | ']' => 0.42,
        'c' | 'k' | 's' | 'v' | 'x' | 'y' | 'z' => 0.6,
        'm' | 'M' | 'W' | '@' | '%' | '…' => 1.0,
        'w' | '+' | '=' | '−' | '×' | '∞' | '±' | '<' | '>' | '~' | '#' => 0.84,
        'A'..='Z' => 0.76,
        c if c.is_ascii() => 0.64,
        // Other letters of the Latin, Greek and Cyrillic alphabets; then ideographs.
        c if c < '\u{1100}' => 0.8,
        _ => 1.05,
    });
    ems.sum::<f64>() * SIZE
}

/// As much of `text` as is not wider than `most`, with an ellipsis where something is missing.
pub(crate) fn fit(text: &str, most: f64) -> String {
    let text = plain(text);
    let text = text.trim();
    if width(text) <= most {
        return text.to_owned();
    }
    let ends = text.char_indices().map(|(end, _)| end).rev();
    let shortened = ends.map(|end| format!("{}…", text[..end].trim_end()));
    shortened
        .into_iter()
        .find(|shortened| width(shortened) <= most)
        .unwrap_or_default()
}

/// `text` in lines of at most these widths, broken at spaces, and within words such as `encouraging(log_end=1)` that are
/// longer than a line; what remains is cut off with an ellipsis.
pub(crate) fn wrap(text: &str, widths: &[f64]) -> Vec<String> {
    let text = plain(text);
    let mut words: VecDeque<&str> = text.split_whitespace().collect();
    let mut wrapped = Vec::new();
    for (index, most) in widths.iter().enumerate() {
        let is_last = index + 1 == widths.len();
        let mut line = String::new();
        while let Some(word) = words.pop_front() {
            let space = if line.is_empty() { "" } else { " " };
            let longer = |word| format!("{line}{space}{word}");
            if is_last || width(&longer(word)) <= *most {
                line = longer(word);
                continue;
            }
            let is_too_long = width(word) > *most;
            let parts = breaks(word).map(|end| word.split_at(end));
            let parts = parts.filter(|(start, _)| is_too_long && width(&longer(start)) <= *most);
            // The last of those that fit, but rather before the parameters of a loss than inside of them.
            let part = parts.max_by_key(|(_, rest)| rest.starts_with('('));
            if let Some((start, rest)) = part {
                line = longer(start);
                words.push_front(rest);
            } else if line.is_empty() {
                line = word.to_owned();
            } else {
                words.push_front(word);
            }
            break;
        }
        if !line.is_empty() {
            wrapped.push(fit(&line, *most));
        }
    }
    wrapped
}

/// Where a word can be broken: after an underscore and before a parenthesis.
fn breaks(word: &str) -> impl Iterator<Item = usize> {
    let places = word.char_indices().filter_map(|(place, c)| match c {
        '_' => Some(place + 1),
        '(' => Some(place),
        _ => None,
    });
    places.filter(|place| *place > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_escaped_and_control_characters_are_left_out() {
        assert_eq!(
            escape("a<b & \"c\"\n'd'\u{0}\u{7f}\u{ffff}>"),
            "a&lt;b &amp; &quot;c&quot; &#39;d&#39;&gt;"
        );
    }

    #[test]
    fn an_identifier_has_no_space_and_begins_with_a_letter() {
        assert_eq!(identifier("claims_1-a"), "claims_1-a");
        assert_eq!(identifier("a b\"<é"), "a-b---");
        assert_eq!(identifier("1"), "chart1");
        assert_eq!(identifier(""), "chart");
    }

    #[test]
    fn a_text_that_fits_stays_and_a_longer_one_is_cut() {
        assert_eq!(fit("cross-entropy", 200.0), "cross-entropy");
        let cut = fit("encouraging loss of a long name", 100.0);
        assert!(
            cut.starts_with("encouraging") && cut.ends_with('…'),
            "{cut}"
        );
        assert!(width(&cut) <= 100.0);
        assert_eq!(fit("ab", 0.0), "");
        assert_eq!(fit("ééé", 25.0), "é…");
    }

    #[test]
    fn a_text_is_broken_at_spaces_and_its_last_line_cut() {
        let lines = wrap("one two three four five six seven eight", &[60.0, 90.0]);
        assert_eq!(lines[0], "one two");
        assert!(lines[1].starts_with("three") && lines[1].ends_with('…'));
        assert!(width(&lines[0]) <= 60.0 && width(&lines[1]) <= 90.0);
        assert_eq!(wrap("one two", &[100.0; 2]), ["one two"]);
        assert_eq!(wrap(" ", &[100.0; 2]), [""; 0]);
        assert_eq!(wrap(&"x".repeat(50), &[60.0; 2]).len(), 1);
    }

    #[test]
    fn a_word_is_broken_only_where_it_is_longer_than_a_line() {
        let names = wrap("mean_absolute_error + mean_squared_error", &[112.0; 3]);
        assert_eq!(names, ["mean_absolute_", "error + mean_", "squared_error"]);
        let name = wrap("encouraging(log_end=1)", &[112.0; 3]);
        assert_eq!(name, ["encouraging", "(log_end=1)"]);
        assert_eq!(wrap("a cross_entropy", &[100.0; 2]), ["a", "cross_entropy"]);
    }
}
