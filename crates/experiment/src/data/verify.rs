//! The content of a folder, compared with the official release.

use std::path::{Path, PathBuf};

use super::error::DataError;
use super::folder;
use super::format;
use super::images::Images;
use crate::datasets::{DatasetFiles, Shard};

/// The findings about a dataset's files, shard by shard.
#[derive(Debug)]
pub struct Inspection {
    pub files: DatasetFiles,
    pub folder: PathBuf,
    /// In the order of [`Release::shards`](crate::datasets::Release::shards).
    pub shards: Vec<(&'static Shard, ShardState)>,
}

/// The state of a shard.
#[derive(Debug)]
pub enum ShardState {
    Missing,
    Damaged(DataError),
    Sound {
        /// Class of each image.
        labels: Vec<u8>,
        /// Whether its content is that of the official files.
        official: bool,
    },
}

impl Inspection {
    /// The first difference from the official release, if any; damage takes precedence.
    pub fn difference(&self) -> Option<String> {
        let damage = self.shards.iter().find_map(|(_, state)| match state {
            ShardState::Damaged(error) => Some(error.to_string()),
            _ => None,
        });
        damage.or_else(|| {
            self.shards.iter().find_map(|(shard, state)| match state {
                ShardState::Missing => Some(format!("no {}", shard.names())),
                ShardState::Sound {
                    official: false, ..
                } => Some(format!("{} with different content", shard.names())),
                _ => None,
            })
        })
    }

    /// Whether all that was found are another dataset's official files.
    pub fn is_of_another(&self) -> bool {
        let mut found = (self.shards.iter())
            .filter(|(_, state)| !matches!(state, ShardState::Missing))
            .peekable();
        found.peek().is_some()
            && found.all(|(_, state)| {
                matches!(state, ShardState::Damaged(DataError::OtherDataset { .. }))
            })
    }

    /// Whether the folder can be trained on: nothing damaged, with training and test images.
    pub fn usable(&self) -> bool {
        let (test, train) = self.shards.split_last().expect("a release has files");
        let sound = |(_, state): &(_, ShardState)| matches!(state, ShardState::Sound { .. });
        let damaged = |(_, state): &(_, ShardState)| matches!(state, ShardState::Damaged(_));
        sound(test) && train.iter().any(sound) && !train.iter().any(damaged)
    }

    /// Number of training and test images per class in the undamaged shards.
    pub fn class_counts(&self) -> [Vec<usize>; 2] {
        let (test, train) = self.shards.split_last().expect("a release has files");
        [train, std::slice::from_ref(test)].map(|shards| {
            let mut counts = vec![0; self.files.dataset.classes()];
            for (_, state) in shards {
                if let ShardState::Sound { labels, .. } = state {
                    for &label in labels {
                        counts[usize::from(label)] += 1;
                    }
                }
            }
            counts
        })
    }
}

/// Reads every file of a dataset in the folder where it is found; see [`folder::find`].
///
/// # Errors
/// When no file of the dataset is found.
pub fn inspect_found(
    files: DatasetFiles,
    data_dir: Option<&Path>,
) -> Result<Inspection, DataError> {
    let folder = folder::find(files, &folder::data_root(data_dir)?)?;
    Ok(inspect(files, folder))
}

/// Reads every file of a dataset that is in `folder`.
pub fn inspect(files: DatasetFiles, folder: PathBuf) -> Inspection {
    let shards = files.release.shards().map(|shard| {
        let state = state_of(files, shard, &folder).unwrap_or_else(ShardState::Damaged);
        (shard, state)
    });
    Inspection {
        files,
        shards: shards.collect(),
        folder,
    }
}

fn state_of(
    files: DatasetFiles,
    shard: &'static Shard,
    folder: &Path,
) -> Result<ShardState, DataError> {
    if format::missing(files.release.format, shard, folder)?.len() == shard.files.len() {
        return Ok(ShardState::Missing);
    }
    let mut images = Images::default();
    let checksums = format::read(files, shard, folder, &mut images)?;
    let official = |checksum: &format::Checksum| checksum.sha256 == checksum.file.sha256;
    Ok(ShardState::Sound {
        labels: images.labels,
        official: checksums.iter().all(official),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::Dataset;

    #[test]
    fn files_are_of_another_dataset_where_all_that_are_there_are() {
        let files = DatasetFiles::of(Dataset::find("fashion_mnist").unwrap()).unwrap();
        let of_another = |states: [ShardState; 2]| {
            let inspection = Inspection {
                files,
                folder: PathBuf::from("here"),
                shards: files.release.shards().zip(states).collect(),
            };
            inspection.is_of_another()
        };
        let other = || {
            ShardState::Damaged(DataError::OtherDataset {
                path: PathBuf::from("here/a"),
                dataset: "fashion_mnist",
                other: "mnist",
            })
        };
        let damaged = ShardState::Damaged(DataError::unexpected("here/a", "whole", "half"));
        assert!(of_another([other(), other()]));
        assert!(of_another([ShardState::Missing, other()]));
        assert!(!of_another([damaged, other()]));
        assert!(!of_another([ShardState::Missing, ShardState::Missing]));
    }
}
