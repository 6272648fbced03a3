//! The official files of a dataset: what belongs to them, how they are laid out, and where they can be had.

use super::{DATASETS, Dataset};

/// A dataset that comes as files, and those files.
#[derive(Clone, Copy, Debug)]
pub struct DatasetFiles {
    pub dataset: &'static Dataset,
    pub release: &'static Release,
}

impl DatasetFiles {
    /// Every dataset of the table that comes as files.
    pub fn all() -> impl Iterator<Item = Self> {
        DATASETS.iter().filter_map(|dataset| Self::of(dataset))
    }

    /// `None` if the dataset is generated.
    pub fn of(dataset: &'static Dataset) -> Option<Self> {
        let release = dataset.release.as_ref()?;
        Some(Self { dataset, release })
    }
}

/// The official files of a dataset.
#[derive(Clone, Copy, Debug)]
pub struct Release {
    /// The folder of the files, then others that programs make which unpack or download them.
    pub folders: &'static [&'static str],
    pub format: Format,
    pub download: Download,
    /// Folder and archive of a version in another format, which is not read.
    pub python: Option<[&'static str; 2]>,
    pub train: &'static [Shard],
    pub test: Shard,
}

/// How files hold images and labels.
#[derive(Clone, Copy, Debug)]
pub enum Format {
    /// Records of label bytes, the last of which is the class, and the image's channels, each row-major.
    Records(&'static [Label]),
    /// Two IDX files, plain or packed by gzip: images of one channel, and labels.
    Idx,
}

/// A label byte and the number of values that it can have.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    pub name: &'static str,
    pub classes: u8,
}

/// Files that hold some images of a split and their labels together.
#[derive(Clone, Copy, Debug)]
pub struct Shard {
    pub files: &'static [ReleaseFile],
    pub images: usize,
}

impl Shard {
    /// The names of its files.
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.files.iter().map(|file| file.name).collect();
        names.join(", ")
    }
}

/// A file that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReleaseFile {
    pub name: &'static str,
    /// Of its content, unpacked.
    pub sha256: &'static str,
}

/// How the files are downloaded.
#[derive(Clone, Copy, Debug)]
pub struct Download {
    pub packing: Packing,
    /// Addresses of folders that contain the files, the fastest first; the checksums make them equally trustworthy.
    pub sources: &'static [&'static str],
}

/// A file that is downloaded.
#[derive(Clone, Copy, Debug)]
pub struct RemoteFile {
    pub name: &'static str,
    pub bytes: u64,
    pub sha256: &'static str,
}

/// What the downloaded files are.
#[derive(Clone, Copy, Debug)]
pub enum Packing {
    /// A `.tar.gz` of the folder.
    Archive(RemoteFile),
    /// The files of the folder, as they are.
    Files(&'static [RemoteFile]),
}

impl Download {
    /// Everything that is downloaded.
    pub fn files(&self) -> &[RemoteFile] {
        match &self.packing {
            Packing::Archive(archive) => std::slice::from_ref(archive),
            Packing::Files(files) => files,
        }
    }
}

impl Release {
    /// Everything that is read, training images first, the test images last.
    pub fn shards(&'static self) -> impl Iterator<Item = &'static Shard> {
        self.train.iter().chain([&self.test])
    }

    /// Every file of [`Release::shards`].
    pub fn files(&'static self) -> impl Iterator<Item = &'static ReleaseFile> {
        self.shards().flat_map(|shard| shard.files)
    }

    /// The folder of the files.
    pub fn folder(&self) -> &'static str {
        self.folders[0]
    }
}
