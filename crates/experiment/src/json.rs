//! JSON as text, for files and standard output.

use serde::Serialize;
use serde_json::Value;

/// Pretty-printed, with a line feed at the end, since people read it too.
pub fn pretty(value: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(value);
    text.expect("strings and numbers always have a JSON form") + "\n"
}

/// Reads JSON with every number as the float64 nearest to its digits. serde_json's own reader is off in the last place for
/// some numbers of 16 or 17 digits; its feature `float_roundtrip` would be one for every crate that uses it.
pub fn exact(text: &str) -> serde_json::Result<Value> {
    let mut value = serde_json::from_str(&fractions_as_strings(text))?;
    strings_as_fractions(&mut value);
    Ok(value)
}

/// Before the digits of a fraction in a string: what no text of a record holds.
const FRACTION: &str = "\\u0000";
const READ_FRACTION: char = '\0';

fn fractions_as_strings(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 2);
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit()) {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let length = if rest.starts_with('"') {
            string_length(rest)
        } else {
            let is_number = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
            rest.find(|c| !is_number(c)).unwrap_or(rest.len())
        };
        let (token, after) = rest.split_at(length);
        if !token.starts_with('"') && token.contains(['.', 'e', 'E']) {
            out.push_str(&format!("\"{FRACTION}{token}\""));
        } else {
            out.push_str(token);
        }
        rest = after;
    }
    out + rest
}

/// Of a string that `text` begins with, its quotes included.
fn string_length(text: &str) -> usize {
    let mut is_escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'"' if !is_escaped => return index + 1,
            b'\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
    }
    text.len()
}

fn strings_as_fractions(value: &mut Value) {
    match value {
        Value::String(text) => {
            let digits = text.strip_prefix(READ_FRACTION);
            if let Some(number) = digits.and_then(|digits| digits.parse::<f64>().ok()) {
                *value = number.into();
            }
        }
        Value::Array(values) => values.iter_mut().for_each(strings_as_fractions),
        Value::Object(values) => values.values_mut().for_each(strings_as_fractions),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_read_back_as_they_were_where_serde_json_is_off() {
        let mut stream = random_streams::Stream::new(1, "numbers", 0);
        let numbers = (0..10_000).map(|_| f64::from(stream.normal()).exp() / 3.0);
        let numbers: Vec<f64> = numbers.chain([1e300, 5e-324, -0.1, 1e22]).collect();
        let text = json!(numbers).to_string();
        assert_eq!(exact(&text).unwrap(), json!(numbers));
        let by_serde: Vec<f64> = serde_json::from_str(&text).unwrap();
        assert_ne!(
            by_serde, numbers,
            "float_roundtrip is on: this reader is not needed"
        );
    }

    #[test]
    fn everything_else_is_as_serde_json_reads_it() {
        let value = json!({
            "text": "1.5 \\ \"2.5\" \\", "whole": [-3, 1u64 << 60], "none": null, "no": false, "1.5": {},
        });
        assert_eq!(exact(&value.to_string()).unwrap(), value);
        assert_eq!(exact(" [ 1.0 , 2 ] ").unwrap(), json!([1.0, 2]));
        for broken in ["[1.5", "{\"a\":1.5}}", "\"a", "[1.2.3]x", ""] {
            assert!(exact(broken).is_err(), "{broken}");
        }
    }
}
