//! Checks that the files of a trial are unchanged since it ended.
//!
//! `SHA256SUMS` in a trial's folder lists them, in the format of coreutils' `sha256sum`, so that
//! `sha256sum --check SHA256SUMS` checks the same without this program. Trials of versions before it are
//! checked for consistency between their files.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    CHECKSUMS, Damage, EPOCHS, MODEL, RESULT, STEPS, StoreError, TEST_CORRECT, atomic,
    file_if_there, metadata_if_there, read_if_there,
};
use crate::digest::{hex, sha256};
use crate::plan::Trial;
use crate::records::{Correctness, EpochRecord, Split, TrialResult, TrialState};

/// The files that `SHA256SUMS` covers, as far as they exist.
const FILES: [&str; 7] = [
    "environment.json",
    EPOCHS,
    MODEL,
    RESULT,
    "settings.toml",
    STEPS,
    TEST_CORRECT,
];

/// Whether a trial that ended in `state` must have this file; those of earlier versions lack some.
fn is_needed(file: &str, state: TrialState) -> bool {
    match file {
        MODEL => state == TrialState::Done,
        TEST_CORRECT => false,
        _ => true,
    }
}

/// Writes `SHA256SUMS` over the files of a trial, and puts all of them on disk. Digests that are `known` are those of what
/// was meant to be written, whatever the file contains, and of the result, which is not yet.
pub(super) fn write_checksums(folder: &Path, known: &[(&str, String)]) -> Result<(), StoreError> {
    let mut text = String::new();
    let mut written = vec![CHECKSUMS];
    for name in FILES {
        let path = folder.join(name);
        let digest = match known.iter().find(|(known, _)| *known == name) {
            Some((_, digest)) => digest.clone(),
            None => match File::open(&path).and_then(sha256) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                digest => digest.map_err(StoreError::io(&path, "read"))?,
            },
        };
        text += &format!("{digest}  {name}\n");
        if name != RESULT {
            written.push(name);
        }
    }
    atomic::write_unsynced(&folder.join(CHECKSUMS), text.as_bytes())?;
    atomic::sync(folder, written)
}

/// What is wrong with the files of a trial whose `result.json` holds `bytes` and reads as `result`.
pub(super) fn damage(
    folder: &Path,
    result: &TrialResult,
    bytes: &[u8],
    verified: &Verified,
) -> Result<Option<Damage>, StoreError> {
    let file = folder.join(CHECKSUMS);
    let Some(sums) = read_if_there(&file)? else {
        if result.has_checksums() {
            return Ok(Some(Damage::new(
                &file,
                "expected checksums, found no file",
            )));
        }
        return consistent(folder, result);
    };
    let sums = match Checksums::parse(&String::from_utf8_lossy(&sums), result.state) {
        Ok(sums) => sums,
        Err(cause) => return Ok(Some(Damage::new(&file, cause))),
    };
    let mut test_correct = None;
    for (name, expected) in sums.0 {
        let path = folder.join(name);
        let found = match name {
            RESULT => Some(hex(&Sha256::digest(bytes))),
            MODEL => verified.sha256_of(&result.id, &path, &expected)?,
            _ => {
                let content = read_if_there(&path)?;
                let digest = content
                    .as_ref()
                    .map(|content| hex(&Sha256::digest(content)));
                if name == TEST_CORRECT {
                    test_correct = content;
                }
                digest
            }
        };
        let cause = match found {
            None => "expected a file, found none".to_string(),
            Some(found) if found != expected => format!(
                "expected SHA-256 {expected} as in {CHECKSUMS}, found {found}: one of the two files was changed after the trial ended"
            ),
            Some(_) => continue,
        };
        return Ok(Some(Damage::new(&path, cause)));
    }
    let correctness = test_correct.and_then(|bytes| correctness(folder, result, bytes));
    Ok(correctness.and_then(Result::err))
}

/// Which test images a trial classified correctly, or how that contradicts its result; `None` if it does not tell.
pub(super) fn test_correct(
    folder: &Path,
    result: &TrialResult,
) -> Result<Option<Result<Correctness, Damage>>, StoreError> {
    let bytes = read_if_there(&folder.join(TEST_CORRECT))?;
    Ok(bytes.and_then(|bytes| correctness(folder, result, bytes)))
}

/// The same from the content of `test_correct.bin`.
fn correctness(
    folder: &Path,
    result: &TrialResult,
    bytes: Vec<u8>,
) -> Option<Result<Correctness, Damage>> {
    let (test, records) = (result.test.as_ref()?, result.data_records.as_ref()?);
    let correctness = Correctness::from_bytes(bytes, records.test.found, test.accuracy());
    Some(correctness.map_err(|cause| Damage::new(&folder.join(TEST_CORRECT), cause)))
}

/// The content of `SHA256SUMS`: files and their digests.
#[derive(Debug, PartialEq, Eq)]
struct Checksums(Vec<(&'static str, String)>);

impl Checksums {
    /// Returns an error for a text that was not written for a trial that ended in `state`.
    fn parse(text: &str, state: TrialState) -> Result<Self, String> {
        if !text.ends_with('\n') {
            return Err("expected a line feed at the end".to_string());
        }
        let mut sums = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let (digest, name) = line.split_once("  ").unwrap_or_default();
            let is_digest =
                digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
            match FILES.into_iter().find(|file| *file == name) {
                Some(file) if is_digest => sums.push((file, digest.to_string())),
                _ => {
                    return Err(format!(
                        "line {number}: expected a SHA-256 and the name of one of the trial's files"
                    ));
                }
            }
        }
        let listed = |file: &str| sums.iter().filter(|(name, _)| *name == file).count();
        match FILES
            .into_iter()
            .find(|file| is_needed(file, state) && listed(file) != 1)
        {
            Some(file) => Err(format!(
                "expected one line for {file}, found {}",
                listed(file)
            )),
            None => Ok(Self(sums)),
        }
    }
}

/// Checks the consistency of the files of a trial written by a version without checksums.
fn consistent(folder: &Path, result: &TrialResult) -> Result<Option<Damage>, StoreError> {
    for name in FILES {
        let path = folder.join(name);
        if is_needed(name, result.state) && metadata_if_there(&path)?.is_none() {
            return Ok(Some(Damage::new(&path, "expected a file, found none")));
        }
    }
    let path = folder.join("settings.toml");
    let settings = fs::read(&path).map_err(StoreError::io(&path, "read"))?;
    let Some(trial) = Trial::from_settings_toml(&String::from_utf8_lossy(&settings)) else {
        let cause = "expected a trial's settings as a sweep file, found something else";
        return Ok(Some(Damage::new(&path, cause)));
    };
    if trial.id != result.id {
        let cause = format!(
            "expected the settings of trial {}, the folder's name, found those of {}",
            result.id, trial.id
        );
        return Ok(Some(Damage::new(&path, cause)));
    }
    // As numbers read back from a file.
    let settings = serde_json::to_vec(&trial.settings_json()).unwrap_or_default();
    let settings: Value = serde_json::from_slice(&settings).unwrap_or_default();
    let changed = (result.settings.iter()).find(|(key, value)| settings[*key] != **value);
    if let Some((key, value)) = changed {
        let cause = format!("settings.{key}: expected what settings.toml says, found {value}");
        return Ok(Some(Damage::new(&folder.join(RESULT), cause)));
    }
    let path = folder.join(EPOCHS);
    let epochs = fs::read(&path).map_err(StoreError::io(&path, "read"))?;
    let cause = last_score_differs(&String::from_utf8_lossy(&epochs), &trial, result);
    Ok(cause.map(|cause| Damage::new(&path, cause)))
}

/// How the last line of `epochs.jsonl` contradicts a result.
fn last_score_differs(epochs: &str, trial: &Trial, result: &TrialResult) -> Option<String> {
    if result.state != TrialState::Done {
        return None;
    }
    let last = epochs.lines().last().unwrap_or_default();
    let last: Option<EpochRecord> = serde_json::from_str(last).ok();
    let Some(last) = last.filter(|last| last.epoch == trial.train.epochs) else {
        return Some(format!(
            "last line: expected epoch {}, the last of a trial that is done",
            trial.train.epochs
        ));
    };
    let score = match last.evaluated_on {
        Split::Test => result.test.as_ref()?,
        Split::Validation => result.validation.as_ref()?,
    };
    let last = last.score();
    let (metric, expected, found) = score.contradiction(&last)?;
    Some(format!(
        "last line: expected {} as the {metric} of {RESULT}, found {}",
        json!(expected),
        json!(found)
    ))
}

/// The digests of weights that were read before, so that they are read once: those of a sweep can take gigabytes.
/// Stored as `verified.json` in the store, if that is writable.
#[derive(Debug)]
pub(super) struct Verified {
    file: PathBuf,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// By trial.
    files: BTreeMap<String, KnownFile>,
    has_news: bool,
}

/// A file with this size and time of its last change had this digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KnownFile {
    bytes: u64,
    modified_ns: u64,
    sha256: String,
}

impl Verified {
    /// As the store in `folder` has it; a file that cannot be read costs only time.
    pub fn of(folder: &Path) -> Self {
        let file = folder.join("verified.json");
        let content = fs::read(&file).unwrap_or_default();
        let files = serde_json::from_slice(&content).unwrap_or_default();
        let known = Mutex::new(Known {
            files,
            has_news: false,
        });
        Self { file, known }
    }

    /// Saves the cache; a store that is not writable is read in full again next time.
    pub fn save(&self) {
        let mut known = self.known();
        if std::mem::take(&mut known.has_news)
            && let Ok(json) = serde_json::to_vec_pretty(&known.files)
        {
            atomic::write_shared(&self.file, &json).ok();
        }
    }

    /// The digest of a trial's weights, read only if their size, their time or their digest differs from the cached one;
    /// `None` if there are none.
    fn sha256_of(
        &self,
        id: &str,
        path: &Path,
        expected: &str,
    ) -> Result<Option<String>, StoreError> {
        let Some(metadata) = file_if_there(path)? else {
            return Ok(None);
        };
        let modified = metadata.modified().unwrap_or(UNIX_EPOCH);
        let modified_ns = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        let modified_ns = modified_ns.as_nanos() as u64;
        if let Some(file) = self.known().files.get(id)
            && (file.bytes, file.modified_ns) == (metadata.len(), modified_ns)
            && file.sha256 == expected
        {
            return Ok(Some(file.sha256.clone()));
        }
        let content = File::open(path).and_then(sha256);
        let sha256 = content.map_err(StoreError::io(path, "read"))?;
        let file = KnownFile {
            bytes: metadata.len(),
            modified_ns,
            sha256: sha256.clone(),
        };
        let mut known = self.known();
        known.files.insert(id.to_string(), file);
        known.has_news = true;
        Ok(Some(sha256))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
