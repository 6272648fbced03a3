//! Unpacking of untrusted archives.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

use flate2::read::GzDecoder;

use super::error::DataError;

/// Unpacks a `.tar.gz` into an existing, empty `folder`.
///
/// Refused are paths that leave the folder, links, devices, a name that occurs twice, and more than
/// `limit` bytes; what was written until then stays in the folder.
pub fn unpack(archive: &Path, folder: &Path, limit: u64) -> Result<(), DataError> {
    let damaged = |error| DataError::io(archive, "a readable gzip-compressed tar archive", &error);
    let file = File::open(archive).map_err(damaged)?;
    let mut archived = tar::Archive::new(Limited {
        inner: GzDecoder::new(file),
        limit,
        left: limit,
    });
    for entry in archived.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let name = entry.path().map_err(damaged)?.into_owned();
        let kind = entry.header().entry_type();
        let path = inside(&name)
            .filter(|_| kind.is_file() || kind.is_dir())
            .ok_or_else(|| {
                DataError::unexpected(
                    archive.display(),
                    "files and folders that stay in the archive's folder",
                    format!("'{}' ({})", name.display(), describe(kind)),
                )
            })?;
        let path = folder.join(path);
        if kind.is_dir() {
            create_folder(&path)?;
        } else {
            create_folder(path.parent().expect("lies in the folder"))?;
            let written = |error| DataError::not_written(&path, "to write it", &error);
            let mut output = File::create_new(&path).map_err(written)?;
            copy(&mut entry, &mut output, damaged, written)?;
            output.sync_all().map_err(written)?;
        }
    }
    Ok(())
}

/// As `io::copy`, which does not tell on which side an error was: a full disk is no damaged archive.
fn copy(
    from: &mut impl Read,
    to: &mut impl Write,
    damaged: impl Fn(io::Error) -> DataError,
    written: impl Fn(io::Error) -> DataError,
) -> Result<(), DataError> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        match from.read(&mut buffer).map_err(&damaged)? {
            0 => return Ok(()),
            count => to.write_all(&buffer[..count]).map_err(&written)?,
        }
    }
}

/// The path without `.` components, `None` if it could leave the folder or names the folder's own
/// place as a file.
fn inside(name: &Path) -> Option<PathBuf> {
    name.components()
        .filter(|component| *component != Component::CurDir)
        .map(|component| match component {
            Component::Normal(part) => Some(part),
            _ => None,
        })
        .collect()
}

fn describe(kind: tar::EntryType) -> &'static str {
    match kind {
        tar::EntryType::Symlink => "a symbolic link",
        tar::EntryType::Link => "a hard link",
        kind if kind.is_file() => "a file",
        kind if kind.is_dir() => "a folder",
        _ => "a special file",
    }
}

fn create_folder(path: &Path) -> Result<(), DataError> {
    std::fs::create_dir_all(path)
        .map_err(|error| DataError::not_written(path, "to create the folder", &error))
}

/// A reader that fails where a small archive unpacks to more than it should.
struct Limited<R> {
    inner: R,
    limit: u64,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| {
            io::Error::other(format!("more than {} bytes when unpacked", self.limit))
        })?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tar::{EntryType, Header};

    use super::*;

    struct Setting {
        root: tempfile::TempDir,
        tar: tar::Builder<GzEncoder<Vec<u8>>>,
    }

    impl Setting {
        fn new() -> Self {
            Self {
                root: tempfile::tempdir().unwrap(),
                tar: tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast())),
            }
        }

        /// Adds an entry, writing its name into the header as it is.
        fn add(mut self, name: &str, kind: EntryType, link: &str, content: &[u8]) -> Self {
            let mut header = Header::new_ustar();
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
            header.set_entry_type(kind);
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            self.tar.append(&header, content).unwrap();
            self
        }

        fn file(self, name: &str, content: &[u8]) -> Self {
            self.add(name, EntryType::Regular, "", content)
        }

        /// Unpacks into `inner`; returns the root too, so that it can be looked at.
        fn unpack(self, limit: u64) -> (tempfile::TempDir, Result<(), DataError>) {
            let archive = self.root.path().join("a.tar.gz");
            let bytes = self.tar.into_inner().unwrap().finish().unwrap();
            std::fs::write(&archive, bytes).unwrap();
            let folder = self.root.path().join("inner");
            std::fs::create_dir(&folder).unwrap();
            let result = unpack(&archive, &folder, limit);
            (self.root, result)
        }

        fn refused(self) -> String {
            let (root, result) = self.unpack(1 << 20);
            let error = result.unwrap_err().to_string();
            let mut left: Vec<_> = std::fs::read_dir(root.path())
                .unwrap()
                .map(|e| e.unwrap().file_name())
                .collect();
            left.sort();
            assert_eq!(left, ["a.tar.gz", "inner"], "something left the folder");
            error
        }
    }

    #[test]
    fn files_and_folders_are_unpacked() {
        let (root, result) = Setting::new()
            .add("data/", EntryType::Directory, "", b"")
            .file("data/a.bin", b"first")
            .file("./data/deep/b.bin", b"second")
            .unpack(1 << 20);
        result.unwrap();
        let data = root.path().join("inner/data");
        assert_eq!(std::fs::read(data.join("a.bin")).unwrap(), b"first");
        assert_eq!(std::fs::read(data.join("deep/b.bin")).unwrap(), b"second");
    }

    #[test]
    fn path_to_the_parent_is_refused() {
        let error = Setting::new().file("../evil", b"x").refused();
        assert!(error.contains("found '../evil' (a file)"), "{error}");
        Setting::new().file("data/../../evil", b"x").refused();
    }

    #[test]
    fn absolute_path_is_refused() {
        let error = Setting::new().file("/tmp/evil", b"x").refused();
        assert!(error.contains("'/tmp/evil'"), "{error}");
    }

    #[test]
    fn links_are_refused() {
        let error = Setting::new()
            .add("data", EntryType::Symlink, "..", b"")
            .refused();
        assert!(error.contains("'data' (a symbolic link)"), "{error}");
        let error = Setting::new()
            .add("data", EntryType::Link, "../a.tar.gz", b"")
            .refused();
        assert!(error.contains("(a hard link)"), "{error}");
    }

    #[test]
    fn special_files_are_refused() {
        let error = Setting::new()
            .add("pipe", EntryType::Fifo, "", b"")
            .refused();
        assert!(error.contains("'pipe' (a special file)"), "{error}");
    }

    #[test]
    fn name_that_occurs_twice_is_refused() {
        Setting::new()
            .file("a", b"first")
            .file("a", b"second")
            .refused();
        Setting::new().file(".", b"the folder itself").refused();
    }

    #[test]
    fn archive_that_unpacks_to_too_much_is_refused() {
        let (_root, result) = Setting::new()
            .file("zeros", &vec![0; 100_000])
            .unpack(50_000);
        let error = result.unwrap_err().to_string();
        assert!(
            error.ends_with("found more than 50000 bytes when unpacked"),
            "{error}"
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn full_disk_is_not_taken_for_a_damaged_archive() {
        let mut full = File::options().write(true).open("/dev/full").unwrap();
        let says = |text: &'static str| {
            move |error: io::Error| DataError::unexpected(text, "", error.to_string())
        };
        let error = copy(&mut &b"x"[..], &mut full, says("archive"), says("file")).unwrap_err();
        assert!(error.to_string().starts_with("file: "), "{error}");
    }

    #[test]
    fn file_that_is_no_archive_is_refused() {
        let root = tempfile::tempdir().unwrap();
        for content in [&b""[..], b"<html>not found</html>", b"\x1f\x8b\x08"] {
            let path = root.path().join("a.tar.gz");
            File::create(&path).unwrap().write_all(content).unwrap();
            let error = unpack(&path, root.path(), 1000).unwrap_err().to_string();
            assert!(
                error.contains("expected a readable gzip-compressed tar archive"),
                "{error}"
            );
        }
    }
}
