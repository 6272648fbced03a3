//! Where the files of a dataset lie.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::error::DataError;
use super::release::Release;

/// The folder named by the user, else the one in `EXPERIMENT_DATA`, else the user's data folder.
///
/// # Errors
/// When nothing is named and the user has no home folder.
pub fn data_root(data_dir: Option<&Path>) -> Result<PathBuf, DataError> {
    let named = std::env::var_os("EXPERIMENT_DATA").filter(|value| !value.is_empty());
    data_dir
        .map(Path::to_path_buf)
        .or(named.map(PathBuf::from))
        .or_else(|| Some(directories::BaseDirs::new()?.data_dir().join("experiment")))
        .ok_or_else(|| {
            DataError::unexpected(
                "data folder",
                "--data-dir, EXPERIMENT_DATA or a home folder",
                "none of them",
            )
        })
}

/// The folder that holds files of the release: `root` itself or one in it with a known name.
///
/// # Errors
/// When none does, which tells what else is there, or one of them cannot be opened.
pub fn find(release: &Release, root: &Path) -> Result<PathBuf, DataError> {
    let looked_in: Vec<PathBuf> = std::iter::once(root.to_path_buf())
        .chain(release.folders.iter().map(|name| root.join(name)))
        .collect();
    for folder in &looked_in {
        if !is_folder(folder)? {
            continue;
        }
        for file in release.files() {
            if exists(&folder.join(file.name))? {
                return Ok(folder.clone());
            }
        }
    }
    Err(DataError::NotFound {
        dataset: release.dataset,
        advice: advice(release, root)?,
        looked_in,
    })
}

/// How the files of a release get into `root`, which has none of them.
fn advice(release: &Release, root: &Path) -> Result<String, DataError> {
    let dataset = release.dataset;
    let fetch = format!(
        "`experiment data fetch {dataset} --data-dir {}`",
        root.display()
    );
    let archive = parent(release, root).join(release.archive.name);
    Ok(if is_file(&archive)? {
        let archive = archive.display();
        format!("{archive} is not unpacked yet: {fetch} does that, without a download")
    } else if let Some(python) = python_version(release, root) {
        let python = python.display();
        format!(
            "{python} is the version for Python: {fetch} downloads the binary version, which is needed"
        )
    } else {
        format!(
            "`experiment data fetch {dataset}` downloads them, \
             and --data-dir or EXPERIMENT_DATA names the folder that holds them"
        )
    })
}

/// The folder or archive of the release's version for Python in `root`, or `root` where it is that folder.
fn python_version(release: &Release, root: &Path) -> Option<PathBuf> {
    let named = [release.python_folder, release.python_archive].map(|name| root.join(name));
    // Its files are called as those of the binary version, without the extension.
    let mut files = release
        .files()
        .map(|file| root.join(file.name).with_extension(""));
    if files.any(|file| file.is_file()) {
        return Some(root.to_path_buf());
    }
    named.into_iter().find(|path| path.exists())
}

/// The folder into which a release is unpacked: `root` if it has the release's name, else one in it.
pub fn target(release: &Release, root: &Path) -> PathBuf {
    if is_named_for(release, root) {
        root.to_path_buf()
    } else {
        root.join(release.folder())
    }
}

/// The folder of the [`target`], and of the archive before it is unpacked.
pub fn parent<'a>(release: &Release, root: &'a Path) -> &'a Path {
    match root.parent() {
        Some(parent) if is_named_for(release, root) => {
            if parent.as_os_str().is_empty() {
                Path::new(".")
            } else {
                parent
            }
        }
        _ => root,
    }
}

fn is_named_for(release: &Release, root: &Path) -> bool {
    root.file_name()
        .is_some_and(|name| name == release.folder())
}

/// Whether `path` is a folder, `false` where nothing has that name; whatever else has it is an error.
pub fn is_folder(path: &Path) -> Result<bool, DataError> {
    is_what(path, "a folder", Metadata::is_dir)
}

/// Whether `path` is a file, `false` where nothing has that name; whatever else has it is an error.
pub fn is_file(path: &Path) -> Result<bool, DataError> {
    is_what(path, "a file", Metadata::is_file)
}

fn is_what(
    path: &Path,
    expected: &str,
    is_expected: fn(&Metadata) -> bool,
) -> Result<bool, DataError> {
    if !exists(path)? {
        return Ok(false);
    }
    match path.metadata() {
        Ok(metadata) if is_expected(&metadata) => Ok(true),
        Ok(metadata) => Err(DataError::unexpected(
            path.display(),
            expected,
            describe(&metadata),
        )),
        Err(error) => Err(DataError::io(path, expected, &error)),
    }
}

/// Whether anything has the name `path`, be it a link that leads nowhere: whoever opens that hears why
/// it cannot be opened.
pub fn exists(path: &Path) -> Result<bool, DataError> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(false)
        }
        Err(error) => Err(DataError::io(path, "a readable folder", &error)),
    }
}

fn describe(metadata: &Metadata) -> &'static str {
    if metadata.is_dir() {
        "a folder"
    } else if metadata.is_file() {
        "a file"
    } else {
        "something else"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::RELEASES;

    #[test]
    fn files_are_found_in_the_folder_or_in_its_parent() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("cifar-10-batches-bin");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("test_batch.bin"), "").unwrap();
        assert_eq!(find(&RELEASES[0], root.path()).unwrap(), folder);
        assert_eq!(find(&RELEASES[0], &folder).unwrap(), folder);
    }

    #[test]
    fn folder_of_another_dataset_is_not_taken() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("train.bin"), "").unwrap();
        let error = find(&RELEASES[0], root.path()).unwrap_err().to_string();
        assert!(
            error.starts_with("cifar10: expected its files in one of "),
            "{error}"
        );
        assert!(error.contains("cifar-10-batches-bin"), "{error}");
        assert!(error.contains("experiment data fetch cifar10"), "{error}");
        assert_eq!(find(&RELEASES[1], root.path()).unwrap(), root.path());
    }

    #[test]
    fn folder_that_is_a_file_holds_nothing() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(find(&RELEASES[0], file.path()).is_err());
    }

    #[test]
    fn named_folder_comes_first() {
        assert_eq!(
            data_root(Some(Path::new("here"))).unwrap(),
            Path::new("here")
        );
    }

    #[test]
    fn release_is_unpacked_beside_others_or_into_the_folder_of_its_name() {
        assert_eq!(
            target(&RELEASES[0], Path::new("/data")),
            Path::new("/data/cifar-10-batches-bin")
        );
        assert_eq!(
            target(&RELEASES[0], Path::new("/data/cifar-10-batches-bin")),
            Path::new("/data/cifar-10-batches-bin")
        );
    }
}
