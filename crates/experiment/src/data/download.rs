//! Downloading a file piece by piece from whichever source delivers it.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use ureq::http::{Response, header};
use ureq::{Agent, Body, Proxy};

use super::error::DataError;
use super::progress::Progress;
use crate::datasets::RemoteFile;
use crate::digest;

/// A file that grows towards the file, kept from one attempt, source or run to the next.
pub struct Part<'a> {
    path: &'a Path,
    file: File,
    length: u64,
}

/// Why a source did not deliver.
enum Failure {
    /// The source's fault: another one may do.
    Source(String),
    /// Ours: the disk is full, say.
    Local(DataError),
}

/// Downloads `file` into `part`, trying the sources in order until one delivers the right bytes.
pub fn download(
    file: &RemoteFile,
    sources: &[String],
    part: &mut Part,
    progress: &mut dyn Progress,
) -> Result<(), DataError> {
    let mut failures = Vec::new();
    for (number, source) in sources.iter().enumerate() {
        let url = file_url(source, file.name);
        progress.message(&format!("downloading {url}"));
        match from_source(&agent_for(&url), &url, file, part, progress) {
            Ok(()) => return Ok(()),
            Err(Failure::Local(error)) => return Err(error),
            Err(Failure::Source(cause)) => {
                let failure = format!("{url}: {cause}");
                // The error tells it where no other source follows.
                if number + 1 < sources.len() {
                    progress.message(&failure);
                }
                failures.push(failure);
            }
        }
    }
    let folder = part.path.parent().unwrap_or(Path::new("."));
    Err(DataError::Download {
        file: file.name.to_owned(),
        failures,
        folder: folder.to_path_buf(),
    })
}

/// Times out where nothing moves; the whole may take as long as it needs. A mirror on this machine
/// is asked directly, whatever proxy the environment names.
fn agent_for(url: &str) -> Agent {
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let local = ["http://localhost", "http://127.0.0.1", "http://[::1]"];
    let is_local = local.iter().any(|host| url.starts_with(host));
    Agent::config_builder()
        .timeout_resolve(seconds(20))
        .timeout_connect(seconds(20))
        .timeout_recv_response(seconds(60))
        .timeout_per_read(seconds(60))
        .proxy(if is_local {
            None
        } else {
            Proxy::try_from_env()
        })
        .user_agent(concat!("experiment/", env!("CARGO_PKG_VERSION")))
        .build()
        .into()
}

/// A source is the file's address or that of a folder that contains it.
fn file_url(source: &str, name: &str) -> String {
    if is_file_url(source) {
        source.to_owned()
    } else {
        format!("{}/{name}", source.trim_end_matches('/'))
    }
}

/// Whether a source is the address of a file, not of a folder.
pub fn is_file_url(source: &str) -> bool {
    let path = source.split(['?', '#']).next().unwrap_or(source);
    let extension = Path::new(path).extension().and_then(OsStr::to_str);
    matches!(extension, Some("gz" | "tgz"))
}

/// Asks one source again and again as long as each answer brings the file further.
fn from_source(
    agent: &Agent,
    url: &str,
    file: &RemoteFile,
    part: &mut Part,
    progress: &mut dyn Progress,
) -> Result<(), Failure> {
    // Bytes of another source or an earlier run may be the ones that spoil the checksum.
    let mut inherited = part.length > 0;
    loop {
        let before = part.length;
        match attempt(agent, url, file, part, progress) {
            Ok(()) => {
                let found = part.sha256().map_err(Failure::Local)?;
                if found == file.sha256 {
                    return Ok(());
                }
                part.truncate().map_err(Failure::Local)?;
                let cause = format!("expected sha256 {}, found {found}", file.sha256);
                if !inherited {
                    return Err(Failure::Source(cause));
                }
                inherited = false;
                progress.message(&format!("{url}: {cause}; starting afresh"));
            }
            Err(Failure::Source(cause)) if part.length > before => {
                progress.message(&format!("{url}: {cause}; continuing"));
            }
            Err(failure) => return Err(failure),
        }
    }
}

/// One request and its answer; whatever arrived stays in the part.
fn attempt(
    agent: &Agent,
    url: &str,
    file: &RemoteFile,
    part: &mut Part,
    progress: &mut dyn Progress,
) -> Result<(), Failure> {
    if part.length > file.bytes {
        part.truncate().map_err(Failure::Local)?;
    }
    if part.length == file.bytes {
        return Ok(());
    }
    let mut request = agent.get(url).header(header::ACCEPT_ENCODING, "identity");
    if part.length > 0 {
        request = request.header(header::RANGE, format!("bytes={}-", part.length));
    }
    let response = request
        .call()
        .map_err(|error| Failure::Source(error.to_string()))?;
    let start = check_answer(&response, file, part.length).map_err(Failure::Source)?;
    if start == 0 {
        part.truncate().map_err(Failure::Local)?;
    }
    let mut body = response.into_body().into_reader();
    let mut buffer = vec![0; 1 << 16];
    while part.length < file.bytes {
        let count = body.read(&mut buffer).map_err(|error| {
            Failure::Source(format!(
                "{error} after {} of {} bytes",
                part.length, file.bytes
            ))
        })?;
        if count == 0 {
            let cause = format!(
                "connection closed after {} of {} bytes",
                part.length, file.bytes
            );
            return Err(Failure::Source(cause));
        }
        part.append(&buffer[..count]).map_err(Failure::Local)?;
        progress.downloaded(part.length, file.bytes);
    }
    Ok(())
}

/// Where in the file the answer starts: at `length` as asked, or at 0.
///
/// An answer of another length than the file's is refused before it can overwrite anything: it is
/// an error page, or another file.
fn check_answer(response: &Response<Body>, file: &RemoteFile, length: u64) -> Result<u64, String> {
    let announced = |name| {
        response
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let (name, expected, start) = if response.status() == 206 && length > 0 {
        let last = file.bytes - 1;
        let range = format!("bytes {length}-{last}/{}", file.bytes);
        (header::CONTENT_RANGE, range, length)
    } else {
        (header::CONTENT_LENGTH, file.bytes.to_string(), 0)
    };
    match announced(&name) {
        Some(found) if found.trim() == expected => Ok(start),
        found => Err(format!(
            "expected {name}: {expected}, found {}",
            found.unwrap_or("none")
        )),
    }
}

impl<'a> Part<'a> {
    /// Opens or creates the file; a second program that wants it at the same time is refused.
    pub fn open(path: &'a Path) -> Result<Self, DataError> {
        let unusable = |error| DataError::not_written(path, "a file to download into", &error);
        let mut options = OpenOptions::new();
        let file = options
            .create(true)
            .read(true)
            .append(true)
            .open(path)
            .map_err(unusable)?;
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(DataError::unexpected(
                path.display(),
                "no other download into it",
                "one in progress",
            ));
        }
        let length = file.metadata().map_err(unusable)?.len();
        Ok(Self { path, file, length })
    }

    /// Makes sure that the disk has the file, before it is moved to its final name.
    pub fn finish(self) -> Result<(), DataError> {
        self.file
            .sync_all()
            .map_err(|error| DataError::not_written(self.path, "to write it to the disk", &error))
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), DataError> {
        self.file
            .write_all(bytes)
            .map_err(|error| DataError::not_written(self.path, "to write to it", &error))?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn truncate(&mut self) -> Result<(), DataError> {
        self.length = 0;
        self.file
            .set_len(0)
            .map_err(|error| DataError::io(self.path, "to empty it", &error))
    }

    fn sha256(&mut self) -> Result<String, DataError> {
        sha256(&mut self.file, self.path)
    }
}

/// What brought nothing leaves nothing behind.
impl Drop for Part<'_> {
    fn drop(&mut self) {
        if self.length == 0 {
            std::fs::remove_file(self.path).ok();
        }
    }
}

/// Of the whole file.
pub fn sha256(file: &mut File, path: &Path) -> Result<String, DataError> {
    let unreadable = |error| DataError::io(path, "a readable file", &error);
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    digest::sha256(file).map_err(unreadable)
}

#[cfg(test)]
mod tests;
