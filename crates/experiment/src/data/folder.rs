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
        let bytes = archive.metadata().map_or(0, |metadata| metadata.len());
        let (archive, official) = (archive.display(), release.archive.bytes);
        if bytes == official {
            format!("{archive} is not unpacked yet: {fetch} does that, without a download")
        } else {
            format!(
                "{archive} is not the official archive, it has {bytes} of {official} bytes: \
                 {fetch} downloads that"
            )
        }
    } else if let Some(python) = python_version(release, root) {
        let python = python.display();
        format!(
            "{python} is the Python version: {fetch} downloads the binary version, which is needed"
        )
    } else {
        format!(
            "`experiment data fetch {dataset}` downloads them, \
             and --data-dir or EXPERIMENT_DATA names the folder that holds them"
        )
    })
}

/// The folder or archive of the release's Python version in `root`, or `root` where it is that folder.
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
        Err(error) => Err(DataError::io(path, "a name that can be looked up", &error)),
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
    use std::fs;

    use super::*;
    use crate::data::RELEASES;

    #[test]
    fn files_are_found_in_the_folder_or_in_its_parent() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("cifar-10-batches-bin");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("test_batch.bin"), "").unwrap();
        assert_eq!(find(&RELEASES[0], root.path()).unwrap(), folder);
        assert_eq!(find(&RELEASES[0], &folder).unwrap(), folder);
    }

    #[test]
    fn folder_of_another_dataset_is_not_taken() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("train.bin"), "").unwrap();
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
    fn folder_that_an_unpacking_program_made_around_it_is_looked_into() {
        for (release, inner) in [
            (&RELEASES[0], "cifar-10-binary/cifar-10-batches-bin"),
            (&RELEASES[1], "cifar-100-binary/cifar-100-binary"),
        ] {
            let root = tempfile::tempdir().unwrap();
            let folder = root.path().join(inner);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(release.test.name), "").unwrap();
            assert_eq!(find(release, root.path()).unwrap(), folder);
        }
    }

    #[test]
    fn file_in_the_place_of_a_folder_is_named() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("cifar-10-batches-bin");
        fs::write(&file, "").unwrap();
        for root in [root.path(), &file] {
            let error = find(&RELEASES[0], root).unwrap_err().to_string();
            let expected = format!("{}: expected a folder, found a file", file.display());
            assert_eq!(error, expected);
        }
    }

    #[cfg(unix)]
    #[test]
    fn link_that_leads_nowhere_in_the_place_of_a_folder_or_archive_is_named() {
        for name in ["cifar-10-batches-bin", "cifar-10-binary.tar.gz"] {
            let root = tempfile::tempdir().unwrap();
            std::os::unix::fs::symlink("nowhere", root.path().join(name)).unwrap();
            let error = find(&RELEASES[0], root.path()).unwrap_err().to_string();
            assert!(error.contains(&format!("{name}: expected a f")), "{error}");
            assert!(
                error.contains("found a symbolic link to nowhere: "),
                "{error}"
            );
        }
    }

    /// The advice where `root` holds none of the files of CIFAR-10.
    fn advice_for(root: &Path) -> String {
        match find(&RELEASES[0], root).unwrap_err() {
            DataError::NotFound { advice, .. } => advice,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn archive_that_is_not_unpacked_is_named_with_the_command_that_does_it() {
        let root = tempfile::tempdir().unwrap();
        let archive = root.path().join("cifar-10-binary.tar.gz");
        let file = fs::File::create(&archive).unwrap();
        let fetch = format!(
            "`experiment data fetch cifar10 --data-dir {}`",
            root.path().display()
        );
        let advice = advice_for(root.path());
        assert!(advice.contains("it has 0 of 170052171 bytes"), "{advice}");
        assert!(advice.contains(&fetch), "{advice}");
        file.set_len(RELEASES[0].archive.bytes).unwrap(); // sparse
        let advice = advice_for(root.path());
        assert_eq!(
            advice,
            format!(
                "{} is not unpacked yet: {fetch} does that, without a download",
                archive.display()
            )
        );
        // Also where the folder that it would unpack to is named.
        let advice = advice_for(&root.path().join("cifar-10-batches-bin"));
        assert!(advice.contains("is not unpacked yet"), "{advice}");
    }

    #[test]
    fn python_version_is_named_in_the_folder_its_parent_and_its_archive() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("cifar-10-batches-py");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("data_batch_1"), "").unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join("cifar-10-python.tar.gz"), "").unwrap();
        for root in [root.path(), &folder, elsewhere.path()] {
            let advice = advice_for(root);
            assert!(advice.contains("is the Python version"), "{advice}");
            assert!(advice.contains("downloads the binary version"), "{advice}");
        }
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
