//! One writer at a time.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::Path;

use super::StoreError;

const NAME: &str = "lock";

/// A locked file in a store. The operating system drops the lock with the process, so that no kill leaves a
/// stale one.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// [`StoreError::Locked`] where another process has it; [`StoreError::NoLocks`] where none can be had.
    pub fn take(store: &Path) -> Result<Self, StoreError> {
        let path = store.join(NAME);
        // Not truncated: until it is locked, its content is another's.
        let open = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path);
        let mut file = open.map_err(StoreError::io(&path, "create"))?;
        if let Err(error) = file.try_lock() {
            let owner = fs::read_to_string(&path).unwrap_or_default();
            return Err(refusal(store, error, &owner));
        }
        // For people alone; a full disk shows where it matters.
        write_owner(&mut file).ok();
        Ok(Self { _file: file })
    }

    /// Whether another process has it. Asking takes a shared lock, which is dropped at once.
    pub fn is_held(store: &Path) -> bool {
        let lock = File::open(store.join(NAME));
        lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// That of the process that started this one.
    pub fn of_parent(store: &Path) -> Result<Self, StoreError> {
        let path = store.join(NAME);
        let file = File::open(&path).map_err(StoreError::io(&path, "open"))?;
        Ok(Self { _file: file })
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
        TryLockError::Error(source) => StoreError::NoLocks { folder, source },
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
