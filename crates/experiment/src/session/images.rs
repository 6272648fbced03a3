//! The images that a sweep's trials need, each dataset read once.

use std::path::Path;

use anyhow::Result;

use crate::data::{Data, DataError, DatasetSource, load, split};
use crate::exit::BadInput;
use crate::measure::{EVALUATION_BATCH, SAMPLE};
use crate::plan::Trial;
use crate::settings::TrainSettings;
use crate::study::Run;
use crate::terminal::{TrialSize, inform};
use crate::train::TrialImages;

/// Every dataset of a sweep, read and checked before its first trial starts.
pub struct ImageLibrary(Vec<(DatasetSource, Data)>);

impl ImageLibrary {
    /// # Errors
    /// When a dataset cannot be read or has too few images for a trial's split.
    pub fn load(trials: &[Trial], data_dir: Option<&Path>) -> Result<Self> {
        let mut library = Self(Vec::new());
        for trial in trials {
            let source = DatasetSource::of(&trial.train);
            if library.find(&source).is_none() {
                let data = load_and_tell(&source, data_dir)?;
                library.0.push((source, data));
            }
            library.of(trial)?;
        }
        Ok(library)
    }

    fn find(&self, source: &DatasetSource) -> Option<&Data> {
        let known = self.0.iter().find(|(known, _)| known == source);
        known.map(|(_, data)| data)
    }

    /// The images of a trial, split as its settings say.
    pub fn of(&self, trial: &Trial) -> Result<TrialImages> {
        let data = self
            .find(&DatasetSource::of(&trial.train))
            .expect("the datasets of all trials were loaded");
        let (train, validation) = split(&data.train, trial.train.validation, trial.train.subset)
            .map_err(|error| {
                if data.records.train.is_complete() {
                    anyhow::Error::from(BadInput(error.into()))
                } else {
                    error.into() // the whole dataset may have as many
                }
            })?;
        Ok(TrialImages {
            train,
            validation,
            test: if trial.train.evaluate_test {
                data.test.clone()
            } else {
                data.test.none()
            },
            classes: data.classes,
            normalization: data.normalization,
            hash: data.hash.clone(),
            records: data.records,
        })
    }

    /// Rejects images other than those of earlier results, such as the complete dataset where only
    /// a part was found before: a mean over both would be meaningless.
    pub fn check_same_data(&self, runs: &[&Run]) -> Result<(), DataError> {
        for Run { trial, result } in runs {
            let data = self.find(&DatasetSource::of(&trial.train));
            let before = (result.as_ref()).and_then(|result| result.data_hash.as_ref());
            if let (Some(data), Some(before)) = (data, before)
                && *before != data.hash
            {
                return Err(DataError::Changed {
                    trial: trial.id.clone(),
                    before: before.clone(),
                    now: data.hash.clone(),
                });
            }
        }
        Ok(())
    }
}

/// Reads a dataset and prints notes about it.
fn load_and_tell(source: &DatasetSource, data_dir: Option<&Path>) -> Result<Data, DataError> {
    let data = load(source, data_dir)?;
    for note in &data.notes {
        inform(format_args!("note: {note}"));
    }
    Ok(data)
}

/// The amount of work of a trial.
pub fn size(trial: &Trial, images: &TrialImages) -> TrialSize {
    let [train, validation, test] = [&images.train, &images.validation, &images.test];
    size_of(&trial.train, [train.len(), validation.len(), test.len()])
}

/// The amount of work of a trial, as far as its settings tell: the whole dataset may not be there.
pub fn expected_size(settings: &TrainSettings) -> TrialSize {
    let dataset = settings.dataset;
    let train = match settings.subset {
        0 => dataset.training_images - settings.validation,
        subset => subset,
    };
    let test = if settings.evaluate_test {
        dataset.test_images
    } else {
        0
    };
    size_of(settings, [train, settings.validation, test])
}

/// With so many images for training, for validation and in the test set.
fn size_of(settings: &TrainSettings, [train, validation, test]: [usize; 3]) -> TrialSize {
    TrialSize {
        epochs: settings.epochs,
        batch_size: settings.batch_size as u64,
        evaluation_batch: EVALUATION_BATCH as u64,
        train: train as u64,
        sample: train.min(SAMPLE) as u64,
        validation: validation as u64,
        test: test as u64,
    }
}
