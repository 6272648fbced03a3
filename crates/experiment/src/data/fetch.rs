//! The official archive → its folder: download, check, unpack, put in place.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::download::{Part, download, sha256};
use super::error::DataError;
use super::folder::{self, exists, is_file, is_folder};
use super::images::IMAGE_BYTES;
use super::progress::Progress;
use super::release::{Archive, Release};
use super::unpack::unpack;
use super::verify::inspect;

/// Room for what an archive holds besides its records: class names, a page, the tar's own blocks.
const OTHER_BYTES: u64 = 1 << 20;

/// Puts the official files of a release below `root` and returns their folder.
///
/// An archive that is in place of the download already is unpacked and kept. Otherwise `sources` are
/// addresses of the archive or of folders that hold it, tried in turn. What was downloaded when all fail
/// stays beside the folder and is continued the next time. Files that are there already are never touched.
///
/// # Errors
/// When no source delivers the archive, its folder holds other files, or a file cannot be read or written.
pub fn fetch(
    release: &'static Release,
    root: &Path,
    sources: &[String],
    progress: &mut dyn Progress,
) -> Result<PathBuf, DataError> {
    let target = folder::target(release, root);
    if is_there(release, &target)? {
        progress.message("the official files are there already, every byte verified");
        return Ok(target);
    }
    let parent = folder::parent(release, root);
    if !is_folder(parent)? {
        std::fs::create_dir_all(parent)
            .map_err(|error| DataError::not_written(parent, "to create the folder", &error))?;
    }

    let archive = parent.join(release.archive.name);
    if is_official(&release.archive, &archive, progress)? {
        progress.message(&format!("unpacking {}", archive.display()));
        place(release, &archive, &target, parent)?;
        return Ok(target);
    }

    let part_path = parent.join(format!("{}.part", release.archive.name));
    let mut part = Part::open(&part_path)?;
    download(&release.archive, sources, &mut part, progress)?;
    progress.message("checksum is right, unpacking");
    place(release, &part_path, &target, parent)?;
    std::fs::remove_file(&part_path)
        .map_err(|error| DataError::io(&part_path, "to remove it", &error))?;
    Ok(target)
}

/// Whether the official files lie in `target` already; other files in their place are an error.
fn is_there(release: &'static Release, target: &Path) -> Result<bool, DataError> {
    if !is_folder(target)? || is_empty(target)? {
        return Ok(false);
    }
    let Some(difference) = inspect(release, target.to_path_buf()).difference() else {
        return Ok(true);
    };
    Err(DataError::unexpected(
        target.display(),
        format!("nothing or the official files of {}", release.dataset),
        format!(
            "{difference}; `experiment data verify {} --data-dir {}` shows all; \
             move it away or name another folder with --data-dir",
            release.dataset,
            target.display()
        ),
    ))
}

/// A link to an empty folder does not count: no folder can take its place.
fn is_empty(folder: &Path) -> Result<bool, DataError> {
    let unreadable = |error| DataError::io(folder, "a readable folder", &error);
    let entries = std::fs::read_dir(folder).map_err(unreadable)?.count();
    Ok(entries == 0 && !folder.is_symlink())
}

/// Whether the official archive is at `path`; what else has its name is told and left alone.
fn is_official(
    archive: &Archive,
    path: &Path,
    progress: &mut dyn Progress,
) -> Result<bool, DataError> {
    if !is_file(path)? {
        return Ok(false);
    }
    let unreadable = |error| DataError::io(path, "a readable file", &error);
    let mut file = File::open(path).map_err(unreadable)?;
    let bytes = file.metadata().map_err(unreadable)?.len();
    let (expected, found) = if bytes == archive.bytes {
        let checksum = sha256(&mut file, path)?;
        if checksum == archive.sha256 {
            return Ok(true);
        }
        (format!("sha256 {}", archive.sha256), checksum)
    } else {
        (format!("{} bytes", archive.bytes), bytes.to_string())
    };
    progress.message(&format!(
        "warning: {}: expected the official archive of {expected}, found {found}; it is not used",
        path.display()
    ));
    Ok(false)
}

/// Unpacks beside `target` and renames, so that a folder of that name is always whole.
fn place(release: &Release, archive: &Path, target: &Path, parent: &Path) -> Result<(), DataError> {
    let unpacked = parent.join(format!("{}.unpacking", release.folder()));
    let write = |error| DataError::not_written(&unpacked, "to write the folder", &error);
    if exists(&unpacked)? {
        std::fs::remove_dir_all(&unpacked).map_err(write)?; // left by an interrupted run
    }
    std::fs::create_dir(&unpacked).map_err(write)?;
    let records: usize = release.files().map(|file| file.records).sum();
    let record_bytes = release.labels.len() + IMAGE_BYTES;
    let limit = (records * record_bytes) as u64 + OTHER_BYTES;
    let placed = unpack(archive, &unpacked, limit).and_then(|()| {
        std::fs::rename(unpacked.join(release.folder()), target)
            .map_err(|error| DataError::io(target, "to move the unpacked folder there", &error))
    });
    let removed = std::fs::remove_dir_all(&unpacked).map_err(write);
    placed.and(removed)
}

#[cfg(test)]
mod tests;
