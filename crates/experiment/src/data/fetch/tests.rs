mod server;
mod several;
mod there;

use std::fs;

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use self::server::{Answer, Server};
use super::*;
use crate::datasets::{Dataset, Download, Release, ReleaseFile, Shard};

/// A release of three records, its archive, and a folder to fetch into.
struct Setting {
    files: DatasetFiles,
    archive: Vec<u8>,
    root: TempDir,
    messages: Vec<String>,
    downloaded: u64,
}

impl Progress for Setting {
    fn downloaded(&mut self, bytes: u64, total: u64) {
        assert!(bytes <= total);
        self.downloaded = bytes;
    }

    fn message(&mut self, text: &str) {
        self.messages.push(text.to_owned());
    }
}

impl Setting {
    fn new() -> Self {
        let mut stream = random_streams::Stream::new(0, "test", 0);
        let mut record = |label: u8| {
            let mut bytes = vec![label];
            bytes.extend((0..32 * 32 * 3).map(|_| stream.below(256) as u8)); // not compressible
            bytes
        };
        let train = [record(1), record(2)].concat();
        let test = record(3);
        let archive = archive(&[
            ("cifar-10-batches-bin/data_batch_1.bin", &train),
            ("cifar-10-batches-bin/test_batch.bin", &test),
            ("cifar-10-batches-bin/batches.meta.txt", b"airplane\n"),
        ]);
        let shard = |name, bytes: &[u8], images| {
            let sha256 = sha256(bytes).leak();
            let files: &[_] = Box::leak(Box::new([ReleaseFile { name, sha256 }]));
            Shard { files, images }
        };
        let cifar10 = DatasetFiles::of(Dataset::find("cifar10").unwrap()).unwrap();
        let official = cifar10.release;
        let release = Release {
            download: download_of(&archive, official.download),
            train: Box::leak(Box::new([shard("data_batch_1.bin", &train, 2)])),
            test: shard("test_batch.bin", &test, 1),
            ..*official
        };
        Self {
            files: DatasetFiles {
                release: Box::leak(Box::new(release)),
                ..cifar10
            },
            archive,
            root: tempfile::tempdir().unwrap(),
            messages: Vec::new(),
            downloaded: 0,
        }
    }

    fn serve(&self, answers: &[Answer]) -> Server {
        Server::start(self.archive.clone(), answers.to_vec())
    }

    fn fetch(&mut self, servers: &[&Server]) -> Result<PathBuf, DataError> {
        let sources: Vec<String> = servers.iter().map(|server| server.url.clone()).collect();
        let root = self.root.path().to_path_buf();
        fetch(self.files, &root, &sources, self)
    }

    fn part(&self) -> PathBuf {
        self.root.path().join("cifar-10-binary.tar.gz.part")
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.root.path()).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    /// The release is in its place and nothing is left beside it.
    fn assert_fetched(&self, folder: &Path) {
        assert_eq!(folder, self.root.path().join("cifar-10-batches-bin"));
        assert_eq!(inspect(self.files, folder.to_path_buf()).difference(), None);
        assert!(folder.join("batches.meta.txt").exists());
        assert_eq!(self.names(), ["cifar-10-batches-bin"]);
    }
}

/// The download of `archive` under the official name.
fn download_of(archive: &[u8], official: Download) -> Download {
    let file = RemoteFile {
        bytes: archive.len() as u64,
        sha256: sha256(archive).leak(),
        ..official.files()[0]
    };
    Download {
        packing: Packing::Archive(file),
        ..official
    }
}

fn sha256(bytes: &[u8]) -> String {
    crate::digest::hex(&Sha256::digest(bytes))
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *content).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

#[test]
fn archive_is_downloaded_checked_and_unpacked() {
    let mut setting = Setting::new();
    let server = setting.serve(&[Answer::Range]);
    let folder = setting.fetch(&[&server]).unwrap();
    setting.assert_fetched(&folder);
    assert_eq!(setting.downloaded, setting.archive.len() as u64);
    assert_eq!(server.requests(), ["/cifar-10-binary.tar.gz from 0"]);
}

#[test]
fn cut_connection_is_continued_where_it_broke() {
    let mut setting = Setting::new();
    let server = setting.serve(&[
        Answer::RangeCut(1000),
        Answer::RangeCut(2000),
        Answer::Range,
    ]);
    let folder = setting.fetch(&[&server]).unwrap();
    setting.assert_fetched(&folder);
    let starts: Vec<_> = server.requests();
    let path = "/cifar-10-binary.tar.gz";
    assert_eq!(
        starts,
        [0, 1000, 3000].map(|start| format!("{path} from {start}"))
    );
}

#[test]
fn next_run_continues_what_a_failed_one_left() {
    let mut setting = Setting::new();
    let server = setting.serve(&[Answer::RangeCut(1000), Answer::Status(503)]);
    let error = setting.fetch(&[&server]).unwrap_err().to_string();
    assert!(error.contains("503"), "{error}");
    assert_eq!(fs::read(setting.part()).unwrap(), setting.archive[..1000]);

    let server = setting.serve(&[Answer::Range]);
    let folder = setting.fetch(&[&server]).unwrap();
    setting.assert_fetched(&folder);
    assert_eq!(server.requests(), ["/cifar-10-binary.tar.gz from 1000"]);
}

#[test]
fn server_without_ranges_sends_everything_again() {
    let mut setting = Setting::new();
    fs::write(setting.part(), &setting.archive[..1000]).unwrap();
    let server = setting.serve(&[Answer::Whole]);
    let folder = setting.fetch(&[&server]).unwrap();
    setting.assert_fetched(&folder);
}

#[test]
fn server_without_ranges_that_always_cuts_is_given_up() {
    let mut setting = Setting::new();
    let server = setting.serve(&[Answer::WholeCut(1000)]);
    let error = setting.fetch(&[&server]).unwrap_err();
    assert!(matches!(error, DataError::Download { .. }));
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn next_source_takes_over_where_the_first_failed() {
    let mut setting = Setting::new();
    let first = setting.serve(&[Answer::RangeCut(1000), Answer::Status(404)]);
    let second = setting.serve(&[Answer::Range]);
    let folder = setting.fetch(&[&first, &second]).unwrap();
    setting.assert_fetched(&folder);
    assert_eq!(second.requests(), ["/cifar-10-binary.tar.gz from 1000"]);
}

#[test]
fn every_way_to_fail_names_another_source() {
    let setting = Setting::new();
    let wrong = Answer::Other(vec![7; setting.archive.len()]);
    for answer in [Answer::Status(404), Answer::WholeCut(1000), wrong] {
        let mut setting = Setting::new();
        let server = setting.serve(&[answer]);
        let error = setting.fetch(&[&server]).unwrap_err().to_string();
        assert!(
            error.contains("\n--mirror URL selects another source"),
            "{error}"
        );
        let folder = setting.root.path().display().to_string();
        let advice = format!("put it into {folder} and rerun this command");
        assert!(error.ends_with(&advice), "{error}");
    }
}

#[test]
fn every_source_that_failed_is_listed_with_its_cause() {
    let mut setting = Setting::new();
    let first = setting.serve(&[Answer::Status(404)]);
    let second = setting.serve(&[Answer::Other(b"<html>sorry</html>".to_vec())]);
    let error = setting.fetch(&[&first, &second]).unwrap_err().to_string();
    assert!(
        error.contains(&format!(
            "{}/cifar-10-binary.tar.gz: http status: 404",
            first.url
        )),
        "{error}"
    );
    let expected = format!(
        "{}/cifar-10-binary.tar.gz: expected content-length: {}, found 18",
        second.url,
        setting.archive.len()
    );
    assert!(error.contains(&expected), "{error}");
}

#[test]
fn error_page_does_not_cost_what_was_downloaded() {
    let mut setting = Setting::new();
    fs::write(setting.part(), &setting.archive[..1000]).unwrap();
    let page = setting.serve(&[Answer::Other(b"<html>sorry</html>".to_vec())]);
    let unannounced = setting.serve(&[Answer::Unannounced]);
    let elsewhere = setting.serve(&[Answer::WrongRange]);
    let gone = setting.serve(&[Answer::Status(416)]);
    setting
        .fetch(&[&page, &unannounced, &elsewhere, &gone])
        .unwrap_err();
    assert_eq!(fs::read(setting.part()).unwrap(), setting.archive[..1000]);
}

#[test]
fn wrong_bytes_of_the_right_length_are_refused_and_not_kept() {
    let mut setting = Setting::new();
    let server = setting.serve(&[Answer::Other(vec![7; setting.archive.len()])]);
    let error = setting.fetch(&[&server]).unwrap_err().to_string();
    let expected = format!(
        "expected sha256 {}, found ",
        setting.files.release.download.files()[0].sha256
    );
    assert!(error.contains(&expected), "{error}");
    assert!(setting.names().is_empty());
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn spoilt_start_of_an_earlier_run_is_downloaded_again() {
    let mut setting = Setting::new();
    fs::write(setting.part(), [7; 1000]).unwrap();
    let server = setting.serve(&[Answer::Range]);
    let folder = setting.fetch(&[&server]).unwrap();
    setting.assert_fetched(&folder);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn part_that_is_complete_or_too_long_is_dealt_with() {
    let mut setting = Setting::new();
    fs::write(setting.part(), &setting.archive).unwrap();
    let server = setting.serve(&[Answer::Status(500)]);
    let folder = setting.fetch(&[&server]).unwrap();
    setting.assert_fetched(&folder);
    assert!(server.requests().is_empty());

    let mut setting = Setting::new();
    fs::write(setting.part(), vec![7; setting.archive.len() + 1]).unwrap();
    let server = setting.serve(&[Answer::Range]);
    let folder = setting.fetch(&[&server]).unwrap();
    setting.assert_fetched(&folder);
}

#[test]
fn second_download_at_the_same_time_is_refused() {
    let mut setting = Setting::new();
    let part = setting.part();
    let _busy = Part::open(&part).unwrap();
    let error = setting.fetch(&[]).unwrap_err().to_string();
    assert!(error.ends_with("expected no other download into it, found one in progress"));
}

#[test]
fn mirror_is_the_archives_address_or_its_folders() {
    for (path, requested) in [
        ("", "/cifar-10-binary.tar.gz"),
        ("/a/", "/a/cifar-10-binary.tar.gz"),
        (
            "/b/other-name.tar.gz?token=1",
            "/b/other-name.tar.gz?token=1",
        ),
    ] {
        let mut setting = Setting::new();
        let server = setting.serve(&[Answer::Range]);
        let root = setting.root.path().to_path_buf();
        fetch(
            setting.files,
            &root,
            &[format!("{}{path}", server.url)],
            &mut setting,
        )
        .unwrap();
        assert_eq!(server.requests(), [format!("{requested} from 0")]);
    }
}

#[test]
fn source_that_cannot_be_reached_is_a_failure_like_others() {
    let mut setting = Setting::new();
    let root = setting.root.path().to_path_buf();
    let sources = ["http://127.0.0.1:1", "no address", "file:///etc/passwd"].map(String::from);
    let error = fetch(setting.files, &root, &sources, &mut setting).unwrap_err();
    let DataError::Download { failures, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(failures.len(), 3, "{failures:?}");
}

#[test]
fn archive_without_the_expected_folder_leaves_nothing_in_its_place() {
    let mut setting = Setting::new();
    let archive = archive(&[("elsewhere/data_batch_1.bin", b"x")]);
    let official = setting.files.release;
    setting.files.release = Box::leak(Box::new(Release {
        download: download_of(&archive, official.download),
        ..*official
    }));
    setting.archive = archive;
    let server = setting.serve(&[Answer::Range]);
    let error = setting.fetch(&[&server]).unwrap_err().to_string();
    assert!(
        error.contains("expected to move the unpacked folder there"),
        "{error}"
    );
    assert_eq!(setting.names(), ["cifar-10-binary.tar.gz.part"]);
}

#[test]
fn folder_of_an_interrupted_unpacking_is_replaced() {
    let mut setting = Setting::new();
    let left = setting.root.path().join("cifar-10-batches-bin.unpacking");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("half"), "half").unwrap();
    let server = setting.serve(&[Answer::Range]);
    let folder = setting.fetch(&[&server]).unwrap();
    setting.assert_fetched(&folder);
}
