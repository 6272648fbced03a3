//! The calls that change what is on disk. A store makes all of them here, so that tests can let any one fail.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;

/// A file that is written.
#[derive(Debug)]
pub struct File(fs::File);

impl File {
    /// An empty file, in place of one that is there.
    pub fn create(path: &Path) -> io::Result<Self> {
        before("create", || fs::File::create(path).map(Self))
    }

    pub fn create_new(path: &Path) -> io::Result<Self> {
        before("create", || fs::File::create_new(path).map(Self))
    }

    /// To write after what is there.
    pub fn append(path: &Path) -> io::Result<Self> {
        fs::File::options().append(true).open(path).map(Self)
    }

    pub fn sync(&self) -> io::Result<()> {
        before("sync", || self.0.sync_all())
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        before_write(bytes, |bytes| self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Puts files on disk side by side, which takes a disk little longer than one.
pub fn sync_files(files: &[PathBuf]) -> io::Result<()> {
    let sync = |file: &Path| fs::File::options().append(true).open(file)?.sync_all();
    before("sync", || {
        thread::scope(|scope| {
            let start = |file| thread::Builder::new().spawn_scoped(scope, move || sync(file));
            let syncs: Vec<_> = files.iter().map(|file| (file, start(file))).collect();
            let mut synced = syncs.into_iter().map(|(file, thread)| match thread {
                Ok(thread) => thread
                    .join()
                    .unwrap_or_else(|_| Err(io::Error::other("a thread failed"))),
                // No more can be started.
                Err(_) => sync(file),
            });
            synced.try_for_each(|result| result)
        })
    })
}

/// Makes the names in a folder durable; only Unix can open a folder to ask for it.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        before("sync a folder", || fs::File::open(path)?.sync_all())?;
    }
    Ok(())
}

pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    before("rename", || fs::rename(from, to))
}

pub fn create_folder(path: &Path) -> io::Result<()> {
    before("create a folder", || fs::create_dir(path))
}

pub fn remove_file(path: &Path) -> io::Result<()> {
    before("remove", || fs::remove_file(path))
}

pub fn remove_folder(path: &Path) -> io::Result<()> {
    before("remove a folder", || fs::remove_dir_all(path))
}

#[cfg(test)]
use faults::{before, before_write};

#[cfg(not(test))]
fn before<T>(_call: &'static str, go_on: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    go_on()
}

#[cfg(not(test))]
fn before_write(bytes: &[u8], go_on: impl FnOnce(&[u8]) -> io::Result<usize>) -> io::Result<usize> {
    go_on(bytes)
}

/// Calls that fail because a test wants it.
#[cfg(test)]
pub mod faults {
    use std::cell::Cell;
    use std::io;

    /// What happens at a call.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Fault {
        /// The process ends in the middle of it: half of a write is done, and nothing after that.
        Abort,
        /// The device fails once.
        InputOutput,
        /// The disk is full from then on; what is there can still be renamed and removed.
        Full,
        /// As [`Fault::Full`], but half of a write still has room.
        ShortWrite,
    }

    pub const FAULTS: [Fault; 4] = [
        Fault::Abort,
        Fault::InputOutput,
        Fault::Full,
        Fault::ShortWrite,
    ];

    #[derive(Clone, Copy, Debug)]
    struct Planned {
        fault: Fault,
        /// Calls until it happens; 0 once it has.
        calls_left: u64,
        /// The call at which it happened.
        happened: Option<&'static str>,
    }

    thread_local! {
        static PLANNED: Cell<Option<Planned>> = const { Cell::new(None) };
    }

    /// Does `work`, in which the call of this number by this thread, from 1, meets a fault; also gives the call, `None`
    /// if there were fewer.
    pub fn with<T>(
        fault: Fault,
        number: u64,
        work: impl FnOnce() -> T,
    ) -> (T, Option<&'static str>) {
        PLANNED.set(Some(Planned {
            fault,
            calls_left: number,
            happened: None,
        }));
        let done = work();
        let planned = PLANNED.take();
        (done, planned.and_then(|planned| planned.happened))
    }

    pub(super) fn before<T>(
        call: &'static str,
        go_on: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        match meets(call) {
            Some((fault, _)) => Err(fault.error()),
            None => go_on(),
        }
    }

    pub(super) fn before_write(
        bytes: &[u8],
        go_on: impl FnOnce(&[u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let half = &bytes[..bytes.len() / 2];
        match meets("write") {
            Some((Fault::ShortWrite, true)) if !half.is_empty() => go_on(half),
            Some((Fault::Abort, true)) => go_on(half).and(Err(Fault::Abort.error())),
            Some((fault, _)) => Err(fault.error()),
            None => go_on(bytes),
        }
    }

    /// The fault of a call, and whether that is the first call with it.
    fn meets(call: &'static str) -> Option<(Fault, bool)> {
        let mut planned = PLANNED.get()?;
        let had_happened = planned.happened.is_some();
        if !had_happened {
            planned.calls_left -= 1;
            if planned.calls_left == 0 {
                planned.happened = Some(call);
            }
            PLANNED.set(Some(planned));
        }
        let takes_room = !["rename", "remove", "remove a folder"].contains(&call);
        let fails = match planned.fault {
            Fault::Abort => planned.happened.is_some(),
            Fault::InputOutput => planned.happened.is_some() && !had_happened,
            Fault::Full | Fault::ShortWrite => planned.happened.is_some() && takes_room,
        };
        fails.then_some((planned.fault, !had_happened))
    }

    impl Fault {
        fn error(self) -> io::Error {
            match self {
                Self::Abort => io::Error::other("this process has ended"),
                // As Linux has them: EIO and ENOSPC.
                Self::InputOutput => io::Error::from_raw_os_error(5),
                Self::Full | Self::ShortWrite => io::ErrorKind::StorageFull.into(),
            }
        }
    }
}
