//! Fetches the official files of a dataset: download, verify, unpack, move into place.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::download::{Part, download, sha256};
use super::error::DataError;
use super::folder;
use super::path_kind::{exists, is_file, is_folder};
use super::progress::Progress;
use super::unpack::unpack;
use super::verify::inspect;
use crate::datasets::{DatasetFiles, Packing, RemoteFile};

/// Room for what an archive holds besides images: class names, a page, the tar's own blocks.
const OTHER_BYTES: u64 = 1 << 20;
/// Maximum bytes besides the pixels of an image: its labels.
const LABEL_BYTES: usize = 2;

/// Fetches the official files of a dataset into `root` and returns their folder.
///
/// An archive that already exists is unpacked and kept. Otherwise `sources` are
/// addresses of the download or of folders that contain it, tried in order. What was downloaded when all fail
/// stays next to the folder and is resumed the next time. Existing files are never modified.
///
/// # Errors
/// When no source delivers the download, its folder contains other files, or a file cannot be read or written.
pub fn fetch(
    files: DatasetFiles,
    root: &Path,
    sources: &[String],
    progress: &mut dyn Progress,
) -> Result<PathBuf, DataError> {
    let target = folder::target(files.release, root);
    if is_there(files, &target)? {
        progress.message("the official files are already present and verified");
        return Ok(target);
    }
    let parent = folder::parent(files.release, root);
    if !is_folder(parent)? {
        std::fs::create_dir_all(parent)
            .map_err(|error| DataError::not_written(parent, "to create the folder", &error))?;
    }
    let fetch = Fetch {
        files,
        target: &target,
        parent,
    };
    match files.release.download.packing {
        Packing::Archive(archive) => fetch.archive(&archive, sources, progress)?,
        Packing::Files(remote) => fetch.folder(remote, sources, progress)?,
    }
    Ok(target)
}

/// The dataset to fetch, and its destination.
struct Fetch<'a> {
    files: DatasetFiles,
    target: &'a Path,
    /// The folder of `target`.
    parent: &'a Path,
}

impl Fetch<'_> {
    /// Downloads `archive` unless it already exists, and unpacks it.
    fn archive(
        &self,
        archive: &RemoteFile,
        sources: &[String],
        progress: &mut dyn Progress,
    ) -> Result<(), DataError> {
        let path = self.parent.join(archive.name);
        if is_official(archive, &path, progress)? {
            progress.message(&format!("unpacking {}", path.display()));
            return self.place(&path);
        }
        let part_path = self.parent.join(format!("{}.part", archive.name));
        let mut part = Part::open(&part_path)?;
        download(archive, sources, &mut part, progress)?;
        progress.message("checksum verified, unpacking");
        self.place(&part_path)?;
        std::fs::remove_file(&part_path)
            .map_err(|error| DataError::io(&part_path, "to remove it", &error))
    }

    /// Downloads each file into a folder next to the target and renames that, so that a folder of the target's
    /// name is always complete. Files of an interrupted run are kept.
    fn folder(
        &self,
        remote: &[RemoteFile],
        sources: &[String],
        progress: &mut dyn Progress,
    ) -> Result<(), DataError> {
        let name = self.files.release.folder();
        let unfinished = self.parent.join(format!("{name}.part"));
        std::fs::create_dir_all(&unfinished)
            .map_err(|error| DataError::not_written(&unfinished, "to create the folder", &error))?;
        if let Err(error) = download_into(&unfinished, remote, sources, progress) {
            // Only an empty folder can be removed like this.
            std::fs::remove_dir(&unfinished).ok();
            return Err(error);
        }
        progress.message("checksums verified");
        move_to(self.target, &unfinished, "the downloaded folder")
    }

    /// Unpacks `archive` next to the target and renames, so that a folder of that name is always complete.
    fn place(&self, archive: &Path) -> Result<(), DataError> {
        let DatasetFiles { dataset, release } = self.files;
        let target = self.target;
        let unpacked = self.parent.join(format!("{}.unpacking", release.folder()));
        let write = |error| DataError::not_written(&unpacked, "to write the folder", &error);
        if exists(&unpacked)? {
            std::fs::remove_dir_all(&unpacked).map_err(write)?; // left by an interrupted run
        }
        std::fs::create_dir(&unpacked).map_err(write)?;
        let images: usize = release.shards().map(|shard| shard.images).sum();
        let limit = (images * (dataset.shape.bytes() + LABEL_BYTES)) as u64 + OTHER_BYTES;
        let placed = unpack(archive, &unpacked, limit).and_then(|()| {
            move_to(
                target,
                &unpacked.join(release.folder()),
                "the unpacked folder",
            )
        });
        let removed = std::fs::remove_dir_all(&unpacked).map_err(write);
        placed.and(removed)
    }
}

/// Downloads the files that are not in `folder` yet.
fn download_into(
    folder: &Path,
    remote: &[RemoteFile],
    sources: &[String],
    progress: &mut dyn Progress,
) -> Result<(), DataError> {
    for file in remote {
        let path = folder.join(file.name);
        if is_official(file, &path, progress)? {
            continue;
        }
        let part_path = folder.join(format!("{}.part", file.name));
        let mut part = Part::open(&part_path)?;
        download(file, sources, &mut part, progress)?;
        part.finish()?;
        move_to(&path, &part_path, "the downloaded file")?;
    }
    Ok(())
}

fn move_to(target: &Path, path: &Path, what: &str) -> Result<(), DataError> {
    std::fs::rename(path, target)
        .map_err(|error| DataError::io(target, &format!("to move {what} there"), &error))
}

/// Whether the official files are already in `target`; other files in their place are an error.
fn is_there(files: DatasetFiles, target: &Path) -> Result<bool, DataError> {
    if !is_folder(target)? || is_empty(target)? {
        return Ok(false);
    }
    let Some(difference) = inspect(files, target.to_path_buf()).difference() else {
        return Ok(true);
    };
    let dataset = files.dataset;
    Err(DataError::unexpected(
        target.display(),
        format!("nothing or the official files of {dataset}"),
        format!(
            "{difference}; `experiment data verify {dataset} --data-dir {}` shows all differences; \
             move it away or choose another folder with --data-dir",
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

/// Whether the official file is at `path`; anything else of that name is reported.
fn is_official(
    official: &RemoteFile,
    path: &Path,
    progress: &mut dyn Progress,
) -> Result<bool, DataError> {
    if !is_file(path)? {
        return Ok(false);
    }
    let unreadable = |error| DataError::io(path, "a readable file", &error);
    let mut file = File::open(path).map_err(unreadable)?;
    let bytes = file.metadata().map_err(unreadable)?.len();
    let (expected, found) = if bytes == official.bytes {
        let checksum = sha256(&mut file, path)?;
        if checksum == official.sha256 {
            return Ok(true);
        }
        (format!("sha256 {}", official.sha256), checksum)
    } else {
        (format!("{} bytes", official.bytes), bytes.to_string())
    };
    progress.message(&format!(
        "warning: {}: expected the official file of {expected}, found {found}; downloading that",
        path.display()
    ));
    Ok(false)
}

#[cfg(test)]
mod tests;
