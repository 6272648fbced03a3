//! A workaround for a bug of the `zip` crate (seen in 9.8.1) with archives of `torch.save`.
//!
//! These end with a zip64 record of 56 bytes, its locator of 20 and the plain record, both records with
//! the same numbers. The crate takes the plain one and expects the directory just before it, 76 bytes
//! too late. Where the directory's first header has 76 bytes, which is so when the file was saved under
//! a name of 21 letters and an extension, it takes the second header for the first and fails.

use std::fs::{File, remove_file};
use std::io::{Result, Write};
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// The plain record at the end, which has no comment.
const RECORD: (usize, &[u8]) = (22, b"PK\x05\x06");
/// The zip64 record's locator before it.
const LOCATOR: (usize, &[u8]) = (42, b"PK\x06\x07");
/// Where the plain record has the place of the directory.
const DIRECTORY: usize = 16;

/// Number of copies that this process has made, to give each a unique name.
static COPIES: AtomicU32 = AtomicU32::new(0);

/// Calls `read` on a temporary copy of the archive at `path` in which the plain record leaves the
/// location of the directory to the zip64 record; `None` if the file has no such records.
pub(super) fn with_zip64_record<T>(
    path: &Path,
    read: impl FnOnce(&Path) -> T,
) -> Result<Option<T>> {
    let mut content = std::fs::read(path)?;
    let is_there = |(from_end, signature): (usize, &[u8])| {
        let record = content.len().checked_sub(from_end);
        record.is_some_and(|start| content[start..].starts_with(signature))
    };
    if !is_there(RECORD) || !is_there(LOCATOR) {
        return Ok(None);
    }
    let directory = content.len() - RECORD.0 + DIRECTORY;
    content[directory..directory + 4].fill(0xff);

    let number = COPIES.fetch_add(1, Ordering::Relaxed);
    let name = format!("cifar-models-{}-{number}.pth", process::id());
    let copy = std::env::temp_dir().join(name);
    let result = File::create_new(&copy)?.write_all(&content);
    let result = result.map(|()| Some(read(&copy)));
    // The reader keeps the file open, so on Windows the copy is not deleted.
    let _ = remove_file(&copy);
    result
}
