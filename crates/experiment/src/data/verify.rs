//! What lies in a folder, compared with the official release.

use std::path::{Path, PathBuf};

use super::cifar::read_file;
use super::error::DataError;
use super::folder::{self, exists};
use super::images::Images;
use super::release::{Release, ReleaseFile};

/// What was found of a release, file by file.
#[derive(Debug)]
pub struct Inspection {
    pub release: &'static Release,
    pub folder: PathBuf,
    /// In the order of [`Release::files`].
    pub files: Vec<(&'static ReleaseFile, FileState)>,
}

/// What is known of one file.
#[derive(Debug)]
pub enum FileState {
    Missing,
    Damaged(DataError),
    Sound {
        /// Class of each record.
        labels: Vec<u8>,
        /// Whether the bytes are those of the official file.
        official: bool,
    },
}

impl Inspection {
    /// What differs from the official release, where anything does; damage before all else.
    pub fn difference(&self) -> Option<String> {
        let damage = self.files.iter().find_map(|(_, state)| match state {
            FileState::Damaged(error) => Some(error.to_string()),
            _ => None,
        });
        damage.or_else(|| {
            self.files.iter().find_map(|(file, state)| match state {
                FileState::Missing => Some(format!("no {}", file.name)),
                FileState::Sound {
                    official: false, ..
                } => Some(format!("{} with other bytes", file.name)),
                _ => None,
            })
        })
    }

    /// Whether the folder can be trained on: nothing damaged, training and test images there.
    pub fn usable(&self) -> bool {
        let (test, train) = self.files.split_last().expect("a release has files");
        let sound = |(_, state): &(_, FileState)| matches!(state, FileState::Sound { .. });
        let damaged = |(_, state): &(_, FileState)| matches!(state, FileState::Damaged(_));
        sound(test) && train.iter().any(sound) && !train.iter().any(damaged)
    }

    /// Records in each class of the sound files that `choose` names.
    pub fn class_counts(&self, choose: impl Fn(&ReleaseFile) -> bool) -> Vec<usize> {
        let mut counts = vec![0; self.release.classes()];
        for (file, state) in &self.files {
            if let FileState::Sound { labels, .. } = state
                && choose(file)
            {
                for &label in labels {
                    counts[usize::from(label)] += 1;
                }
            }
        }
        counts
    }
}

/// Reads every file of a release in the folder in which it is found; see [`folder::find`].
///
/// # Errors
/// When no file of the release is found.
pub fn inspect_found(
    release: &'static Release,
    data_dir: Option<&Path>,
) -> Result<Inspection, DataError> {
    let folder = folder::find(release, &folder::data_root(data_dir)?)?;
    Ok(inspect(release, folder))
}

/// Reads every file of a release that lies in `folder`.
pub fn inspect(release: &'static Release, folder: PathBuf) -> Inspection {
    let files = release
        .files()
        .map(|file| {
            (
                file,
                state_of(release, &folder, file).unwrap_or_else(FileState::Damaged),
            )
        })
        .collect();
    Inspection {
        release,
        folder,
        files,
    }
}

fn state_of(release: &Release, folder: &Path, file: &ReleaseFile) -> Result<FileState, DataError> {
    let path = folder.join(file.name);
    if !exists(&path)? {
        return Ok(FileState::Missing);
    }
    let mut images = Images::default();
    let checksum = read_file(&path, file, release.labels, &mut images)?;
    Ok(FileState::Sound {
        labels: images.labels,
        official: checksum == file.sha256,
    })
}
