//! The folder of one trial while it is written.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Environment, EpochRecord, StepRecord, StoreError, TrialResult, atomic};

/// A trial that has begun. Dropped before [`TrialDir::finish`], it has no result and will be trained again.
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

    pub fn append_step(&mut self, record: &StepRecord) -> Result<(), StoreError> {
        self.steps.append(record)
    }

    /// Also hands the steps so far to the operating system, so that a kill loses less than an epoch of them.
    pub fn append_epoch(&mut self, record: &EpochRecord) -> Result<(), StoreError> {
        self.epochs.append(record)?;
        self.epochs.flush()?;
        self.steps.flush()
    }

    /// Keeps the final weights, given as the bytes of a safetensors file.
    pub fn save_model(&self, safetensors: &[u8]) -> Result<(), StoreError> {
        atomic::write(&self.folder.join("model.safetensors"), safetensors)
    }

    /// Commits the trial: everything else is on disk before `result.json` appears.
    ///
    /// Panics if the result is another trial's.
    pub fn finish(self, result: &TrialResult) -> Result<(), StoreError> {
        assert_eq!(
            result.id, self.id,
            "a trial's folder and its result must have one id"
        );
        self.steps.close()?;
        self.epochs.close()?;
        atomic::write(&self.folder.join("result.json"), &json(result))
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

    fn append(&mut self, record: &impl Serialize) -> Result<(), StoreError> {
        serde_json::to_writer(&mut self.file, record)
            .map_err(std::io::Error::from)
            .and_then(|()| self.file.write_all(b"\n"))
            .map_err(write_error(&self.path))
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.file.flush().map_err(write_error(&self.path))
    }

    fn close(mut self) -> Result<(), StoreError> {
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
