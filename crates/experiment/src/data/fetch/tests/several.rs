//! A download of several files, each of which is read as it is.

use super::*;
use crate::datasets::Format;

const NAMES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// A release of one training and one test image, and the bytes of its packed files.
fn small_mnist() -> (DatasetFiles, Vec<Vec<u8>>) {
    let mnist = DatasetFiles::of(Dataset::find("mnist").unwrap()).unwrap();
    assert!(matches!(mnist.release.format, Format::Idx));
    assert!(matches!(mnist.release.download.packing, Packing::Files(_)));
    let contents: [Vec<u8>; 4] = std::array::from_fn(|number| {
        let header: &[u32] = if number % 2 == 0 {
            &[0x803, 1, 28, 28]
        } else {
            &[0x801, 1]
        };
        let mut bytes: Vec<u8> = header.iter().flat_map(|word| word.to_be_bytes()).collect();
        bytes.extend(vec![
            number as u8;
            if number % 2 == 0 { 28 * 28 } else { 1 }
        ]);
        bytes
    });
    let packed = contents.each_ref().map(|content| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        std::io::Write::write_all(&mut encoder, content).unwrap();
        encoder.finish().unwrap()
    });
    let remote: Vec<RemoteFile> = (0..4)
        .map(|number| RemoteFile {
            name: mnist.release.download.files()[number].name,
            bytes: packed[number].len() as u64,
            sha256: sha256(&packed[number]).leak(),
        })
        .collect();
    let shard = |numbers: [usize; 2]| {
        let files = numbers.map(|number| ReleaseFile {
            name: NAMES[number],
            sha256: sha256(&contents[number]).leak(),
        });
        let files: &[_] = Box::leak(Box::new(files));
        Shard { files, images: 1 }
    };
    let release = Release {
        download: Download {
            packing: Packing::Files(remote.leak()),
            ..mnist.release.download
        },
        train: Box::leak(Box::new([shard([0, 1])])),
        test: shard([2, 3]),
        ..*mnist.release
    };
    let files = DatasetFiles {
        release: Box::leak(Box::new(release)),
        ..mnist
    };
    (files, packed.to_vec())
}

/// As [`Setting::new`], of several files, with a server for each.
fn setting() -> (Setting, Vec<Server>) {
    let (files, packed) = small_mnist();
    let setting = Setting {
        files,
        ..Setting::new()
    };
    let servers = packed.into_iter();
    let servers = servers.map(|content| Server::start(content, vec![Answer::Range]));
    (setting, servers.collect())
}

#[test]
fn several_files_are_downloaded_into_one_folder_and_kept_packed() {
    let (mut setting, servers) = setting();
    let servers: Vec<&Server> = servers.iter().collect();
    let folder = setting.fetch(&servers).unwrap();
    assert_eq!(folder, setting.root.path().join("mnist"));
    assert_eq!(setting.names(), ["mnist"]);
    assert_eq!(inspect(setting.files, folder.clone()).difference(), None);
    let mut names: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let mut expected = NAMES.map(|name| format!("{name}.gz"));
    expected.sort();
    assert_eq!(names, expected);
    assert_eq!(setting.fetch(&[]).unwrap(), folder);
}

#[test]
fn files_of_an_interrupted_download_are_kept() {
    let (mut setting, servers) = setting();
    setting.fetch(&[&servers[0], &servers[1]]).unwrap_err();
    assert_eq!(setting.names(), ["mnist.part"]);
    let folder = setting.fetch(&[&servers[2], &servers[3]]).unwrap();
    assert_eq!(inspect(setting.files, folder).difference(), None);
    assert_eq!(setting.names(), ["mnist"]);
}
