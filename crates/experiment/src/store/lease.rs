//! Leases: the only way to write a trial.
//!
//! A lease is a folder, `attempts/ID.N/`, with a `lease.json` that names its holder. The first is made under another
//! name and renamed, which fails where it exists. Whoever takes a lease over renames the folder to the next number:
//! one process succeeds, and the process that lost the lease finds nothing where it would write. The holder that ends a
//! trial renames the folder to `trials/ID/`. So a trial has one folder at any time, and one process knows its name.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use super::attempts::Attempts;
use super::disk;
use super::holder::Holder;
use super::{
    CHECKPOINTS, EPOCHS, MODEL, SET_ASIDE, STEPS, StoreError, atomic, metadata_if_there,
    read_if_there,
};
use crate::json;

/// Names the holder of a lease, in its folder until it is given back. Its time of modification is the heartbeat.
pub(super) const LEASE: &str = "lease.json";
/// Heartbeats within the time after which a lease without one is stale.
const HEARTBEATS: u32 = 12;

/// The right to write a trial, until it is dropped, taken over by another process, or the trial has ended.
#[derive(Debug)]
pub struct Lease {
    id: String,
    /// Of the store.
    store: PathBuf,
    /// Of this attempt.
    folder: PathBuf,
    holder: Holder,
    _heart: Heart,
}

impl Lease {
    /// The lease of a trial that has not begun; `None` if another process was first.
    pub(super) fn of_new(
        store: &Path,
        id: &str,
        stale_after: Duration,
    ) -> Result<Option<Self>, StoreError> {
        let attempts = Attempts::in_store(store);
        atomic::create_folder(attempts.path())?;
        let holder = Holder::this_process();
        let (draft, folder) = (attempts.draft(id, &holder), attempts.folder(id, 1));
        disk::create_folder(&draft).map_err(StoreError::io(&draft, "create the folder"))?;
        let rename = |()| disk::rename(&draft, &folder).map_err(StoreError::io(&draft, "rename"));
        match write_lease(&draft, &holder).and_then(rename) {
            Ok(()) => {}
            // A network file system can lose the answer.
            Err(_) if holder_in(&folder)?.as_ref() == Some(&holder) => {}
            Err(error) => {
                disk::remove_folder(&draft).ok();
                return if error.is_taken() {
                    Ok(None)
                } else {
                    Err(error)
                };
            }
        }
        Self::latest(store, id, 1, holder, stale_after)
    }

    /// The lease of a trial that another process left in the folder of attempt `number`; `None` if another process was
    /// first.
    pub(super) fn of_left(
        store: &Path,
        id: &str,
        number: u32,
        stale_after: Duration,
    ) -> Result<Option<Self>, StoreError> {
        let attempts = Attempts::in_store(store);
        let (left, folder) = (attempts.folder(id, number), attempts.folder(id, number + 1));
        let holder = Holder::this_process();
        if let Err(error) = disk::rename(&left, &folder) {
            let error = StoreError::io(&left, "rename")(error);
            return if error.is_gone() || error.is_taken() {
                Ok(None)
            } else {
                Err(error)
            };
        }
        match write_lease(&folder, &holder) {
            Ok(()) => Self::latest(store, id, number + 1, holder, stale_after),
            // Another process renamed the folder meanwhile.
            Err(error) if error.is_gone() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The lease of an attempt, unless the trial has a later one: the number was free because another process had just
    /// taken the trial over.
    fn latest(
        store: &Path,
        id: &str,
        number: u32,
        holder: Holder,
        stale_after: Duration,
    ) -> Result<Option<Self>, StoreError> {
        let attempts = Attempts::in_store(store);
        let folder = attempts.folder(id, number);
        if attempts.of(id)?.pop() != Some(number) {
            disk::remove_folder(&folder).ok();
            return Ok(None);
        }
        let file = match open_lease(&folder) {
            Err(error) if error.is_gone() => return Ok(None),
            file => file?,
        };
        Ok(Some(Self {
            id: id.to_owned(),
            store: store.to_path_buf(),
            folder,
            holder,
            _heart: Heart::of(file, stale_after / HEARTBEATS),
        }))
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The checkpoints of the trial with their files, the last first.
    pub fn checkpoints(&self) -> Result<Vec<(PathBuf, Vec<u8>)>, StoreError> {
        let mut checkpoints = Vec::new();
        for name in CHECKPOINTS {
            let file = self.folder.join(name);
            if let Some(content) = read_if_there(&file)? {
                checkpoints.push((file, content));
            }
        }
        Ok(checkpoints)
    }

    /// Sets aside the result that is to be replaced, if there is one.
    pub(super) fn set_ended_aside(&self) -> Result<(), StoreError> {
        let ended = self.trial_folder();
        match metadata_if_there(&ended)? {
            Some(_) => atomic::rename(&ended, &self.place_aside()?),
            None => Ok(()),
        }
    }

    /// Empties the folder, so that the trial can be trained from its start; weights and checkpoints are set aside.
    pub(super) fn make_room(&self) -> Result<(), StoreError> {
        if has_any(&self.folder, &CHECKPOINTS)? || has_any(&self.folder, &[MODEL])? {
            self.set_aside(|_| true)?;
        }
        for name in [STEPS, EPOCHS] {
            // A process that lost the lease may still have it open.
            atomic::remove(&self.folder.join(name))?;
        }
        Ok(())
    }

    /// Moves the files of the trial that have a name as asked for out of the way, without losing them; returns their new
    /// folder.
    pub fn set_aside(&self, has_name: impl Fn(&OsStr) -> bool) -> Result<PathBuf, StoreError> {
        self.writing(|| {
            let place = self.place_aside()?;
            atomic::create_folder(&place)?;
            let folder = &self.folder;
            for entry in fs::read_dir(folder).map_err(StoreError::io(folder, "read"))? {
                let name = entry.map_err(StoreError::io(folder, "read"))?.file_name();
                if name != LEASE && has_name(&name) {
                    atomic::rename(&folder.join(&name), &place.join(&name))?;
                }
            }
            Ok(place)
        })
    }

    /// An absent folder for files of the trial that are no longer part of the store.
    fn place_aside(&self) -> Result<PathBuf, StoreError> {
        let set_aside = self.store.join(SET_ASIDE);
        atomic::create_folder(&set_aside)?;
        for number in 1_u32.. {
            let place = set_aside.join(format!("{}-{number}", self.id));
            if metadata_if_there(&place)?.is_none() {
                return Ok(place);
            }
        }
        unreachable!("fewer folders than numbers")
    }

    /// Does what writes to the trial, if this process still holds its lease.
    ///
    /// [`StoreError::LeaseLost`] if another process took it over.
    pub(super) fn writing<T>(
        &self,
        write: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.check()?;
        // The folder may be renamed meanwhile.
        write().map_err(|error| match self.check() {
            Err(lost @ StoreError::LeaseLost { .. }) => lost,
            _ => error,
        })
    }

    fn check(&self) -> Result<(), StoreError> {
        if holder_in(&self.folder)?.as_ref() == Some(&self.holder) {
            return Ok(());
        }
        Err(StoreError::LeaseLost {
            folder: self.trial_folder(),
        })
    }

    /// Puts the name of the attempt's folder on disk.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        let attempts = Attempts::in_store(&self.store);
        disk::sync_folder(attempts.path()).map_err(StoreError::io(attempts.path(), "write"))
    }

    /// Makes the folder of this attempt, which is complete, that of the trial.
    pub(super) fn commit(&self) -> Result<(), StoreError> {
        let trial = self.trial_folder();
        if let Err(error) = atomic::rename(&self.folder, &trial) {
            let is_own = holder_in(&trial)?.as_ref() == Some(&self.holder);
            // Another process took the trial over, and may have ended it.
            let is_there =
                |folder: &Path| Ok::<_, StoreError>(metadata_if_there(folder)?.is_some());
            let is_lost = !is_own && (!is_there(&self.folder)? || is_there(&trial)?);
            return Err(if is_lost {
                StoreError::LeaseLost { folder: trial }
            } else {
                error
            });
        }
        for name in CHECKPOINTS.iter().chain(&[LEASE]) {
            atomic::remove(&trial.join(name))?;
        }
        Ok(())
    }

    /// Removes what this attempt has, and so gives the lease back.
    pub(super) fn discard(&self) {
        if self.check().is_ok() {
            disk::remove_folder(&self.folder).ok();
        }
    }

    fn trial_folder(&self) -> PathBuf {
        self.store.join("trials").join(&self.id)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Otherwise it becomes stale, or the process ends.
        if self.check().is_ok() {
            disk::remove_file(&self.folder.join(LEASE)).ok();
        }
    }
}

/// Writes who holds the lease of a folder.
fn write_lease(folder: &Path, holder: &Holder) -> Result<(), StoreError> {
    // Nobody needs it after a power failure. A process that takes the folder over at this moment writes into the same one.
    atomic::write_shared_unsynced(&folder.join(LEASE), json::pretty(holder).as_bytes())
}

fn open_lease(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join(LEASE);
    let file = File::options().write(true).open(&path);
    file.map_err(StoreError::io(&path, "open"))
}

/// Who holds the lease in a folder, as far as its file tells.
fn holder_in(folder: &Path) -> Result<Option<Holder>, StoreError> {
    let found = read_if_there(&folder.join(LEASE))?;
    Ok(found.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

pub(super) fn has_any(folder: &Path, names: &[&str]) -> Result<bool, StoreError> {
    for name in names {
        if metadata_if_there(&folder.join(name))?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A thread that shows other machines that the holder of a lease is alive.
#[derive(Debug)]
struct Heart {
    /// Its end stops the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heart {
    fn of(lease: File, interval: Duration) -> Self {
        let (stop, stopped) = mpsc::channel();
        let thread = thread::spawn(move || {
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                // A lease that is lost, or a disk that fails, shows in what the trial writes.
                lease.set_modified(SystemTime::now()).ok();
            }
        });
        Self {
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Heart {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}
