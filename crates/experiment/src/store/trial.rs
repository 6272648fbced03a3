//! The folder of one trial while it is written.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    CHECKPOINTS, EPOCHS, Lease, MODEL, RESULT, STEPS, StoreError, TEST_CORRECT, atomic, disk,
    integrity, metadata_if_there,
};
use crate::digest::hex;
use crate::json;
use crate::records::{Correctness, Environment, EpochRecord, StepRecord, TrialResult};

/// A trial that has started. Dropped before [`TrialDir::finish`], it has no result and is resumed from its
/// last checkpoint another time.
#[derive(Debug)]
pub struct TrialDir<'l> {
    lease: &'l Lease,
    /// The content of `environment.json`.
    environment: String,
    /// The digests of what was written to files at once.
    written: Vec<(&'static str, String)>,
    steps: Lines,
    epochs: Lines,
}

/// A checkpoint's information about the other files of its trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Covered {
    /// Complete lines of `steps.jsonl`.
    pub steps: u64,
    /// Complete lines of `epochs.jsonl`.
    pub epochs: u64,
    /// By the names that [`TrialDir::covered`] gives them; older checkpoints lack them.
    pub notes: BTreeMap<String, String>,
}

const STEPS_DIGEST: &str = "steps_sha256";
const EPOCHS_DIGEST: &str = "epochs_sha256";
const ENVIRONMENT: &str = "environment";

impl<'l> TrialDir<'l> {
    /// Begins the trial of a lease. What an earlier attempt left is set aside where it has a result, weights or a
    /// checkpoint, else overwritten.
    pub fn begin(
        lease: &'l Lease,
        settings_toml: &str,
        environment: &Environment,
    ) -> Result<Self, StoreError> {
        lease.writing(|| {
            lease.make_room()?;
            Self::create(lease, settings_toml, environment)
        })
    }

    /// Resumes the trial of a lease from its checkpoint: truncates its records to those that are `covered` and records
    /// the session in `environment.json`.
    ///
    /// [`StoreError::NotContinued`] where those files are not whole as far as that.
    pub fn resume(
        lease: &'l Lease,
        settings_toml: &str,
        environment: &Environment,
        covered: &Covered,
    ) -> Result<Self, StoreError> {
        lease.writing(|| Self::resume_leased(lease, settings_toml, environment, covered))
    }

    fn create(
        lease: &'l Lease,
        settings_toml: &str,
        environment: &Environment,
    ) -> Result<Self, StoreError> {
        let environment = json::pretty(environment);
        let folder = lease.folder();
        atomic::write_unsynced(&folder.join("settings.toml"), settings_toml.as_bytes())?;
        atomic::write_unsynced(&folder.join("environment.json"), environment.as_bytes())?;
        Ok(Self {
            environment,
            written: Vec::new(),
            steps: Lines::create(folder.join(STEPS))?,
            epochs: Lines::create(folder.join(EPOCHS))?,
            lease,
        })
    }

    /// The settings and the environment are rewritten: the checkpoint contains both.
    fn resume_leased(
        lease: &'l Lease,
        settings_toml: &str,
        environment: &Environment,
        covered: &Covered,
    ) -> Result<Self, StoreError> {
        let folder = lease.folder();
        let digest = |key: &str| covered.notes.get(key).map(String::as_str);
        let steps_file = folder.join(STEPS);
        let steps = Covering::read(&steps_file, "step", covered.steps, digest(STEPS_DIGEST))?;
        let epochs_file = folder.join(EPOCHS);
        let epochs = Covering::read(&epochs_file, "epoch", covered.epochs, digest(EPOCHS_DIGEST))?;
        let file = folder.join("environment.json");
        let earlier = match covered.notes.get(ENVIRONMENT) {
            Some(environment) => environment.clone().into_bytes(),
            None => read_covered(&file)?,
        };
        let Some(noted) = environment.noted_in(&earlier, covered.steps) else {
            return Err(StoreError::NotContinued {
                file,
                place: "resumed".to_string(),
                expected: "a list in an object".to_string(),
            });
        };
        let environment = json::pretty(&noted);
        atomic::write_unsynced(&folder.join("settings.toml"), settings_toml.as_bytes())?;
        atomic::write_unsynced(&file, environment.as_bytes())?;
        Ok(Self {
            environment,
            written: Vec::new(),
            steps: Lines::resume(steps_file, steps)?,
            epochs: Lines::resume(epochs_file, epochs)?,
            lease,
        })
    }

    pub fn append_step(&mut self, record: &StepRecord) -> Result<(), StoreError> {
        self.steps.append(record)
    }

    /// Also hands the steps so far to the operating system, so that a kill loses less than an epoch of them.
    pub fn append_epoch(&mut self, record: &EpochRecord) -> Result<(), StoreError> {
        self.lease.writing(|| {
            self.epochs.append(record)?;
            self.epochs.flush()?;
            self.steps.flush()
        })
    }

    /// What a checkpoint of this moment, which covers all steps and so many epochs, has to say of the trial's other
    /// files, to be kept in it. The last epoch recorded may not be covered: after it comes the test.
    ///
    /// Panics if it is more than the last that is not covered.
    pub fn covered(&self, epochs: u64) -> BTreeMap<String, String> {
        let notes = [
            (STEPS_DIGEST, self.steps.digest_of(self.steps.count)),
            (EPOCHS_DIGEST, self.epochs.digest_of(epochs)),
            (ENVIRONMENT, self.environment.clone()),
        ];
        notes.map(|(key, note)| (key.to_string(), note)).into()
    }

    /// Writes a checkpoint and keeps the one before. The records that it covers are on disk first.
    pub fn save_checkpoint(&mut self, safetensors: &[u8]) -> Result<(), StoreError> {
        self.lease.writing(|| {
            self.steps.flush()?;
            self.epochs.flush()?;
            let folder = self.lease.folder();
            atomic::sync(folder, [STEPS, EPOCHS])?;
            let [last, before] = CHECKPOINTS.map(|name| folder.join(name));
            if metadata_if_there(&last)?.is_some() {
                atomic::rename(&last, &before)?;
            }
            atomic::write(&last, safetensors)?;
            self.lease.sync()
        })
    }

    /// Stores the final weights, given as the bytes of a safetensors file.
    pub fn save_model(&mut self, safetensors: &[u8]) -> Result<(), StoreError> {
        self.save(MODEL, safetensors)
    }

    /// Stores which test images the final weights classify correctly.
    pub fn save_test_correct(&mut self, correctness: &Correctness) -> Result<(), StoreError> {
        self.save(TEST_CORRECT, correctness.as_bytes())
    }

    fn save(&mut self, name: &'static str, bytes: &[u8]) -> Result<(), StoreError> {
        let file = self.lease.folder().join(name);
        (self.lease).writing(|| atomic::write_unsynced(&file, bytes))?;
        self.written.push((name, hex(&Sha256::digest(bytes))));
        Ok(())
    }

    /// Commits the trial: everything else, including checksums, is on disk before `result.json`, and that before the
    /// folder of the lease becomes the folder of the trial.
    ///
    /// Panics if the result is another trial's.
    pub fn finish(mut self, result: &TrialResult) -> Result<(), StoreError> {
        assert_eq!(
            result.id,
            self.lease.id(),
            "a trial's folder and its result must have one id"
        );
        let result = json::pretty(result);
        self.lease.writing(|| {
            self.steps.flush()?;
            self.epochs.flush()?;
            let mut known = vec![
                (RESULT, hex(&Sha256::digest(&result))),
                (STEPS, self.steps.digest_of(self.steps.count)),
                (EPOCHS, self.epochs.digest_of(self.epochs.count)),
            ];
            known.append(&mut self.written);
            let folder = self.lease.folder();
            integrity::write_checksums(folder, &known)?;
            atomic::write(&folder.join(RESULT), result.as_bytes())?;
            self.lease.commit()
        })
    }
}

/// A file of JSON lines.
#[derive(Debug)]
struct Lines {
    path: PathBuf,
    file: BufWriter<disk::File>,
    /// Lines of earlier sessions too.
    count: u64,
    /// Of all lines.
    digest: Sha256,
    /// Of all but the last.
    digest_before: Sha256,
}

impl Lines {
    fn create(path: PathBuf) -> Result<Self, StoreError> {
        let file = disk::File::create_new(&path).map_err(StoreError::io(&path, "create"))?;
        Ok(Self {
            path,
            file: BufWriter::new(file),
            count: 0,
            digest: Sha256::new(),
            digest_before: Sha256::new(),
        })
    }

    /// Replaces a file of an earlier session by what a checkpoint covers of it. It is a new file, since the process of that
    /// session may be alive and have the old one open.
    fn resume(path: PathBuf, covering: Covering) -> Result<Self, StoreError> {
        atomic::write(&path, &covering.content)?;
        let file = disk::File::append(&path);
        let file = file.map_err(StoreError::io(&path, "open"))?;
        Ok(Self {
            path,
            file: BufWriter::new(file),
            count: covering.count,
            digest_before: covering.digest.clone(),
            digest: covering.digest,
        })
    }

    /// SHA-256 of the first `count` lines, which are all or all but the last.
    fn digest_of(&self, count: u64) -> String {
        let digest = match self.count.checked_sub(count) {
            Some(0) => &self.digest,
            Some(1) => &self.digest_before,
            _ => panic!("no digest of {count} of {} lines is kept", self.count),
        };
        hex(&digest.clone().finalize())
    }

    fn append(&mut self, record: &impl Serialize) -> Result<(), StoreError> {
        let mut line = serde_json::to_vec(record).expect("records are numbers and names");
        line.push(b'\n');
        self.count += 1;
        self.digest_before.clone_from(&self.digest);
        self.digest.update(&line);
        self.file.write_all(&line).map_err(self.write_error())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.file.flush().map_err(self.write_error())
    }

    fn write_error(&self) -> impl FnOnce(io::Error) -> StoreError {
        StoreError::writing(&self.path, self.file.buffer().len())
    }
}

/// The part of a file of JSON lines that a checkpoint covers.
struct Covering {
    count: u64,
    content: Vec<u8>,
    digest: Sha256,
}

impl Covering {
    /// Of the first `count` records, which are numbered from 1 under `key` and, if it is known, have the
    /// SHA-256 `digest`.
    fn read(path: &Path, key: &str, count: u64, digest: Option<&str>) -> Result<Self, StoreError> {
        let not_continued = |place: String, expected: String| StoreError::NotContinued {
            file: path.to_path_buf(),
            place,
            expected,
        };
        let content = read_covered(path)?;
        let mut lines = content.split_inclusive(|byte| *byte == b'\n');
        let mut covering = Self {
            count,
            content: Vec::new(),
            digest: Sha256::new(),
        };
        for number in 1..=count {
            let line = lines.next().unwrap_or_default();
            let record: Value = serde_json::from_slice(line).unwrap_or_default();
            if record[key] != number || !line.ends_with(b"\n") {
                return Err(not_continued(
                    format!("line {number}"),
                    format!("{key} {number}"),
                ));
            }
            covering.content.extend_from_slice(line);
            covering.digest.update(line);
        }
        let found = hex(&covering.digest.clone().finalize());
        match digest {
            Some(expected) if expected != found => Err(not_continued(
                format!("the first {count} lines"),
                format!("SHA-256 {expected}"),
            )),
            _ => Ok(covering),
        }
    }
}

/// The content of a file that a checkpoint covers, so that it must be there.
fn read_covered(path: &Path) -> Result<Vec<u8>, StoreError> {
    fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => StoreError::NotContinued {
            file: path.to_path_buf(),
            place: "file".to_string(),
            expected: "the one that the checkpoint covers".to_string(),
        },
        _ => StoreError::io(path, "read")(error),
    })
}
