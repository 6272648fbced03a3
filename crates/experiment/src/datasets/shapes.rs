use super::{Dataset, ImageShape, Normalization};

/// The dataset that is generated, so that everything runs without files and without a network.
pub const SHAPES: Dataset = Dataset {
    name: "shapes",
    summary: "Ten generated shapes with noise; needs no files",
    source: "this program",
    shape: ImageShape {
        height: 32,
        width: 32,
        channels: 3,
    },
    class_names: &[
        "disc",
        "ring",
        "crescent",
        "square",
        "triangle",
        "cross",
        "star",
        "horizontal stripes",
        "vertical stripes",
        "checkerboard",
    ],
    training_images: 5_000,
    test_images: 1_000,
    // Over all pixels of the training images at the default noise.
    normalization: Normalization {
        mean: &[0.3158, 0.3176, 0.3142],
        std: &[0.2104, 0.2115, 0.2094],
    },
    flip_keeps_class: true,
    release: None,
};
