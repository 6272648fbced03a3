//! Text of a sweep file → checked settings. Does nothing but check.

use std::path::Path;

use toml::de::DeTable;

mod check;
mod claims;
mod diagnostics;
mod document;
mod file;
mod losses;
mod points;
mod reference;
mod schema;
mod seeds;
mod syntax;
#[cfg(test)]
mod tests;
mod train;
mod tune;
mod unknown;
mod values;

pub use claims::{At, Claim};
pub use diagnostics::Diagnostics;
pub use document::Sweep;
pub use losses::parse_loss;
pub use reference::{Reference, ReferenceResult};
pub use schema::schema;
pub use seeds::Seeds;
pub use tune::Tune;

use check::Checker;
use diagnostics::Problem;

/// The sweep that the file at `path` describes, and its text.
///
/// # Errors
/// [`Diagnostics`] of a file that cannot be read or is no text, or with everything that is wrong in it.
pub fn read(path: &Path) -> Result<(Sweep, String), Diagnostics> {
    let bytes = file::read(path).map_err(|problem| Diagnostics::new(path, "", vec![problem]))?;
    let text = utf8(&bytes, path)?;
    Ok((parse(text, path)?, text.to_owned()))
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
    checker.syntax(text, &errors, |text| DeTable::parse_recoverable(text).1);
    if checker.problems.is_empty() {
        Ok(sweep)
    } else {
        Err(Diagnostics::new(path, text, checker.problems))
    }
}

/// The text of a file, without the byte order mark that some editors write.
///
/// # Errors
/// [`Diagnostics`] with the place of the first byte that is no UTF-8.
pub fn utf8<'b>(bytes: &'b [u8], path: &Path) -> Result<&'b str, Diagnostics> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    str::from_utf8(bytes).map_err(|error| {
        let valid = error.valid_up_to();
        let message = format!("expected UTF-8 text, found the byte 0x{:02x}", bytes[valid]);
        let problem = Problem::at(valid..valid + 1, message).help("save the file as UTF-8");
        Diagnostics::new(path, &String::from_utf8_lossy(bytes), vec![problem])
    })
}
