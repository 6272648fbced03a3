//! Where the files of a dataset lie.

use std::path::{Path, PathBuf};

use super::cifar::exists;
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
pub fn find(release: &Release, root: &Path) -> Result<PathBuf, DataError> {
    let looked_in: Vec<PathBuf> = std::iter::once(root.to_path_buf())
        .chain(release.folders.iter().map(|name| root.join(name)))
        .collect();
    for folder in &looked_in {
        for file in release.files() {
            if exists(&folder.join(file.name))? {
                return Ok(folder.clone());
            }
        }
    }
    Err(DataError::NotFound {
        dataset: release.dataset,
        looked_in,
    })
}

/// The folder into which a release is unpacked: `root` if it has the release's name, else one in it.
pub fn target(release: &Release, root: &Path) -> PathBuf {
    if root
        .file_name()
        .is_some_and(|name| name == release.folder())
    {
        root.to_path_buf()
    } else {
        root.join(release.folder())
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
