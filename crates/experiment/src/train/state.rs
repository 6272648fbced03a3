//! A trial between two steps, in memory and as the content of a checkpoint.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use cifar_models::checkpoint::{Metadata, NamedTensors, read_tensors, write_tensors};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::step_log::EpochTotals;
use super::{Learner, TrialImages, model_config, steps_per_epoch};
use crate::data::DataError;
use crate::device::OpenDevice;
use crate::digest::hex;
use crate::plan::Trial;
use crate::settings::TrainSettings;

/// Raised when the meaning of a checkpoint's content changes; others are not resumed from.
const VERSION: &str = "1";
const VERSION_KEY: &str = "checkpoint_version";
const TRIAL: &str = "trial";
const DATA_HASH: &str = "data_hash";
/// Of the gradient's norms in the current epoch: their sum and number.
const NORMS: [&str; 2] = ["epoch_gradient_norm", "epoch_gradient_norms"];
/// The key of the checksum over everything else in a checkpoint.
const CHECKSUM: &str = "sha256";

/// A checkpoint from which this program cannot resume.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UnusableCheckpoint(String);

/// Everything that determines how a trial continues. Order, augmentation and learning rate follow from the step.
pub struct State {
    pub learner: Learner,
    pub position: Position,
}

/// The progress of a trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    /// Steps done.
    pub step: u64,
    /// The current epoch, from 1. It stays the current one while it is evaluated.
    pub epoch: usize,
    /// Of the current epoch.
    pub totals: EpochTotals,
    /// Training time of the current epoch.
    pub time_s_epoch: f64,
    /// Training time of the epochs before it.
    pub time_s_epochs_before: f64,
    /// Of everything, over all sessions.
    pub time_s_total: f64,
}

impl State {
    /// Before the first step.
    pub fn new(trial: &Trial, images: &TrialImages, device: &OpenDevice) -> Self {
        let settings = TrainSettings {
            precision: device.precision(trial.train.precision),
            ..trial.train.clone()
        };
        let device = device.autodiff();
        let model = model_config(&settings, images.classes, images.train.shape().axes());
        Self {
            learner: Learner::new(&settings, &trial.loss, &model, trial.seed, &device),
            position: Position::START,
        }
    }

    /// As the content of a safetensors file: tensors, position, what they belong to, the caller's own
    /// `notes`, and a checksum over all of it.
    pub fn to_checkpoint(
        &self,
        trial: &Trial,
        images: &TrialImages,
        mut notes: Metadata,
    ) -> Vec<u8> {
        let tensors = self.learner.tensors();
        notes.extend(self.position.notes());
        notes.insert(VERSION_KEY.to_owned(), VERSION.to_owned());
        notes.insert(TRIAL.to_owned(), trial.id.clone());
        notes.insert(DATA_HASH.to_owned(), images.hash.clone());
        notes.insert(CHECKSUM.to_owned(), checksum(&tensors, &notes));
        write_tensors(&tensors, notes)
    }

    /// What [`State::to_checkpoint`] wrote to the file at `path`, with its notes.
    ///
    /// # Errors
    /// [`UnusableCheckpoint`] when the content is damaged, or not that of this trial;
    /// [`DataError::Changed`] when it was trained on other images; else what the device says.
    pub fn from_checkpoint(
        content: &[u8],
        path: &Path,
        trial: &Trial,
        images: &TrialImages,
        device: &OpenDevice,
    ) -> Result<(Self, Metadata)> {
        let unusable = |cause: String| UnusableCheckpoint(format!("{}: {cause}", path.display()));
        let (tensors, notes) = read_checked(content, path)?;
        for (key, expected) in [(VERSION_KEY, VERSION), (TRIAL, &trial.id)] {
            let found = notes.get(key).map_or("", String::as_str);
            if found != expected {
                bail!(unusable(format!(
                    "{key}: expected {expected:?}, found {found:?}"
                )));
            }
        }
        let before = notes.get(DATA_HASH).map_or("", String::as_str);
        if before != images.hash {
            bail!(DataError::Changed {
                trial: trial.id.clone(),
                before: before.to_owned(),
                now: images.hash.clone(),
            });
        }
        let position =
            Position::from_notes(&notes).map_err(|error| unusable(format!("{error:#}")))?;
        let (step, epoch) = (position.step, position.epoch);
        let (epochs, steps_per_epoch) = (trial.train.epochs, steps_per_epoch(trial, images));
        // Once an epoch is evaluated, its last step is the one before the next epoch's first.
        let fits =
            [step.div_ceil(steps_per_epoch), step / steps_per_epoch + 1].contains(&(epoch as u64));
        if step == 0 || !fits || epoch > epochs {
            bail!(unusable(format!(
                "step: expected one of {epochs} epochs of {steps_per_epoch} steps, found step {step} in epoch {epoch}"
            )));
        }
        let state = Self::new(trial, images, device);
        let learner = (state.learner)
            .restored(tensors, path, &device.device)
            .map_err(|error| UnusableCheckpoint(format!("{error:#}")))?;
        Ok((Self { learner, position }, notes))
    }
}

impl Position {
    const START: Self = Self {
        step: 0,
        epoch: 1,
        totals: EpochTotals {
            loss: 0.0,
            correct: 0.0,
            images: 0.0,
            gradient_norm: 0.0,
            gradient_norms: 0.0,
        },
        time_s_epoch: 0.0,
        time_s_epochs_before: 0.0,
        time_s_total: 0.0,
    };

    /// From the end of an epoch to the start of the next.
    pub fn next_epoch(self) -> Self {
        Self {
            step: self.step,
            epoch: self.epoch + 1,
            time_s_epochs_before: self.time_s_epochs_before + self.time_s_epoch,
            time_s_total: self.time_s_total,
            ..Self::START
        }
    }

    /// Texts of numbers, since Rust's own digits read back as the same bits, and JSON's need not.
    fn notes(mut self) -> Metadata {
        let mut notes: Metadata = (self.numbers())
            .map(|(key, number)| (key.to_owned(), number.to_string()))
            .into();
        notes.insert("step".to_owned(), self.step.to_string());
        notes.insert("epoch".to_owned(), self.epoch.to_string());
        notes
    }

    fn from_notes(notes: &Metadata) -> Result<Self> {
        let note = |key: &str| notes.get(key).map_or("", String::as_str);
        let mut position = Self {
            step: note("step").parse().context("step")?,
            epoch: note("epoch").parse().context("epoch")?,
            ..Self::START
        };
        for (key, number) in position.numbers() {
            // Checkpoints of earlier versions have no norms.
            if notes.contains_key(key) || !NORMS.contains(&key) {
                *number = note(key).parse().context(key)?;
            }
        }
        Ok(position)
    }

    fn numbers(&mut self) -> [(&'static str, &mut f64); 8] {
        [
            ("epoch_loss", &mut self.totals.loss),
            ("epoch_correct", &mut self.totals.correct),
            ("epoch_images", &mut self.totals.images),
            (NORMS[0], &mut self.totals.gradient_norm),
            (NORMS[1], &mut self.totals.gradient_norms),
            ("time_s_epoch", &mut self.time_s_epoch),
            ("time_s_epochs_before", &mut self.time_s_epochs_before),
            ("time_s_total", &mut self.time_s_total),
        ]
    }
}

/// The tensors and notes of a checkpoint whose checksum matches.
fn read_checked(
    content: &[u8],
    path: &Path,
) -> Result<(NamedTensors, Metadata), UnusableCheckpoint> {
    let (tensors, mut notes) =
        read_tensors(content, path).map_err(|error| UnusableCheckpoint(error.to_string()))?;
    let noted = notes.remove(CHECKSUM).unwrap_or_default();
    let found = checksum(&tensors, &notes);
    if found != noted {
        return Err(UnusableCheckpoint(format!(
            "{}: {CHECKSUM}: expected {noted:?}, found {found:?}: the content is damaged",
            path.display()
        )));
    }
    Ok((tensors, notes))
}

fn checksum(tensors: &NamedTensors, notes: &Metadata) -> String {
    let mut checksum = Sha256::new();
    for (key, note) in notes {
        checksum.update(format!("{key}={note}\n"));
    }
    for (name, tensor) in tensors {
        checksum.update(format!("{name}: {:?}\n", tensor.shape().as_slice()));
        checksum.update(tensor.as_bytes());
    }
    hex(&checksum.finalize())
}

/// How many steps the checkpoint in `file` covers, read from its header alone: the tensors after it take
/// seconds to read and check.
///
/// # Errors
/// When the file cannot be read or its header names no step.
pub fn steps_covered(file: &Path) -> Result<u64> {
    let mut file = File::open(file)?;
    let mut length = [0; 8];
    file.read_exact(&mut length)?;
    let mut header = Vec::new();
    file.take(u64::from_le_bytes(length))
        .read_to_end(&mut header)?;
    let header: Value = serde_json::from_slice(&header)?;
    let step = header["__metadata__"]["step"].as_str().context("no step")?;
    Ok(step.parse()?)
}

/// Counts seconds on from those of earlier sessions.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    before: f64,
    start: Instant,
}

impl Clock {
    pub fn from(before: f64) -> Self {
        let start = Instant::now();
        Self { before, start }
    }

    pub fn seconds(&self) -> f64 {
        self.before + self.start.elapsed().as_secs_f64()
    }
}
