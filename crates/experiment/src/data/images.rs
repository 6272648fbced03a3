//! Labelled images in memory.

use std::sync::Arc;

use burn::data::dataset::{Dataset, DatasetError};

use crate::datasets::ImageShape;

/// Images of one split, or some of them; a clone shares the pixels.
#[derive(Clone, Debug)]
pub struct ImageSet {
    shape: ImageShape,
    images: Arc<Images>,
    /// Which images belong to the set, in its order.
    records: Arc<[u32]>,
}

/// Pixels and labels one after the other, as they are gathered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Images {
    /// The channels of each image one after the other, each row-major.
    pub pixels: Vec<u8>,
    pub labels: Vec<u8>,
}

/// The item of an [`ImageSet`] as Burn's `Dataset`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledImage {
    /// Its channels one after the other, each row-major.
    pub image: Vec<u8>,
    pub label: u8,
}

impl ImageSet {
    /// All of `images`, each of `shape`, in their order.
    ///
    /// # Panics
    /// When there is not one label for each image.
    pub fn new(shape: ImageShape, images: Images) -> Self {
        assert_eq!(images.pixels.len(), images.labels.len() * shape.bytes());
        let count = u32::try_from(images.labels.len()).expect("fewer than 2^32 images");
        Self {
            shape,
            images: Arc::new(images),
            records: (0..count).collect(),
        }
    }

    /// Some of the images, by their positions in this set.
    pub(super) fn choose(&self, positions: &[u32]) -> Self {
        Self {
            shape: self.shape,
            images: Arc::clone(&self.images),
            records: positions
                .iter()
                .map(|&position| self.records[position as usize])
                .collect(),
        }
    }

    /// None of the images.
    pub fn none(&self) -> Self {
        self.choose(&[])
    }

    /// Of every image.
    pub fn shape(&self) -> ImageShape {
        self.shape
    }

    pub fn len(&self) -> usize {
        self.records.len()
    }

    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The channels of an image one after the other, each row-major.
    ///
    /// # Panics
    /// When `index` is not below `len`.
    pub fn image(&self, index: usize) -> &[u8] {
        let bytes = self.shape.bytes();
        let start = self.record(index) as usize * bytes;
        &self.images.pixels[start..start + bytes]
    }

    /// The class of an image.
    ///
    /// # Panics
    /// When `index` is not below `len`.
    pub fn label(&self, index: usize) -> u8 {
        self.images.labels[self.record(index) as usize]
    }

    /// The image's number among all images of its split, which no choice of images changes.
    pub(super) fn record(&self, index: usize) -> u32 {
        self.records[index]
    }
}

impl Dataset<LabelledImage> for ImageSet {
    fn get(&self, index: usize) -> Result<LabelledImage, DatasetError> {
        Ok(LabelledImage {
            image: self.image(index).to_vec(),
            label: self.label(index),
        })
    }

    fn len(&self) -> usize {
        self.records.len()
    }
}
