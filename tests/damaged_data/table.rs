//! The table of damaged data.

use std::fs;

use super::{ARCHIVE, ARCHIVE_BYTES, BATCHES, RECORD, TEST, World, records};

const PART: &str = "cifar-10-binary.tar.gz.part";

const VERIFY: &[&str] = &["data", "verify", "cifar10"];
const RUN: &[&str] = &["run", "a.toml"];
const FETCH: &[&str] = &["data", "fetch", "cifar10", "--mirror", "MIRROR"];

const NOT_FOUND: &str = "error: cifar10: expected its files in one of DATA, DATA/cifar-10-batches-bin, \
    DATA/cifar-10-binary/cifar-10-batches-bin, found none of them there; ";
const UNUSABLE: &str = "error: DATA/cifar-10-batches-bin: expected usable training and test files, found damaged or \
    missing ones\n";

/// What a mirror answers to each request.
#[derive(Clone, Copy)]
pub enum Mirror {
    Nothing,
    /// A body of so many announced bytes, of which these are sent, and nothing else after that.
    Sends(u64, &'static [u8]),
}

pub struct Row {
    pub name: &'static str,
    /// Damages the small dataset in this folder.
    pub damage: fn(&World),
    pub mirror: Mirror,
    /// Commands, each with all that it says on standard error. `DATA` is the data folder and `MIRROR` the mirror.
    pub says: &'static [(&'static [&'static str], &'static [&'static str])],
    /// What the commands may add to the data folder: bytes to resume from.
    pub adds: Option<(&'static str, usize)>,
    /// A test below the whole program that goes further, and its file.
    pub further: Option<(&'static str, &'static str)>,
}

const ROW: Row = Row {
    name: "",
    damage: |_| (),
    mirror: Mirror::Nothing,
    says: &[],
    adds: None,
    further: None,
};

const FETCH_FAILED: &str = "error: cifar-10-binary.tar.gz: expected a working source, found none:\n  \
    MIRROR/cifar-10-binary.tar.gz: http status: 404\n";
const ADVICE: &str = "--mirror URL selects another source; to use a file that you already have, put it into DATA and \
    rerun this command\n";
const DOWNLOADING: &str = "downloading MIRROR/cifar-10-binary.tar.gz\n";
const OTHER_CHECKSUM: &str = "warning: DATA/cifar-10-binary.tar.gz: expected the official file of sha256 \
    c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd, found SHA256; downloading that\n";
const HTML: &[u8] = b"<html>not found</html>";

/// The table.
pub const ROWS: [Row; 13] = [
    Row {
        name: "a file that is missing",
        damage: |world| fs::remove_file(world.path(TEST)).unwrap(),
        says: &[
            (VERIFY, &[UNUSABLE]),
            (
                RUN,
                &[
                    "error: DATA/cifar-10-batches-bin/test_batch.bin: expected a readable file, found No such file or \
                   directory (os error 2)\n",
                ],
            ),
        ],
        ..ROW
    },
    Row {
        name: "an empty file",
        damage: |world| world.write(TEST, b""),
        says: &[
            (VERIFY, &[UNUSABLE]),
            (
                RUN,
                &[
                    "error: DATA/cifar-10-batches-bin/test_batch.bin: expected whole records of 3073 bytes, found an \
                   empty file\n",
                ],
            ),
        ],
        ..ROW
    },
    Row {
        name: "a truncated file",
        damage: |world| world.write(TEST, &records(&[0, 0, 9])[..3 * RECORD - 1]),
        says: &[
            (VERIFY, &[UNUSABLE]),
            (
                RUN,
                &[
                    "error: DATA/cifar-10-batches-bin/test_batch.bin: expected whole records of 3073 bytes, found 9218 \
                   bytes: 2 records and 3072 bytes\n",
                ],
            ),
        ],
        ..ROW
    },
    Row {
        name: "a file one byte longer",
        damage: |world| world.write(TEST, &[&records(&[0, 0, 9])[..], b"\n"].concat()),
        says: &[
            (VERIFY, &[UNUSABLE]),
            (
                RUN,
                &[
                    "error: DATA/cifar-10-batches-bin/test_batch.bin: expected whole records of 3073 bytes, found 9220 \
                   bytes: 3 records and 1 byte\n",
                ],
            ),
        ],
        ..ROW
    },
    Row {
        // `verify` calls the file one with other bytes than the official release's: it may be meant.
        name: "a flipped bit between two runs into a store",
        damage: |world| {
            world.run(RUN, "").expect(0);
            let mut bytes = fs::read(world.path(TEST)).unwrap();
            bytes[RECORD / 2] ^= 1;
            world.write(TEST, &bytes);
            world.sweep("[1, 2]");
            let verified = world.run(VERIFY, "").expect(0);
            let line = "test_batch.bin    3 of 10000 records, not the official bytes";
            assert!(verified.stdout.contains(line), "{verified:#?}");
        },
        says: &[(
            RUN,
            &[
                "note: partial: 20 of 50000 training records\n",
                "note: missing: data_batch_3.bin, data_batch_4.bin, data_batch_5.bin\n",
                "note: partial: 3 of 10000 test records\n",
                "error: trial 602148821763: expected the images of this store's earlier results (SHA-256 SHA256), found \
                 different ones (SHA256): choose another --store, or the folder of those images\n",
            ],
        )],
        ..ROW
    },
    Row {
        name: "label 10 in CIFAR-10",
        damage: |world| world.write(TEST, &records(&[0, 10])),
        says: &[
            (VERIFY, &[UNUSABLE]),
            (
                RUN,
                &[
                    "error: DATA/cifar-10-batches-bin/test_batch.bin: record 1: expected a label from 0 to 9, found 10\n",
                ],
            ),
        ],
        ..ROW
    },
    Row {
        name: "an HTML page instead of the archive",
        damage: |world| {
            fs::remove_dir_all(world.path(BATCHES)).unwrap();
            world.write(ARCHIVE, HTML);
        },
        mirror: Mirror::Sends(HTML.len() as u64, HTML),
        says: &[
            (
                FETCH,
                &[
                    "warning: DATA/cifar-10-binary.tar.gz: expected the official file of 170052171 bytes, found 22; \
                     downloading that\n",
                    DOWNLOADING,
                    "error: cifar-10-binary.tar.gz: expected a working source, found none:\n  \
                     MIRROR/cifar-10-binary.tar.gz: expected content-length: 170052171, found 22\n",
                    ADVICE,
                ],
            ),
            (
                RUN,
                &[
                    NOT_FOUND,
                    "DATA/cifar-10-binary.tar.gz is not the official archive, it has 22 of 170052171 bytes: \
                     `experiment data fetch cifar10 --data-dir DATA` downloads it\n",
                ],
            ),
        ],
        ..ROW
    },
    Row {
        name: "the archive of CIFAR-100",
        damage: |world| fs::remove_dir_all(world.path(BATCHES)).unwrap(),
        mirror: Mirror::Sends(168_513_733, b"\x1f\x8b"),
        says: &[(
            FETCH,
            &[
                DOWNLOADING,
                "error: cifar-10-binary.tar.gz: expected a working source, found none:\n  \
                 MIRROR/cifar-10-binary.tar.gz: expected content-length: 170052171, found 168513733\n",
                ADVICE,
            ],
        )],
        ..ROW
    },
    Row {
        // The whole program unpacks no archive but the official one.
        name: "an archive with a path that leaves the folder",
        damage: |world| world.put_archive("../evil", b"x"),
        says: &[(FETCH, &[OTHER_CHECKSUM, DOWNLOADING, FETCH_FAILED, ADVICE])],
        further: Some(("data/unpack.rs", "path_to_the_parent_is_refused")),
        ..ROW
    },
    Row {
        name: "a compression bomb",
        damage: |world| {
            let zeros = vec![0; 1 << 26];
            world.put_archive("cifar-10-batches-bin/data_batch_1.bin", &zeros);
        },
        says: &[(FETCH, &[OTHER_CHECKSUM, DOWNLOADING, FETCH_FAILED, ADVICE])],
        further: Some((
            "data/unpack.rs",
            "archive_that_unpacks_to_too_much_is_refused",
        )),
        ..ROW
    },
    Row {
        // Whoever is root writes to folders without permission, but not to these.
        name: "a data folder that cannot be written",
        damage: |world| world.write("file", b""),
        says: &[
            (
                &[
                    "data",
                    "fetch",
                    "cifar10",
                    "--mirror",
                    "MIRROR",
                    "--data-dir",
                    "DATA/file",
                ],
                &["error: DATA/file: expected a folder, found a file\n"],
            ),
            #[cfg(target_os = "linux")]
            (
                &[
                    "data",
                    "fetch",
                    "cifar10",
                    "--mirror",
                    "MIRROR",
                    "--data-dir",
                    "/proc/data",
                ],
                &[
                    "error: /proc/data: expected to create the folder, found No such file or directory (os error 2); \
                   choose another folder with --data-dir\n",
                ],
            ),
            #[cfg(target_os = "linux")]
            (
                &[
                    "data",
                    "fetch",
                    "mnist",
                    "--mirror",
                    "MIRROR",
                    "--data-dir",
                    "/proc",
                ],
                &[
                    "error: /proc/mnist.part: expected to create the folder, found No such file or directory (os error \
                   2); choose another folder with --data-dir\n",
                ],
            ),
        ],
        ..ROW
    },
    Row {
        name: "a download that is cut off",
        damage: |world| fs::remove_dir_all(world.path(BATCHES)).unwrap(),
        mirror: Mirror::Sends(ARCHIVE_BYTES, &[7; 1000]),
        says: &[
            (
                FETCH,
                &[
                    DOWNLOADING,
                    "MIRROR/cifar-10-binary.tar.gz: Peer disconnected after 1000 of 170052171 bytes; continuing\n",
                    FETCH_FAILED,
                    ADVICE,
                ],
            ),
            (
                RUN,
                &[
                    NOT_FOUND,
                    "`experiment data fetch cifar10` downloads them, and --data-dir or EXPERIMENT_DATA selects the \
                     folder that contains them\n",
                ],
            ),
        ],
        // No command takes it for data, and the next download resumes from it.
        adds: Some((PART, 1000)),
        further: Some((
            "data/fetch/tests.rs",
            "next_run_continues_what_a_failed_one_left",
        )),
    },
    Row {
        // The program waits a minute, a test does not.
        name: "a server that stalls",
        further: Some((
            "data/download/tests.rs",
            "a_server_that_stalls_is_given_up_and_what_it_sent_is_kept",
        )),
        ..ROW
    },
];
