use super::{
    Dataset, Download, Format, ImageShape, Label, Normalization, Packing, Release, ReleaseFile,
    RemoteFile, Shard,
};

/// CIFAR-100 with its 100 fine classes. Sizes and checksums are from the sources that CIFAR-10's row names.
pub const CIFAR100: Dataset = Dataset {
    name: "cifar100",
    summary: "CIFAR-100: photographs, with the fine labels",
    source: "Krizhevsky, \"Learning Multiple Layers of Features from Tiny Images\", 2009",
    shape: ImageShape {
        height: 32,
        width: 32,
        channels: 3,
    },
    classes: 100,
    training_images: 50_000,
    test_images: 10_000,
    // Over all pixels of the training images.
    normalization: Normalization {
        mean: &[0.5071, 0.4867, 0.4408],
        std: &[0.2675, 0.2565, 0.2761],
    },
    flip_keeps_class: true,
    release: Some(Release {
        folders: &["cifar-100-binary", "cifar-100-binary/cifar-100-binary"],
        format: Format::Records(&[
            Label {
                name: "coarse label",
                classes: 20,
            },
            Label {
                name: "fine label",
                classes: 100,
            },
        ]),
        download: Download {
            packing: Packing::Archive(RemoteFile {
                name: "cifar-100-binary.tar.gz",
                bytes: 168_513_733,
                sha256: "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
            }),
            sources: &[
                "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets",
                "https://www.cs.toronto.edu/~kriz",
            ],
        },
        python: Some(["cifar-100-python", "cifar-100-python.tar.gz"]),
        train: &[Shard {
            files: &[ReleaseFile {
                name: "train.bin",
                sha256: "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29",
            }],
            images: 50_000,
        }],
        test: Shard {
            files: &[ReleaseFile {
                name: "test.bin",
                sha256: "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a",
            }],
            images: 10_000,
        },
    }),
};
