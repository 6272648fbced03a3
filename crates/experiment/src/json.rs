//! JSON as text, for files and standard output.

use serde::Serialize;

/// Pretty-printed, with a line feed at the end, since people read it too.
pub fn pretty(value: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(value);
    text.expect("strings and numbers always have a JSON form") + "\n"
}
