//! Leases: the only way to write a trial.
//!
//! A lease is a folder, `attempts/ID.N/`, that holds `lease.json` from the moment it exists: it is made under another
//! name and renamed, which fails where the folder exists. Whoever takes a lease over makes the next folder, removes
//! `lease.json` from the one before, and copies what can be resumed. The process that lost its lease can so write to
//! nothing but its own folder, and notices before its next record. The folder of the process that ends a trial
//! becomes `trials/ID/` by a rename, which fails where the trial has ended.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use super::attempts::Attempts;
use super::holder::Holder;
use super::{
    CHECKPOINTS, EPOCHS, MODEL, RESULT, SET_ASIDE, STEPS, StoreError, atomic, metadata_if_there,
    read_if_there,
};
use crate::json;

/// Names the holder of a lease, in its folder until it is given back. Its time of modification is the heartbeat.
pub(super) const LEASE: &str = "lease.json";
/// Heartbeats within the time after which a lease without one is stale.
const HEARTBEATS: u32 = 12;
/// What can be resumed, besides the checkpoint.
const RECORDS: [&str; 4] = ["settings.toml", "environment.json", STEPS, EPOCHS];

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
    /// Takes the lease of an attempt with this number; `None` if another process has it.
    pub(super) fn take(
        store: &Path,
        id: &str,
        number: u32,
        stale_after: Duration,
    ) -> Result<Option<Self>, StoreError> {
        let attempts = Attempts::in_store(store);
        atomic::create_folder(attempts.path())?;
        let holder = Holder::this_process();
        let folder = attempts.folder(id, number);
        let draft = attempts.draft(id, &holder);
        fs::create_dir(&draft).map_err(StoreError::io(&draft, "create the folder"))?;
        let text = json::pretty(&holder);
        let written = File::create(draft.join(LEASE))
            .and_then(|mut file| file.write_all(text.as_bytes()).map(|()| file))
            .map_err(StoreError::io(&draft, "write"));
        let taken = written.and_then(|file| atomic::rename(&draft, &folder).map(|()| file));
        match taken {
            Ok(file) => Ok(Some(Self {
                id: id.to_owned(),
                store: store.to_path_buf(),
                folder,
                holder,
                _heart: Heart::of(file, stale_after / HEARTBEATS),
            })),
            Err(error) => {
                fs::remove_dir_all(&draft).ok();
                if holder_in(&folder)?.as_ref() == Some(&holder) {
                    // The disk failed after the rename.
                    fs::remove_dir_all(&folder).ok();
                    return Err(error);
                }
                match metadata_if_there(&folder)? {
                    Some(_) => Ok(None),
                    None => Err(error),
                }
            }
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes the place of earlier attempts.
    pub(super) fn succeed(&self, earlier: &[PathBuf]) -> Result<(), StoreError> {
        if let Err(error) = self.writing(|| self.inherit(earlier)) {
            // What it has is a copy; the next attempt must find the whole.
            self.discard();
            return Err(error);
        }
        self.dispose(earlier)
    }

    /// Ends the leases of earlier attempts, and copies what can be resumed from the last of them that has a checkpoint.
    fn inherit(&self, earlier: &[PathBuf]) -> Result<(), StoreError> {
        for folder in earlier {
            atomic::remove(&folder.join(LEASE))?;
        }
        for folder in earlier.iter().rev() {
            if !has_any(folder, &CHECKPOINTS)? {
                continue;
            }
            // The last checkpoint comes last, since it vouches for the others.
            for name in RECORDS.iter().chain(CHECKPOINTS.iter().rev()) {
                if has_any(folder, &[name])? {
                    atomic::copy(&folder.join(name), &self.folder.join(name))?;
                }
            }
            break;
        }
        Ok(())
    }

    /// Removes earlier attempts, but sets those aside that have weights or a result but no checkpoint.
    fn dispose(&self, earlier: &[PathBuf]) -> Result<(), StoreError> {
        for folder in earlier {
            if has_any(folder, &[MODEL, RESULT])? && !has_any(folder, &CHECKPOINTS)? {
                atomic::rename(folder, &self.place_aside()?)?;
            } else {
                // A process that lost its lease may still write to it; what stays is removed another time.
                fs::remove_dir_all(folder).ok();
            }
        }
        Ok(())
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

    /// Sets aside what the trial has, so that it can be trained from its start: an earlier result, weights or checkpoint.
    pub(super) fn make_room(&self) -> Result<(), StoreError> {
        let ended = self.trial_folder();
        if metadata_if_there(&ended)?.is_some() {
            atomic::rename(&ended, &self.place_aside()?)?;
        }
        if has_any(&self.folder, &CHECKPOINTS)? || has_any(&self.folder, &[MODEL])? {
            self.set_aside(|_| true)?;
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
        // The folder may be removed meanwhile.
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

    /// Makes the folder of this attempt, which is complete, that of the trial.
    pub(super) fn commit(&self) -> Result<(), StoreError> {
        let trial = self.trial_folder();
        let renamed = atomic::rename(&self.folder, &trial);
        if renamed.is_err() && metadata_if_there(&trial)?.is_some() {
            return Err(StoreError::LeaseLost { folder: trial });
        }
        renamed?;
        for name in CHECKPOINTS.iter().chain(&[LEASE]) {
            atomic::remove(&trial.join(name))?;
        }
        Ok(())
    }

    /// Removes what this attempt has, and so gives the lease back.
    pub(super) fn discard(&self) {
        if self.check().is_ok() {
            fs::remove_dir_all(&self.folder).ok();
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
            fs::remove_file(self.folder.join(LEASE)).ok();
        }
    }
}

/// Who holds the lease in a folder, as far as its file tells.
fn holder_in(folder: &Path) -> Result<Option<Holder>, StoreError> {
    let found = read_if_there(&folder.join(LEASE))?;
    Ok(found.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

fn has_any(folder: &Path, names: &[&str]) -> Result<bool, StoreError> {
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
