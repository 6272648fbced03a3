use super::{
    Dataset, Download, Format, ImageShape, Normalization, Packing, Release, ReleaseFile,
    RemoteFile, Shard,
};

/// Fashion-MNIST, whose files have the names of MNIST's.
///
/// Sizes and checksums: the home page (MD5) and TensorFlow Datasets (SHA-256 of the packed files), with which the
/// unpacked ones agree.
pub const FASHION_MNIST: Dataset = Dataset {
    name: "fashion_mnist",
    summary: "Fashion-MNIST: photographs of clothing",
    source: "Xiao, Rasul and Vollgraf, \"Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning \
             Algorithms\", arXiv 1708.07747",
    shape: ImageShape {
        height: 28,
        width: 28,
        channels: 1,
    },
    class_names: &[
        "T-shirt/top",
        "trouser",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle boot",
    ],
    training_images: 60_000,
    test_images: 10_000,
    // Over all pixels of the training images.
    normalization: Normalization {
        mean: &[0.2860],
        std: &[0.3530],
    },
    flip_keeps_class: true,
    release: Some(Release {
        folders: &["fashion-mnist", "FashionMNIST/raw"],
        format: Format::Idx,
        download: Download {
            packing: Packing::Files(&[
                RemoteFile {
                    name: "train-images-idx3-ubyte.gz",
                    bytes: 26_421_880,
                    sha256: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                },
                RemoteFile {
                    name: "train-labels-idx1-ubyte.gz",
                    bytes: 29_515,
                    sha256: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                },
                RemoteFile {
                    name: "t10k-images-idx3-ubyte.gz",
                    bytes: 4_422_102,
                    sha256: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                },
                RemoteFile {
                    name: "t10k-labels-idx1-ubyte.gz",
                    bytes: 5_148,
                    sha256: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                },
            ]),
            sources: &[
                "https://fashion-mnist.s3.eu-central-1.amazonaws.com",
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
            ],
        },
        python: None,
        train: &[Shard {
            files: &[
                ReleaseFile {
                    name: "train-images-idx3-ubyte",
                    sha256: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                },
                ReleaseFile {
                    name: "train-labels-idx1-ubyte",
                    sha256: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                },
            ],
            images: 60_000,
        }],
        test: Shard {
            files: &[
                ReleaseFile {
                    name: "t10k-images-idx3-ubyte",
                    sha256: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                },
                ReleaseFile {
                    name: "t10k-labels-idx1-ubyte",
                    sha256: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
                },
            ],
            images: 10_000,
        },
    }),
};
