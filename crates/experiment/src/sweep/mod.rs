//! Text of a sweep file → checked settings. Does nothing but check.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use toml::de::DeTable;

mod check;
mod diagnostics;
pub mod keys;
mod losses;
mod points;
mod settings;
mod syntax;
#[cfg(test)]
mod tests;
mod values;

pub use diagnostics::Diagnostics;
pub use losses::parse_loss;
pub use settings::*;

use check::Checker;
use diagnostics::Problem;

/// Far more than anyone writes; whatever is larger is no sweep file.
const MAXIMUM_BYTES: u64 = 1 << 20;

/// The sweep that the file at `path` describes.
///
/// # Errors
/// [`Diagnostics`] with everything that is wrong, from an unreadable file to a value out of range.
pub fn read(path: &Path) -> Result<Sweep, Diagnostics> {
    let unreadable = |cause: String, help: &str| {
        let problem = Problem::of_text(format!("expected a sweep file, found {cause}"));
        Diagnostics::new(path, "", vec![problem.help(help)])
    };
    let bytes = match read_start(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            let cause = match error.kind() {
                io::ErrorKind::NotFound => "nothing there".to_owned(),
                io::ErrorKind::IsADirectory => "a folder".to_owned(),
                _ => error.to_string(),
            };
            return Err(unreadable(
                cause,
                "name a TOML file such as experiments/quickstart.toml",
            ));
        }
    };
    if bytes.len() as u64 > MAXIMUM_BYTES {
        let cause = format!("more than {MAXIMUM_BYTES} bytes");
        return Err(unreadable(
            cause,
            "name a TOML file such as experiments/quickstart.toml",
        ));
    }
    match str::from_utf8(&bytes) {
        Ok(text) => parse(text, path),
        Err(error) => Err(not_utf8(path, &bytes, error.valid_up_to())),
    }
}

/// The sweep that `text` describes; `path` is what messages call it.
///
/// # Errors
/// [`Diagnostics`] with everything that is wrong.
pub fn parse(text: &str, path: &Path) -> Result<Sweep, Diagnostics> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut checker = Checker::new(errors.is_empty());
    let sweep = checker.sweep(document.get_ref());
    checker.syntax(text, &errors);
    if checker.problems.is_empty() {
        Ok(sweep)
    } else {
        Err(Diagnostics::new(path, text, checker.problems))
    }
}

/// As much of a file as can be a sweep file, and a byte more where there is more.
fn read_start(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAXIMUM_BYTES + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn not_utf8(path: &Path, bytes: &[u8], valid: usize) -> Diagnostics {
    let message = format!("expected UTF-8 text, found the byte 0x{:02x}", bytes[valid]);
    let problem = Problem::at(valid..valid + 1, message).help("save the file as UTF-8");
    Diagnostics::new(path, &String::from_utf8_lossy(bytes), vec![problem])
}
