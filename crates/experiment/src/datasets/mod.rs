//! The table of datasets: what each one is and where its files come from, as plain data.
//!
//! A new dataset is one file here and its row in [`DATASETS`]. How files are fetched, verified and read is the
//! business of [`data`](crate::data).

mod cifar10;
mod cifar100;
mod fashion_mnist;
mod mnist;
mod release;
mod shapes;

use std::fmt;

pub use self::release::{
    DatasetFiles, Download, Format, Label, Packing, Release, ReleaseFile, RemoteFile, Shard,
};
pub use self::shapes::SHAPES;

/// Makes [`DATASETS`] and [`DATASET_NAMES`] from the rows.
macro_rules! datasets {
    ($($dataset:expr),+ $(,)?) => {
        /// All datasets: names in TOML and on the command line, ranges, readers, `data fetch` and
        /// `data verify` follow from this table.
        pub const DATASETS: &[&Dataset] = &[$(&$dataset),+];

        /// The names of [`DATASETS`], in their order.
        pub const DATASET_NAMES: &[&str] = &[$($dataset.name),+];
    };
}

/// Training images of the dataset that has the most.
pub const MOST_TRAINING_IMAGES: usize = {
    let mut most = 0;
    let mut index = 0;
    while index < DATASETS.len() {
        if DATASETS[index].training_images > most {
            most = DATASETS[index].training_images;
        }
        index += 1;
    }
    most
};

datasets! { cifar10::CIFAR10, cifar100::CIFAR100, mnist::MNIST, fashion_mnist::FASHION_MNIST, shapes::SHAPES }

/// A dataset of labelled images, divided into training and test images.
pub struct Dataset {
    /// The name in sweep files, lower case.
    pub name: &'static str,
    /// A one-line description.
    pub summary: &'static str,
    /// Where it was published.
    pub source: &'static str,
    pub shape: ImageShape,
    /// In the order of the labels, from 0.
    pub class_names: &'static [&'static str],
    pub training_images: usize,
    pub test_images: usize,
    pub normalization: Normalization,
    /// Whether a mirrored image shows the same class: a mirrored digit is no digit.
    pub flip_keeps_class: bool,
    /// The official files; `None` if the images are generated.
    pub release: Option<Release>,
}

impl Dataset {
    /// The row of the table called `name`.
    pub fn find(name: &str) -> Option<&'static Self> {
        DATASETS
            .iter()
            .copied()
            .find(|dataset| dataset.name == name)
    }

    pub const fn classes(&self) -> usize {
        self.class_names.len()
    }
}

impl PartialEq for Dataset {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl fmt::Debug for Dataset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

impl fmt::Display for Dataset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

/// The size of an image in pixels, and its channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageShape {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
}

impl ImageShape {
    /// Pixels of one channel.
    pub const fn plane(self) -> usize {
        self.height * self.width
    }

    /// Bytes of an image: its channels one after the other, each row-major.
    pub const fn bytes(self) -> usize {
        self.channels * self.plane()
    }

    /// Height × width × channels, as models have it.
    pub const fn axes(self) -> [usize; 3] {
        [self.height, self.width, self.channels]
    }
}

/// Height × width × channels.
impl fmt::Display for ImageShape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [height, width, channels] = self.axes();
        write!(formatter, "{height}×{width}×{channels}")
    }
}

/// Mean and standard deviation of each channel, in units of the pixel range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalization {
    pub mean: &'static [f32],
    pub std: &'static [f32],
}

impl Normalization {
    /// (byte / 255 − mean) / std for each channel and byte.
    pub fn table(&self) -> Vec<[f32; 256]> {
        let channels = self.mean.iter().zip(self.std);
        channels
            .map(|(mean, std)| std::array::from_fn(|byte| (byte as f32 / 255.0 - mean) / std))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn rows_are_whole_and_names_are_unique() {
        for (index, dataset) in DATASETS.iter().enumerate() {
            let name = dataset.name;
            assert_eq!(Dataset::find(name), Some(*dataset));
            assert_eq!(DATASET_NAMES[index], name);
            assert!(DATASETS[..index].iter().all(|other| other.name != name));
            assert!(
                dataset.classes() > 1 && dataset.training_images > 0 && dataset.test_images > 0
            );
            let Normalization { mean, std } = dataset.normalization;
            assert_eq!(
                [mean.len(), std.len()],
                [dataset.shape.channels; 2],
                "{name}"
            );
            assert!(std.iter().all(|std| *std > 0.0), "{name}");
            let classes: BTreeSet<_> = dataset.class_names.iter().collect();
            assert_eq!(classes.len(), dataset.classes(), "{name}");
        }
    }

    #[test]
    fn shapes_are_the_only_images_that_are_generated() {
        let generated = DATASETS.iter().filter(|dataset| dataset.release.is_none());
        assert_eq!(generated.collect::<Vec<_>>(), [&&SHAPES]);
    }

    #[test]
    fn releases_hold_the_images_of_their_rows() {
        for dataset in DATASETS {
            let Some(release) = &dataset.release else {
                continue;
            };
            let training: usize = release.train.iter().map(|shard| shard.images).sum();
            assert_eq!(training, dataset.training_images, "{dataset}");
            assert_eq!(release.test.images, dataset.test_images, "{dataset}");
            let files_per_shard = match release.format {
                Format::Records(labels) => {
                    let classes = labels.last().map(|label| usize::from(label.classes));
                    assert_eq!(classes, Some(dataset.classes()), "{dataset}");
                    1
                }
                Format::Idx => {
                    assert_eq!(dataset.shape.channels, 1, "{dataset}");
                    2
                }
            };
            assert!(
                release
                    .shards()
                    .all(|shard| shard.files.len() == files_per_shard)
            );
            assert!(dataset.classes() <= 256, "labels are bytes");
            assert!(!release.download.sources.is_empty() && !release.download.files().is_empty());
            for file in release.download.files() {
                assert_eq!(file.sha256.len(), 64, "{}", file.name);
            }
        }
    }
}
