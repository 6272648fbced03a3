//! The official archive → its folder: download, check, unpack, put in place.

use std::path::{Path, PathBuf};

use super::download::{Part, download};
use super::error::DataError;
use super::images::IMAGE_BYTES;
use super::release::Release;
use super::unpack::unpack;
use super::verify::inspect;
use super::{cifar::exists, folder};

/// Room for what an archive holds besides its records: class names, a page, the tar's own blocks.
const OTHER_BYTES: u64 = 1 << 20;

/// Hears how a download goes.
pub trait Progress {
    fn downloaded(&mut self, bytes: u64, total: u64);
    fn message(&mut self, text: &str);
}

/// Puts the official files of a release below `root` and returns their folder.
///
/// `sources` are addresses of the archive or of folders that hold it, tried in turn. What was
/// downloaded when all fail stays beside the folder and is continued the next time. Files that are
/// there already are never touched.
///
/// # Errors
/// When no source delivers the archive, its folder holds other files, or a file cannot be written.
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
    let parent = target
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent)
        .map_err(|error| DataError::io(parent, "to create the folder", &error))?;

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
    if !exists(target)? {
        return Ok(false);
    }
    if inspect(release, target.to_path_buf()).official() {
        return Ok(true);
    }
    Err(DataError::unexpected(
        target.display(),
        format!("nothing or the official files of {}", release.dataset),
        "something else (`experiment data verify` shows what); move it away or name another folder with --data-dir",
    ))
}

/// Unpacks beside `target` and renames, so that a folder of that name is always whole.
fn place(release: &Release, archive: &Path, target: &Path, parent: &Path) -> Result<(), DataError> {
    let unpacked = parent.join(format!("{}.unpacking", release.folder()));
    let write = |error| DataError::io(&unpacked, "to write the folder", &error);
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
    std::fs::remove_dir_all(&unpacked).map_err(write)?;
    placed
}

#[cfg(test)]
mod tests;
