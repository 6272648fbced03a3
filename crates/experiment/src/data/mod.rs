//! Images → batches.
//!
//! [`load`] reads a dataset whole (at most 180 MB), [`split()`] chooses the images to train on, and
//! [`training_batches`] prepares them for the network ahead of time.

mod augment;
mod download;
mod error;
mod fetch;
mod folder;
mod format;
mod images;
mod loader;
mod path_kind;
mod progress;
mod read;
mod sample;
mod shapes;
mod split;
mod unpack;
mod verify;

use std::path::Path;

use crate::datasets::{Dataset, DatasetFiles, Normalization};
use crate::records::DataRecords;
use crate::settings::TrainSettings;

pub use download::is_file_url;
pub use error::DataError;
pub use fetch::fetch;
pub use folder::data_root;
pub use images::{ImageSet, Images};
pub use loader::{Batch, evaluation_batches, training_batches};
pub use progress::Progress;
pub use sample::sample;
pub use split::split;
pub use verify::{Inspection, ShardState, inspect_found};

/// The settings that decide which images there are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DatasetSource {
    pub dataset: &'static Dataset,
    /// `shapes` only: standard deviation of the pixel noise, in units of the pixel range.
    pub noise: f64,
    /// `shapes` only: share of images that mix two classes, in [0, 1].
    pub ambiguous: f64,
}

impl DatasetSource {
    pub fn of(settings: &TrainSettings) -> Self {
        Self {
            dataset: settings.dataset,
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
    match DatasetFiles::of(source.dataset) {
        None => Ok(shapes::generate(source.noise, source.ambiguous)),
        Some(files) => read::read(files, &folder::find(files, &data_root(data_dir)?)?),
    }
}

/// As [`load`], the test images alone: no other file of the dataset needs to be there.
///
/// # Errors
/// As for [`load`].
pub fn load_test(source: &DatasetSource, data_dir: Option<&Path>) -> Result<TestData, DataError> {
    if let Some(files) = DatasetFiles::of(source.dataset) {
        return read::read_test(files, &folder::find(files, &data_root(data_dir)?)?);
    }
    let data = load(source, data_dir)?;
    Ok(TestData {
        images: data.test,
        classes: data.classes,
        normalization: data.normalization,
        notes: data.notes,
    })
}
