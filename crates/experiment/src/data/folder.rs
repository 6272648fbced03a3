//! The location of a dataset's files.

use std::path::{Path, PathBuf};

use super::error::DataError;
use super::format::locate;
use super::path_kind::{is_file, is_folder};
use crate::datasets::{DatasetFiles, Packing, Release};

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

/// The folder that contains files of a dataset: `root` itself, one in it with a known name, or else the only one in
/// it that has any.
///
/// # Errors
/// When none does (the error says what else was found), when several do, or when one of them cannot be opened.
pub fn find(files: DatasetFiles, root: &Path) -> Result<PathBuf, DataError> {
    let release = files.release;
    let looked_in: Vec<PathBuf> = std::iter::once(root.to_path_buf())
        .chain(release.folders.iter().map(|name| root.join(name)))
        .collect();
    for folder in &looked_in {
        if is_folder(folder)? && !is_of_another(files, folder) && holds_any(release, folder)? {
            return Ok(folder.clone());
        }
    }
    let mut others = folders_in(root)?;
    others.retain(|folder| {
        let is_candidate = !is_unfinished(folder) && !is_of_another(files, folder);
        is_candidate && holds_any(release, folder).unwrap_or(false)
    });
    match others.as_slice() {
        [] => Err(DataError::NotFound {
            dataset: files.dataset.name,
            advice: advice(files, root)?,
            looked_in,
        }),
        [folder] => Ok(folder.clone()),
        several => Err(DataError::unexpected(
            root.display(),
            format!("one folder with files of {}", files.dataset),
            format!("several ({}); name one with --data-dir", names(several)),
        )),
    }
}

/// Whether the folder has the name of another dataset's folder: files of several datasets have the same names.
fn is_of_another(files: DatasetFiles, folder: &Path) -> bool {
    DatasetFiles::all()
        .filter(|other| other.dataset != files.dataset)
        .any(|other| (other.release.folders.iter()).any(|name| folder.ends_with(name)))
}

/// Whether the folder is an interrupted download's.
fn is_unfinished(folder: &Path) -> bool {
    folder
        .extension()
        .is_some_and(|extension| extension == "part" || extension == "unpacking")
}

fn holds_any(release: &'static Release, folder: &Path) -> Result<bool, DataError> {
    for file in release.files() {
        if locate(release.format, file, folder)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The folders in `root` in the order of their names; none if it is not a folder.
fn folders_in(root: &Path) -> Result<Vec<PathBuf>, DataError> {
    if !is_folder(root)? {
        return Ok(Vec::new());
    }
    let unreadable = |error| DataError::io(root, "a readable folder", &error);
    let mut folders = Vec::new();
    for entry in root.read_dir().map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

fn names(folders: &[PathBuf]) -> String {
    let names = folders.iter().filter_map(|folder| folder.file_name());
    let names: Vec<_> = names.map(|name| name.display().to_string()).collect();
    names.join(", ")
}

/// Advice on how to get the files of a dataset into `root`, which has none of them.
fn advice(files: DatasetFiles, root: &Path) -> Result<String, DataError> {
    let DatasetFiles { dataset, release } = files;
    let fetch = format!(
        "`experiment data fetch {dataset} --data-dir {}`",
        root.display()
    );
    if let Some(advice) = advice_on_archive(release, root, &fetch)? {
        return Ok(advice);
    }
    Ok(if let Some(python) = python_version(release, root) {
        let python = python.display();
        format!(
            "{python} is the Python version: {fetch} downloads the binary version, which is needed"
        )
    } else {
        format!(
            "`experiment data fetch {dataset}` downloads them, \
             and --data-dir or EXPERIMENT_DATA selects the folder that contains them"
        )
    })
}

/// Advice on an archive that exists but is not unpacked.
fn advice_on_archive(
    release: &Release,
    root: &Path,
    fetch: &str,
) -> Result<Option<String>, DataError> {
    let Packing::Archive(archive) = release.download.packing else {
        return Ok(None);
    };
    let path = parent(release, root).join(archive.name);
    if !is_file(&path)? {
        return Ok(None);
    }
    let bytes = path.metadata().map_or(0, |metadata| metadata.len());
    let (path, official) = (path.display(), archive.bytes);
    Ok(Some(if bytes == official {
        format!("{path} is not unpacked yet: {fetch} unpacks it, without a download")
    } else {
        format!(
            "{path} is not the official archive, it has {bytes} of {official} bytes: {fetch} downloads it"
        )
    }))
}

/// The folder or archive of the release's Python version in `root`, or `root` where it is that folder.
fn python_version(release: &'static Release, root: &Path) -> Option<PathBuf> {
    let named = release.python?.map(|name| root.join(name));
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::datasets::Dataset;

    fn files_of(name: &str) -> DatasetFiles {
        DatasetFiles::of(Dataset::find(name).unwrap()).unwrap()
    }

    fn cifar10() -> DatasetFiles {
        files_of("cifar10")
    }

    #[test]
    fn files_are_found_in_the_folder_or_in_its_parent() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("cifar-10-batches-bin");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("test_batch.bin"), "").unwrap();
        assert_eq!(find(cifar10(), root.path()).unwrap(), folder);
        assert_eq!(find(cifar10(), &folder).unwrap(), folder);
    }

    #[test]
    fn folder_of_another_dataset_is_not_taken() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("train.bin"), "").unwrap();
        let error = find(cifar10(), root.path()).unwrap_err().to_string();
        assert!(
            error.starts_with("cifar10: expected its files in one of "),
            "{error}"
        );
        assert!(error.contains("cifar-10-batches-bin"), "{error}");
        assert!(error.contains("experiment data fetch cifar10"), "{error}");
        assert_eq!(
            find(files_of("cifar100"), root.path()).unwrap(),
            root.path()
        );
    }

    #[test]
    fn folder_that_an_unpacking_program_made_around_it_is_looked_into() {
        for (files, inner) in [
            (cifar10(), "cifar-10-binary/cifar-10-batches-bin"),
            (files_of("cifar100"), "cifar-100-binary/cifar-100-binary"),
        ] {
            let root = tempfile::tempdir().unwrap();
            let folder = root.path().join(inner);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(files.release.test.files[0].name), "").unwrap();
            assert_eq!(find(files, root.path()).unwrap(), folder);
        }
    }

    #[test]
    fn folder_of_any_name_is_taken_where_it_is_the_only_one_with_such_files() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["mine", "unrelated"] {
            fs::create_dir(root.path().join(folder)).unwrap();
        }
        let mine = root.path().join("mine");
        fs::write(mine.join("test_batch.bin"), "").unwrap();
        assert_eq!(find(cifar10(), root.path()).unwrap(), mine);
        fs::write(root.path().join("unrelated/data_batch_4.bin"), "").unwrap();
        let error = find(cifar10(), root.path()).unwrap_err().to_string();
        let expected = "expected one folder with files of cifar10, found several (mine, unrelated); name one \
                        with --data-dir";
        assert!(error.ends_with(expected), "{error}");
    }

    #[test]
    fn folders_of_another_dataset_and_of_an_interrupted_download_are_not_taken() {
        let fashion = files_of("fashion_mnist");
        for folder in ["mnist", "MNIST/raw", "mnist.part", "fashion-mnist.part"] {
            let root = tempfile::tempdir().unwrap();
            let folder = root.path().join(folder);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("t10k-images-idx3-ubyte.gz"), "").unwrap();
            for root in [root.path(), &folder] {
                let found = find(fashion, root);
                let is_named = !is_unfinished(root); // else the user chose it
                assert_eq!(found.is_err(), is_named, "{}", root.display());
            }
        }
    }

    #[test]
    fn file_in_the_place_of_a_folder_is_named() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("cifar-10-batches-bin");
        fs::write(&file, "").unwrap();
        for root in [root.path(), &file] {
            let error = find(cifar10(), root).unwrap_err().to_string();
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
            let error = find(cifar10(), root.path()).unwrap_err().to_string();
            assert!(error.contains(&format!("{name}: expected a f")), "{error}");
            assert!(
                error.contains("found a symbolic link to nowhere: "),
                "{error}"
            );
        }
    }

    /// The advice where `root` holds none of the files of CIFAR-10.
    fn advice_for(root: &Path) -> String {
        match find(cifar10(), root).unwrap_err() {
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
        file.set_len(cifar10().release.download.files()[0].bytes)
            .unwrap(); // sparse
        let advice = advice_for(root.path());
        assert_eq!(
            advice,
            format!(
                "{} is not unpacked yet: {fetch} unpacks it, without a download",
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
            target(cifar10().release, Path::new("/data")),
            Path::new("/data/cifar-10-batches-bin")
        );
        assert_eq!(
            target(cifar10().release, Path::new("/data/cifar-10-batches-bin")),
            Path::new("/data/cifar-10-batches-bin")
        );
    }
}
