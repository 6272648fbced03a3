//! Images → batches.
//!
//! [`load`] reads a dataset whole (at most 180 MB), [`split()`] chooses the images to train on, and
//! [`training_batches`] prepares them for the network ahead of time.

mod augment;
mod cifar;
mod download;
mod error;
mod fetch;
mod folder;
mod images;
mod loader;
mod progress;
mod release;
mod shapes;
mod split;
mod unpack;
mod verify;

use std::path::Path;

use crate::records::DataRecords;
use crate::settings::{DatasetName, TrainSettings};

pub use augment::Normalization;
pub use error::DataError;
pub use fetch::fetch;
pub use folder::data_root;
pub use images::{IMAGE_BYTES, IMAGE_SHAPE, ImageSet, Images};
pub use loader::{Batch, evaluation_batches, training_batches};
pub use progress::Progress;
pub use release::{RELEASES, Release};
pub use split::split;
pub use verify::{FileState, Inspection, inspect_found};

/// The settings that decide which images there are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DatasetSource {
    pub name: DatasetName,
    /// `shapes` only: standard deviation of the pixel noise, in units of the pixel range.
    pub noise: f64,
    /// `shapes` only: share of images that mix two classes, in [0, 1].
    pub ambiguous: f64,
}

impl DatasetSource {
    pub fn of(settings: &TrainSettings) -> Self {
        Self {
            name: settings.dataset,
            noise: settings.noise,
            ambiguous: settings.ambiguous,
        }
    }
}

/// A dataset in memory.
#[derive(Clone, Debug)]
pub struct Data {
    pub train: ImageSet,
    pub test: ImageSet,
    pub classes: usize,
    pub normalization: Normalization,
    /// SHA-256 in hexadecimal over everything that was read or generated.
    pub hash: String,
    pub records: DataRecords,
    /// What a reader of the results should know, such as that records are missing.
    pub notes: Vec<String>,
}

/// What evaluation needs of a dataset.
#[derive(Clone, Debug)]
pub struct TestData {
    pub images: ImageSet,
    pub classes: usize,
    pub normalization: Normalization,
    /// As [`Data::notes`], of the test images.
    pub notes: Vec<String>,
}

/// Reads or generates a dataset; `data_dir` is the folder of its files or that folder's parent.
///
/// # Errors
/// When the files are not found, or one of them is not what the official layout says.
pub fn load(source: &DatasetSource, data_dir: Option<&Path>) -> Result<Data, DataError> {
    let release = match source.name {
        DatasetName::Shapes => return Ok(shapes::generate(source.noise, source.ambiguous)),
        DatasetName::Cifar10 | DatasetName::Cifar100 => {
            Release::of(source.name).expect("the table of releases has every dataset of files")
        }
    };
    cifar::read(release, &folder::find(release, &data_root(data_dir)?)?)
}

/// As [`load`], the test images alone: no other file of the dataset needs to be there.
///
/// # Errors
/// As for [`load`].
pub fn load_test(source: &DatasetSource, data_dir: Option<&Path>) -> Result<TestData, DataError> {
    if let Some(release) = Release::of(source.name) {
        return cifar::read_test(release, &folder::find(release, &data_root(data_dir)?)?);
    }
    let data = load(source, data_dir)?;
    Ok(TestData {
        images: data.test,
        classes: data.classes,
        normalization: data.normalization,
        notes: data.notes,
    })
}
