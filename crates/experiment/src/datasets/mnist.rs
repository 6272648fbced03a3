use super::{
    Dataset, Download, Format, ImageShape, Normalization, Packing, Release, ReleaseFile,
    RemoteFile, Shard,
};

/// MNIST.
///
/// The home page has refused downloads since 2024, so it is not asked. Sizes and checksums: TorchVision (MD5) and
/// TensorFlow Datasets (SHA-256 of the packed files), with which the unpacked ones agree.
pub const MNIST: Dataset = Dataset {
    name: "mnist",
    summary: "MNIST: handwritten digits",
    source: "LeCun et al., \"Gradient-Based Learning Applied to Document Recognition\", 1998",
    shape: ImageShape {
        height: 28,
        width: 28,
        channels: 1,
    },
    class_names: &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    training_images: 60_000,
    test_images: 10_000,
    // Over all pixels of the training images, as in PyTorch's example.
    normalization: Normalization {
        mean: &[0.1307],
        std: &[0.3081],
    },
    flip_keeps_class: false,
    release: Some(Release {
        folders: &["mnist", "MNIST/raw"],
        format: Format::Idx,
        download: Download {
            packing: Packing::Files(&[
                RemoteFile {
                    name: "train-images-idx3-ubyte.gz",
                    bytes: 9_912_422,
                    sha256: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                },
                RemoteFile {
                    name: "train-labels-idx1-ubyte.gz",
                    bytes: 28_881,
                    sha256: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                },
                RemoteFile {
                    name: "t10k-images-idx3-ubyte.gz",
                    bytes: 1_648_877,
                    sha256: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                },
                RemoteFile {
                    name: "t10k-labels-idx1-ubyte.gz",
                    bytes: 4_542,
                    sha256: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                },
            ]),
            sources: &[
                "https://storage.googleapis.com/cvdf-datasets/mnist",
                "https://ossci-datasets.s3.amazonaws.com/mnist",
            ],
        },
        python: None,
        train: &[Shard {
            files: &[
                ReleaseFile {
                    name: "train-images-idx3-ubyte",
                    sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                },
                ReleaseFile {
                    name: "train-labels-idx1-ubyte",
                    sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                },
            ],
            images: 60_000,
        }],
        test: Shard {
            files: &[
                ReleaseFile {
                    name: "t10k-images-idx3-ubyte",
                    sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                },
                ReleaseFile {
                    name: "t10k-labels-idx1-ubyte",
                    sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
                },
            ],
            images: 10_000,
        },
    }),
};
