//! Atomic writing of files: completely or not at all, and on disk before the call returns.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::StoreError;
use super::disk::{self, sync_folder};
use super::holder::Holder;

/// Writes a file so that a reader, even after a kill or a power failure, finds the old or the new content, never a part.
/// No two processes may write it at once.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    write_by_way_of(&temporary_beside(path), path, bytes)
}

/// As [`write()`], but after a power failure the file can be empty, torn or gone, until [`sync`] was called.
pub fn write_unsynced(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    write_unsynced_by_way_of(&temporary_beside(path), path, bytes)
}

/// As [`write_unsynced`], for a file that several processes may write at once; the last one wins.
pub fn write_shared_unsynced(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    write_unsynced_by_way_of(&temporary_of_process(path), path, bytes)
}

/// Puts files of a folder on disk before the call returns.
pub fn sync<'a>(folder: &Path, names: impl IntoIterator<Item = &'a str>) -> Result<(), StoreError> {
    let files: Vec<PathBuf> = names.into_iter().map(|name| folder.join(name)).collect();
    disk::sync_files(&files)
        .and_then(|()| sync_folder(folder))
        .map_err(StoreError::io(folder, "write"))
}

/// As [`write()`], for a file that several processes may write at once; the last one wins.
pub fn write_shared(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    write_by_way_of(&temporary_of_process(path), path, bytes)
}

fn write_unsynced_by_way_of(temporary: &Path, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    disk::File::create(temporary)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| disk::rename(temporary, path))
        .map_err(|error| write_error(temporary, path, bytes, error))
}

fn write_by_way_of(temporary: &Path, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let written = write_synced(temporary, bytes)
        .and_then(|()| disk::rename(temporary, path))
        .and_then(|()| sync_folder(parent(path)));
    written.map_err(|error| write_error(temporary, path, bytes, error))
}

fn write_error(temporary: &Path, path: &Path, bytes: &[u8], error: io::Error) -> StoreError {
    // Half a file must not keep a full disk full; the first error is the one to report.
    disk::remove_file(temporary).ok();
    StoreError::writing(path, bytes.len())(error)
}

/// Creates a folder with those above it, each on disk before the call returns.
pub fn create_folder(path: &Path) -> Result<(), StoreError> {
    if path.is_dir() {
        return Ok(());
    }
    let above = parent(path);
    if above != path {
        create_folder(above)?;
    }
    disk::create_folder(path)
        .or_else(|error| if path.is_dir() { Ok(()) } else { Err(error) })
        .and_then(|()| sync_folder(above))
        .map_err(StoreError::io(path, "create the folder"))
}

/// Renames a file or a folder, possibly into another folder, on disk before the call returns.
pub fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    let sync = || {
        sync_folder(parent(to))?;
        if parent(from) == parent(to) {
            return Ok(());
        }
        sync_folder(parent(from))
    };
    disk::rename(from, to)
        .and_then(|()| sync())
        .map_err(StoreError::io(from, "rename"))
}

/// Removes a file if there is one, and its temporary file if a kill left one.
pub fn remove(path: &Path) -> Result<(), StoreError> {
    for path in [path, &temporary_beside(path)] {
        match disk::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            removed => removed.map_err(StoreError::io(path, "remove"))?,
        }
    }
    Ok(())
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = disk::File::create(path)?;
    file.write_all(bytes)?;
    file.sync()
}

fn temporary_beside(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".partial");
    path.with_file_name(name)
}

/// As [`temporary_beside`], with a name that no other process uses.
fn temporary_of_process(path: &Path) -> PathBuf {
    path.with_file_name(format!(
        ".{}.{}.partial",
        path.file_name().unwrap_or_default().to_string_lossy(),
        Holder::this_process().file_name()
    ))
}

/// The folder of a path, the current one for a bare name.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn names_in(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn a_written_file_replaces_the_old_one_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("result.json");
        write(&file, b"a long first content").unwrap();
        write(&file, b"second").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"second");
        assert_eq!(names_in(folder.path()), ["result.json"]);
    }

    #[test]
    fn a_part_left_by_a_kill_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("result.json");
        fs::write(temporary_beside(&file), b"half of a much longer content").unwrap();
        write(&file, b"whole").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"whole");
        assert_eq!(names_in(folder.path()), ["result.json"]);
    }

    #[test]
    fn a_file_that_many_write_at_once_has_the_content_of_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("plan.json");
        std::thread::scope(|scope| {
            for writer in b'a'..=b'h' {
                let file = &file;
                scope.spawn(move || {
                    for _ in 0..10 {
                        write_shared(file, &vec![writer; 10_000]).unwrap();
                    }
                });
            }
        });
        let content = fs::read(&file).unwrap();
        assert!(content == vec![content[0]; 10_000]);
        assert_eq!(names_in(folder.path()), ["plan.json"]);
    }

    #[test]
    fn a_removed_file_is_gone_with_its_part_and_can_be_absent_already() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("checkpoint.safetensors");
        write(&file, b"whole").unwrap();
        fs::write(temporary_beside(&file), b"half").unwrap();
        remove(&file).unwrap();
        remove(&file).unwrap();
        assert!(names_in(folder.path()).is_empty());
    }

    #[test]
    fn a_failed_write_names_the_file_and_leaves_no_part() {
        let folder = tempfile::tempdir().unwrap();
        let occupied = folder.path().join("model.safetensors");
        fs::create_dir(&occupied).unwrap();
        let error = write(&occupied, b"weights").unwrap_err();
        let message = format!("{:#}", anyhow::Error::from(error));
        assert!(
            message.contains("model.safetensors: cannot write: "),
            "{message}"
        );
        assert_eq!(message.matches("os error").count(), 1, "{message}");
        assert_eq!(names_in(folder.path()), ["model.safetensors"]);
    }

    #[test]
    fn folders_are_created_with_those_above_and_again_without_harm() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("runs/quickstart/trials");
        create_folder(&deep).unwrap();
        create_folder(&deep).unwrap();
        assert!(deep.is_dir());
    }

    #[test]
    fn a_file_in_the_way_of_a_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("runs");
        fs::write(&file, b"").unwrap();
        let message = create_folder(&file.join("quickstart"))
            .unwrap_err()
            .to_string();
        assert!(
            message.ends_with("runs: cannot create the folder")
                || message.ends_with("quickstart: cannot create the folder"),
            "{message}"
        );
    }
}
