//! Trials in mixed precision, which Flex computes too where it is made to.

use bonus_loss::LossConfig;

use super::*;
use crate::data::{DatasetSource, load, split};
use crate::datasets::SHAPES;
use crate::device::open_cpu;
use crate::records::Determinism;
use crate::settings::{BackendChoice, PrecisionName, TrainSettings};

/// Keeps the records of epochs.
#[derive(Default)]
struct Epochs(Vec<EpochRecord>);

impl TrainingControl for Epochs {
    fn step(&mut self, _record: &StepRecord) -> Result<()> {
        Ok(())
    }

    fn epoch(&mut self, record: &EpochRecord) -> Result<()> {
        self.0.push(record.clone());
        Ok(())
    }

    fn checkpoint(&mut self, _state: &State) -> Result<()> {
        Ok(())
    }

    fn next(&mut self, _point: StopPoint) -> Next {
        Next::Continue
    }
}

/// The end of one epoch of three steps in mixed precision, and its record.
fn trained(loss: LossConfig) -> (Ending, EpochRecord) {
    let settings = TrainSettings {
        dataset: &SHAPES,
        width: 2,
        epochs: 1,
        batch_size: 16,
        learning_rate: 0.05,
        subset: 48,
        precision: PrecisionName::Mixed,
        ..TrainSettings::default()
    };
    let data = load(&DatasetSource::of(&settings), None).unwrap();
    let (train_images, validation) = split(&data.train, 0, settings.subset).unwrap();
    let (test, _) = split(&data.test, 0, 100).unwrap();
    let images = TrialImages {
        train: train_images,
        validation,
        test,
        classes: data.classes,
        normalization: data.normalization,
        hash: data.hash,
        records: data.records,
    };
    let device = OpenDevice {
        in_mixed: Ok(Determinism::Bitwise),
        ..open_cpu(BackendChoice::Flex).unwrap()
    };
    let trial = Trial::new(settings, loss, 1);
    let mut epochs = Epochs::default();
    let ending = train(&trial, &images, &device, None, &mut epochs).unwrap();
    (ending, epochs.0[0].clone())
}

#[test]
fn a_trial_in_mixed_precision_trains_and_counts_the_steps_that_were_skipped() {
    let (ending, record) = trained(LossConfig::new("cross_entropy").unwrap());
    assert!(matches!(ending, Ending::Done { step: 3, .. }));
    assert_eq!(record.steps_skipped, Some(0));
}

#[test]
fn an_epoch_records_the_norm_and_the_origin_of_the_gradient() {
    let bonus = LossConfig::new("encouraging").unwrap();
    let (_, record) = trained(bonus.with("log_end", 1.0).unwrap());
    assert!(record.gradient_norm.is_some_and(|norm| norm > 0.0));
    let gradients = record.gradients.unwrap();
    // The full bonus is −z, to which every image contributes alike.
    let expected = gradients.images.map(|images| f64::from(images) / 48.0);
    assert_eq!(gradients.images.iter().sum::<u32>(), 48);
    for (share, expected) in gradients.shares.unwrap().iter().zip(expected) {
        assert!((share - expected).abs() < 1e-9, "{share} ≠ {expected}");
    }
    assert!(gradients.mean.is_some_and(|mean| (mean - 1.0).abs() < 1e-9));
}

#[test]
fn a_trial_whose_every_step_was_skipped_has_diverged() {
    let terms = vec![LossConfig::new("cross_entropy").unwrap()];
    let (ending, record) = trained(LossConfig::sum(terms, vec![1e6]).unwrap());
    let Ending::Diverged { step: 3, cause } = ending else {
        panic!("three skipped steps look like training");
    };
    assert_eq!(
        cause,
        "all 3 steps were skipped, since their scaled gradients were not finite"
    );
    assert_eq!(record.steps_skipped, Some(3));
}
