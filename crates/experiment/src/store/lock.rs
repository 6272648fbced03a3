//! One writer at a time.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::StoreError;

const NAME: &str = "lock";

/// Locked, shared, by the processes that train for the one that holds the lock: they may outlive it.
const CHILDREN: &str = "lock.trials";
/// Longer than a process takes to notice that its parent has ended, and to write a checkpoint.
const PATIENCE: Duration = Duration::from_mins(1);
/// For only checking whether the lock is held.
const GLANCE: Duration = Duration::from_millis(200);

/// A locked file in a store. The operating system releases the lock with the process, so that no kill leaves a
/// stale one.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// [`StoreError::Locked`] if another process holds it; [`StoreError::NoLocks`] if files cannot be locked.
    pub fn take(store: &Path) -> Result<Self, StoreError> {
        let mut file = open(&store.join(NAME))?;
        lock_within(GLANCE, || file.try_lock()).map_err(|error| {
            let owner = fs::read_to_string(store.join(NAME)).unwrap_or_default();
            refusal(store, error, &owner)
        })?;
        let children = open(&store.join(CHILDREN))?;
        lock_within(PATIENCE, || children.try_lock())
            .map_err(|error| refusal(store, error, "training for one that has ended"))?;
        // For people alone; a full disk shows where it matters.
        write_owner(&mut file).ok();
        Ok(Self { _file: file })
    }

    /// A part of that of the process that started this one.
    pub fn of_parent(store: &Path) -> Result<Self, StoreError> {
        let file = open(&store.join(CHILDREN))?;
        lock_within(GLANCE, || file.try_lock_shared())
            .map_err(|error| refusal(store, error, "another run"))?;
        Ok(Self { _file: file })
    }

    /// Whether another process has it or a part of it. Asking takes locks, which are released immediately.
    pub fn is_held(store: &Path) -> bool {
        let asked =
            [NAME, CHILDREN].map(|name| File::open(store.join(name)).map(|file| file.try_lock()));
        asked
            .iter()
            .any(|asked| matches!(asked, Ok(Err(TryLockError::WouldBlock))))
    }
}

/// Opens a file to lock. It is not truncated: until it is locked, its content is another's.
fn open(path: &Path) -> Result<File, StoreError> {
    let mut options = File::options();
    let open = options.write(true).create(true).truncate(false).open(path);
    open.map_err(StoreError::io(path, "create"))
}

/// Tries to lock for this long.
fn lock_within(
    patience: Duration,
    lock: impl Fn() -> Result<(), TryLockError>,
) -> Result<(), TryLockError> {
    let start = Instant::now();
    loop {
        match lock() {
            Err(TryLockError::WouldBlock) if start.elapsed() < patience => {
                thread::sleep(Duration::from_millis(20));
            }
            ended => return ended,
        }
    }
}

/// Why a store has no lock for this process, where its lock holds the text `owner`.
fn refusal(store: &Path, error: TryLockError, owner: &str) -> StoreError {
    let folder = store.to_path_buf();
    match error {
        TryLockError::WouldBlock => StoreError::Locked {
            folder,
            owner: owner.trim().to_string(),
        },
        TryLockError::Error(cause) => StoreError::NoLocks { folder, cause },
    }
}

fn write_owner(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    writeln!(file, "pid {}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_threads_of_one_process_that_ask_at_once_one_has_the_lock_until_it_drops_it() {
        let store = tempfile::tempdir().unwrap();
        let taken: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| Lock::take(store.path())))
                .collect();
            // Each keeps what it got until all have asked.
            let taken = threads.into_iter().map(|thread| thread.join().unwrap());
            taken.collect()
        });
        assert!(Lock::is_held(store.path()));
        let (held, refused): (Vec<_>, Vec<_>) = taken.into_iter().partition(Result::is_ok);
        assert_eq!((held.len(), refused.len()), (1, 7));
        let is_locked = |error: &StoreError| matches!(error, StoreError::Locked { .. });
        assert!(
            refused
                .iter()
                .all(|refused| refused.as_ref().is_err_and(is_locked))
        );
        drop(held);
        assert!(!Lock::is_held(store.path()));
        Lock::take(store.path()).unwrap();
    }

    #[test]
    fn a_file_system_without_locks_is_told_from_a_store_in_use() {
        // ENOLCK, ENOSYS and EOPNOTSUPP of Linux.
        for code in [37, 38, 95] {
            let error = TryLockError::Error(io::Error::from_raw_os_error(code));
            let message = refusal(Path::new("s"), error, "pid 7").to_string();
            assert!(
                message.starts_with("s: store: its file system cannot lock files ("),
                "{message}"
            );
            assert!(message.contains("--store"), "{message}");
        }
        let in_use = |owner| refusal(Path::new("s"), TryLockError::WouldBlock, owner).to_string();
        assert_eq!(
            in_use("pid 7\n"),
            "s: store: another process (pid 7) is using it"
        );
        assert_eq!(in_use(""), "s: store: another process is using it");
    }
}
