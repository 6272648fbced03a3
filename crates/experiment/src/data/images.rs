//! Labelled images in memory.

use std::sync::Arc;

use burn::data::dataset::{Dataset, DatasetError};

pub const CHANNELS: usize = 3;
/// Height and width of every image, in pixels.
pub const SIDE: usize = 32;
/// Pixels of one channel.
pub const PLANE: usize = SIDE * SIDE;
pub const IMAGE_BYTES: usize = CHANNELS * PLANE;
/// Height × width × channels of every image.
pub const IMAGE_SHAPE: [usize; 3] = [SIDE, SIDE, CHANNELS];

/// Images of one split, or some of them; a clone shares the pixels.
#[derive(Clone, Debug)]
pub struct ImageSet {
    images: Arc<Images>,
    /// Which images belong to the set, in its order.
    records: Arc<[u32]>,
}

/// Pixels and labels one after the other, as they are gathered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Images {
    /// `IMAGE_BYTES` for each label: red, green and blue plane, each row-major.
    pub pixels: Vec<u8>,
    pub labels: Vec<u8>,
}

/// The item of an [`ImageSet`] as Burn's `Dataset`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledImage {
    /// 3,072 bytes: red, green and blue plane, each row-major.
    pub image: Vec<u8>,
    pub label: u8,
}

impl ImageSet {
    /// All of `images`, in their order.
    ///
    /// # Panics
    /// When there is not one label for each image.
    pub fn new(images: Images) -> Self {
        assert_eq!(images.pixels.len(), images.labels.len() * IMAGE_BYTES);
        let count = u32::try_from(images.labels.len()).expect("fewer than 2^32 images");
        Self {
            images: Arc::new(images),
            records: (0..count).collect(),
        }
    }

    /// Some of the images, by their positions in this set.
    pub(super) fn choose(&self, positions: &[u32]) -> Self {
        Self {
            images: Arc::clone(&self.images),
            records: positions
                .iter()
                .map(|&position| self.records[position as usize])
                .collect(),
        }
    }

    pub fn len(&self) -> usize {
        self.records.len()
    }

    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// 3,072 bytes: red, green and blue plane, each row-major.
    ///
    /// # Panics
    /// When `index` is not below `len`.
    pub fn image(&self, index: usize) -> &[u8] {
        let start = self.record(index) as usize * IMAGE_BYTES;
        &self.images.pixels[start..start + IMAGE_BYTES]
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
