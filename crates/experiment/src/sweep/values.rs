//! TOML values → numbers and names; pure leaves of the check.

use toml::de::{DeInteger, DeValue};

use crate::settings::{Kind, Setting};

/// More of a value than this is cut in messages.
const SHOWN_CHARACTERS: usize = 40;

/// The setting that `value` means; `None` if it is not of this kind. An integer stands
/// for a number too, never the reverse.
pub(super) fn read(kind: &Kind, value: &DeValue) -> Option<Setting> {
    match *kind {
        Kind::Flag => value.as_bool().map(Setting::Flag),
        Kind::Whole(minimum, maximum) => whole(value)
            .and_then(|number| usize::try_from(number).ok())
            .filter(|number| (minimum..=maximum).contains(number))
            .map(Setting::Whole),
        Kind::Number(interval) => number(value)
            .filter(|number| interval.contains(*number))
            .map(Setting::Number),
        Kind::Choice(names) => {
            let name = value.as_str()?;
            let known = names.iter().find(|known| **known == name)?;
            Some(Setting::Choice(known))
        }
    }
}

/// An integer, if `value` is one that fits.
pub(super) fn whole(value: &DeValue) -> Option<i128> {
    value.as_integer().and_then(parse_integer)
}

/// A finite number, if `value` is one; −0 becomes 0, which is the same setting.
pub(super) fn number(value: &DeValue) -> Option<f64> {
    let number = match value {
        DeValue::Integer(integer) => parse_integer(integer)? as f64,
        DeValue::Float(float) => float.as_str().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number + 0.0)
}

fn parse_integer(integer: &DeInteger) -> Option<i128> {
    i128::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// What was found, for messages.
pub(super) fn describe(value: &DeValue) -> String {
    match value {
        DeValue::String(text) => format!("{:?}", shorten(text)),
        DeValue::Integer(integer) => shorten(&integer.to_string()),
        DeValue::Float(float) => shorten(float.as_str()),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(date) => format!("the date {date}"),
        DeValue::Array(items) if items.is_empty() => "an empty list".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// The start of `text`.
pub(super) fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// How to fix a `value` which `accepts` refuses: the likely slips of the pen.
pub(super) fn suggestion(value: &DeValue, accepts: impl Fn(&DeValue) -> bool) -> Option<String> {
    match value {
        DeValue::String(text) => {
            let unquoted = DeValue::parse(text).ok()?;
            let usable = text.len() <= SHOWN_CHARACTERS && accepts(unquoted.get_ref());
            usable.then(|| format!("remove the quotes: {text}"))
        }
        DeValue::Float(float) => {
            let number: f64 = float.as_str().parse().ok()?;
            if !number.is_finite() {
                return Some("numbers must be finite, at most about 1.8e308".to_owned());
            }
            let whole = format!("{number}");
            let value = DeValue::parse(&whole).ok()?;
            accepts(value.get_ref()).then(|| format!("write {whole}"))
        }
        _ => None,
    }
}

/// A key as written in TOML.
pub(super) fn key_name(name: &str) -> String {
    let bare = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if bare {
        shorten(name)
    } else {
        format!("{:?}", shorten(name))
    }
}

/// A suggestion for a name that is none of `names`: the nearest of them, or all.
pub(super) fn suggest(name: &str, names: &[&str]) -> String {
    did_you_mean(name, names).unwrap_or_else(|| format!("valid names: {}", names.join(", ")))
}

pub(super) fn did_you_mean(name: &str, names: &[&str]) -> Option<String> {
    nearest(name, names).map(|near| format!("did you mean {near}?"))
}

/// The name that `name` was probably meant to be: that with these initials, such as `lr` for `learning_rate`, or else
/// the one most alike.
pub(super) fn nearest<'n>(name: &str, names: &[&'n str]) -> Option<&'n str> {
    let name = name.to_lowercase();
    let initials = |known: &str| -> String {
        let words = known.split('_').filter_map(|word| word.chars().next());
        words.collect()
    };
    let has_initials = |known: &&&str| name.len() > 1 && initials(known) == name;
    if let Some(known) = names.iter().find(has_initials) {
        return Some(known);
    }
    let distance = |known: &str| strsim::jaro_winkler(&name, known);
    names
        .iter()
        .map(|known| (distance(known), *known))
        .filter(|(similarity, _)| *similarity > 0.73)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}
