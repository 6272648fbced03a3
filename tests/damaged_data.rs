//! Thirteen ways in which a dataset can be damaged, and what the whole program says of each: exit code 4, the message,
//! and nothing left that looks like data.

mod table;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::thread;

use flate2::Compression;
use flate2::write::GzEncoder;

use self::table::{Mirror, ROWS};
use crate::sources;
use crate::support::{Finished, Scratch};

/// The official archive and its bytes.
const ARCHIVE: &str = "cifar-10-binary.tar.gz";
const ARCHIVE_BYTES: u64 = 170_052_171;
/// The folder that it unpacks to, and a file in it.
const BATCHES: &str = "cifar-10-batches-bin";
const TEST: &str = "cifar-10-batches-bin/test_batch.bin";
/// Bytes of a record.
const RECORD: usize = 3073;

/// A folder of a small dataset and one to work in.
struct World {
    data: tempfile::TempDir,
    work: Scratch,
}

impl World {
    /// Two training files of ten records and a test file of three.
    fn new() -> Self {
        let world = Self {
            data: tempfile::tempdir().unwrap(),
            work: Scratch::new(),
        };
        fs::create_dir(world.path(BATCHES)).unwrap();
        let labels: Vec<u8> = (0..10).collect();
        for name in ["data_batch_1.bin", "data_batch_2.bin"] {
            world.write(&format!("{BATCHES}/{name}"), &records(&labels));
        }
        world.write(TEST, &records(&[0, 0, 9]));
        world.sweep("[1]");
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.data.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    fn sweep(&self, seeds: &str) {
        let text = format!(
            "name = \"small\"\nlosses = [{{ name = \"cross_entropy\" }}]\nseeds = {seeds}\n[train]\nwidth = 1\n\
             epochs = 1\nbatch_size = 10\nbackend = \"flex\"\nthreads = 1\n"
        );
        self.work.write("a.toml", &text);
    }

    /// Puts an archive in place of the unpacked files, as long as the official one: what follows the end of a
    /// compressed archive is not read.
    fn put_archive(&self, name: &str, content: &[u8]) {
        fs::remove_dir_all(self.path(BATCHES)).unwrap();
        self.write(ARCHIVE, &archive(name, content));
        let file = File::options().write(true).open(self.path(ARCHIVE));
        file.unwrap().set_len(ARCHIVE_BYTES).unwrap();
    }

    fn run(&self, arguments: &[&str], mirror: &str) -> Finished {
        let data = self.data.path().to_str().unwrap();
        let arguments: Vec<String> = arguments
            .iter()
            .map(|argument| argument.replace("MIRROR", mirror).replace("DATA", data))
            .collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = self.work.command(&arguments);
        Finished::of(command.env("EXPERIMENT_DATA", data))
    }

    /// Every file in the data folder and its length.
    fn files(&self) -> BTreeMap<String, u64> {
        let mut files = BTreeMap::new();
        list(self.data.path(), self.data.path(), &mut files);
        files
    }
}

fn list(root: &Path, folder: &Path, files: &mut BTreeMap<String, u64>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            list(root, &path, files);
        }
        let name = path.strip_prefix(root).unwrap().display().to_string();
        files.insert(name, path.metadata().unwrap().len());
    }
}

fn records(labels: &[u8]) -> Vec<u8> {
    let record = |label: &u8| [&[*label][..], &[0; RECORD - 1]].concat();
    labels.iter().flat_map(record).collect()
}

/// A compressed archive of one file, whose name is written as it is.
fn archive(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::best()));
    tar.append(&header, content).unwrap();
    tar.into_inner().unwrap().finish().unwrap()
}

/// Starts a mirror; returns its address.
fn serve(mirror: Mirror) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let answer = match mirror {
                Mirror::Sends(bytes, body) if number == 0 => {
                    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n");
                    [head.as_bytes(), body].concat()
                }
                _ => b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n".to_vec(),
            };
            let _ = stream.write_all(&answer);
        }
    });
    url
}

/// `text` with every SHA-256 in it that is not of a file of the official release left out.
fn without_checksums(text: &str) -> String {
    const OFFICIAL: &str = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd";
    let words = text.split_inclusive(|c: char| !c.is_ascii_hexdigit());
    let words = words.map(|word| {
        let digits = word.trim_end_matches(|c: char| !c.is_ascii_hexdigit());
        if digits.len() == 64 && digits != OFFICIAL {
            word.replace(digits, "SHA256")
        } else {
            word.to_owned()
        }
    });
    words.collect()
}

#[test]
fn damaged_data_ends_with_4_and_its_message_and_leaves_nothing_that_looks_like_data() {
    let sources = sources::all();
    for row in ROWS {
        let (name, world, mirror) = (row.name, World::new(), serve(row.mirror));
        (row.damage)(&world);
        let mut expected = world.files();
        for (arguments, lines) in row.says {
            let run = world.run(arguments, &mirror).expect(4);
            let data = world.data.path().to_str().unwrap();
            let said = run.stderr.replace(data, "DATA").replace(&mirror, "MIRROR");
            assert_eq!(
                without_checksums(&said),
                lines.concat(),
                "{name}: {arguments:?}"
            );
        }
        expected.extend(
            row.adds
                .map(|(name, bytes)| (name.to_owned(), bytes as u64)),
        );
        assert_eq!(world.files(), expected, "{name}");
        assert!(row.further.is_some() || !row.says.is_empty(), "{name}");
        if let Some((file, test)) = row.further {
            let file = format!("crates/experiment/src/{file}");
            let source = sources.iter().find(|source| source.path == file);
            let is_there = source.is_some_and(|it| it.text.contains(&format!("fn {test}() {{")));
            assert!(is_there, "{file}: {test}");
        }
    }
}
