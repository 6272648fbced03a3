//! The folder of one trial while it is written.

use std::fs::{self, File};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use super::{CHECKPOINT, Environment, EpochRecord, StepRecord, StoreError, TrialResult, atomic};

/// A trial that has begun. Dropped before [`TrialDir::finish`], it has no result and goes on from its
/// last checkpoint another time.
#[derive(Debug)]
pub struct TrialDir {
    id: String,
    folder: PathBuf,
    steps: Lines,
    epochs: Lines,
}

impl TrialDir {
    /// Fills a new, empty folder with what is known before the first step.
    pub(super) fn create(
        folder: PathBuf,
        id: &str,
        settings_toml: &str,
        environment: &Environment,
    ) -> Result<Self, StoreError> {
        atomic::create_folder(&folder)?;
        atomic::write(&folder.join("settings.toml"), settings_toml.as_bytes())?;
        atomic::write(&folder.join("environment.json"), &json(environment))?;
        Ok(Self {
            id: id.to_string(),
            steps: Lines::create(folder.join("steps.jsonl"))?,
            epochs: Lines::create(folder.join("epochs.jsonl"))?,
            folder,
        })
    }

    /// Goes on in the folder of an earlier session, with the records that its checkpoint covers.
    pub(super) fn resume(
        folder: PathBuf,
        id: &str,
        environment: &Environment,
        steps: u64,
        epochs: u64,
    ) -> Result<Self, StoreError> {
        let steps_file = Lines::resume(folder.join("steps.jsonl"), "step", steps)?;
        let epochs_file = Lines::resume(folder.join("epochs.jsonl"), "epoch", epochs)?;
        let file = folder.join("environment.json");
        let earlier = fs::read(&file).map_err(StoreError::io(&file, "read"))?;
        let Some(noted) = environment.noted_in(&earlier, steps) else {
            return Err(StoreError::NotContinued {
                file,
                place: "resumed".to_string(),
                expected: "a list in an object".to_string(),
            });
        };
        atomic::write(&file, &json(&noted))?;
        Ok(Self {
            id: id.to_string(),
            steps: steps_file,
            epochs: epochs_file,
            folder,
        })
    }

    pub fn append_step(&mut self, record: &StepRecord) -> Result<(), StoreError> {
        self.steps.append(record)
    }

    /// Also hands the steps so far to the operating system, so that a kill loses less than an epoch of them.
    pub fn append_epoch(&mut self, record: &EpochRecord) -> Result<(), StoreError> {
        self.epochs.append(record)?;
        self.epochs.flush()?;
        self.steps.flush()
    }

    /// Keeps a checkpoint in place of the one before. The records that it covers are on disk first.
    pub fn save_checkpoint(&mut self, safetensors: &[u8]) -> Result<(), StoreError> {
        self.steps.sync()?;
        self.epochs.sync()?;
        atomic::write(&self.folder.join(CHECKPOINT), safetensors)
    }

    /// Keeps the final weights, given as the bytes of a safetensors file.
    pub fn save_model(&self, safetensors: &[u8]) -> Result<(), StoreError> {
        atomic::write(&self.folder.join("model.safetensors"), safetensors)
    }

    /// Commits the trial: everything else is on disk before `result.json` appears, and the checkpoint
    /// goes after it.
    ///
    /// Panics if the result is another trial's.
    pub fn finish(mut self, result: &TrialResult) -> Result<(), StoreError> {
        assert_eq!(
            result.id, self.id,
            "a trial's folder and its result must have one id"
        );
        self.steps.sync()?;
        self.epochs.sync()?;
        atomic::write(&self.folder.join("result.json"), &json(result))?;
        atomic::remove(&self.folder.join(CHECKPOINT))
    }
}

/// A file of JSON lines.
#[derive(Debug)]
struct Lines {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Lines {
    fn create(path: PathBuf) -> Result<Self, StoreError> {
        let file = File::create(&path).map_err(StoreError::io(&path, "create"))?;
        Ok(Self {
            path,
            file: BufWriter::new(file),
        })
    }

    /// Opens a file of an earlier session and cuts it back to its first `count` records, which are
    /// numbered from 1 under `key`.
    fn resume(path: PathBuf, key: &str, count: u64) -> Result<Self, StoreError> {
        let content = fs::read(&path).map_err(StoreError::io(&path, "read"))?;
        let mut lines = content.split_inclusive(|byte| *byte == b'\n');
        let mut length = 0;
        for number in 1..=count {
            let line = lines.next().unwrap_or_default();
            let record: Value = serde_json::from_slice(line).unwrap_or_default();
            if record[key] != number || !line.ends_with(b"\n") {
                return Err(StoreError::NotContinued {
                    file: path,
                    place: format!("line {number}"),
                    expected: format!("{key} {number}"),
                });
            }
            length += line.len() as u64;
        }
        let open = || {
            let mut file = File::options().write(true).open(&path)?;
            file.set_len(length)?;
            file.seek(SeekFrom::End(0))?;
            Ok(file)
        };
        let file = open().map_err(StoreError::io(&path, "cut back"))?;
        Ok(Self {
            path,
            file: BufWriter::new(file),
        })
    }

    fn append(&mut self, record: &impl Serialize) -> Result<(), StoreError> {
        serde_json::to_writer(&mut self.file, record)
            .map_err(std::io::Error::from)
            .and_then(|()| self.file.write_all(b"\n"))
            .map_err(write_error(&self.path))
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.file.flush().map_err(write_error(&self.path))
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.flush()?;
        self.file
            .get_ref()
            .sync_all()
            .map_err(write_error(&self.path))
    }
}

fn write_error(path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    StoreError::io(path, "write")
}

/// Pretty-printed, with a line feed at the end, since people read these files too.
fn json(value: &impl Serialize) -> Vec<u8> {
    let mut bytes =
        serde_json::to_vec_pretty(value).expect("strings and numbers always have a JSON form");
    bytes.push(b'\n');
    bytes
}
