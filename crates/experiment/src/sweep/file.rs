//! A path → the bytes of a sweep file.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use super::diagnostics::Problem;
use super::values::nearest;

/// Far more than anyone writes; whatever is larger is no sweep file.
const MAXIMUM_BYTES: u64 = 1 << 20;

/// The bytes of the file at `path`.
///
/// # Errors
/// The [`Problem`] with a path that leads to no sweep file. Only regular files are read: a pipe could
/// keep the program waiting, and a device might never end.
pub fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => refuse("nothing there", missing_help(path)),
        _ => refuse(&format!("one that cannot be read: {error}"), None),
    };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(refuse("a directory", directory_help(path)));
    }
    if !metadata.is_file() {
        let help = "save the text as a file: pipes and devices are not supported";
        return Err(refuse(
            "a pipe, a device or a socket",
            Some(help.to_owned()),
        ));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAXIMUM_BYTES + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAXIMUM_BYTES {
        return Err(refuse(&format!("more than {MAXIMUM_BYTES} bytes"), None));
    }
    Ok(bytes)
}

fn refuse(found: &str, help: Option<String>) -> Problem {
    let help =
        help.unwrap_or_else(|| "name a TOML file such as experiments/quickstart.toml".into());
    Problem::of_text(format!("expected a sweep file, found {found}")).help(help)
}

/// The sweep file beside `path` whose name is like its own.
fn missing_help(path: &Path) -> Option<String> {
    let folder = path.parent()?;
    let names = sweep_names(folder);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let near = nearest(path.file_stem()?.to_str()?, &names)?;
    let near = folder.join(format!("{near}.toml"));
    Some(format!("did you mean {}?", near.display()))
}

fn directory_help(folder: &Path) -> Option<String> {
    let first = folder.join(format!("{}.toml", sweep_names(folder).first()?));
    Some(format!("name a file in it such as {}", first.display()))
}

/// The names of the TOML files in `folder` without their extension, sorted.
fn sweep_names(folder: &Path) -> Vec<String> {
    let here = folder.as_os_str().is_empty();
    let entries = fs::read_dir(if here { Path::new(".") } else { folder });
    let paths = entries.into_iter().flatten().flatten().map(|it| it.path());
    let mut names: Vec<String> = paths
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}
