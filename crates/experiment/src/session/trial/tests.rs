mod damage;
mod faults;
mod nonfinite;
mod resume;

use std::fs;
use std::path::PathBuf;

use bonus_loss::LossConfig;
use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::data::split;
use crate::datasets::SHAPES;
use crate::device::open_cpu;
use crate::session::images::{ImageLibrary, size};
use crate::settings::{BackendChoice, TrainSettings};
use crate::store::tests::lease;

fn small() -> TrainSettings {
    TrainSettings {
        dataset: &SHAPES,
        width: 2,
        epochs: 2,
        batch_size: 32,
        subset: 80,
        validation: 50,
        learning_rate: 0.05,
        ..TrainSettings::default()
    }
}

/// A small trial with all that it needs.
struct Case {
    trial: Trial,
    images: TrialImages,
    device: OpenDevice,
}

impl Case {
    /// Two epochs of three steps, each evaluated in one batch, and the test set in two.
    fn new(backend: BackendChoice) -> Self {
        Self::of(backend, "encouraging", 1, small())
    }

    fn of(backend: BackendChoice, loss: &str, seed: u64, settings: TrainSettings) -> Self {
        let trial = Trial::new(settings, LossConfig::new(loss).unwrap(), seed);
        let library = ImageLibrary::load(std::slice::from_ref(&trial), None).unwrap();
        let mut images = library.of(&trial).unwrap();
        if trial.train.evaluate_test {
            (images.test, _) = split(&images.test, 0, 250).unwrap();
            images.records.test.found = images.test.len();
        }
        Self {
            images,
            device: open_cpu(backend).unwrap(),
            trial,
        }
    }

    /// Trains in `store` until `pace` stops it.
    fn session(&self, store: &Folder, pace: impl FnMut(StopPoint) -> Next) -> Outcome {
        self.try_session(store, pace).unwrap()
    }

    fn try_session(
        &self,
        store: &Folder,
        mut pace: impl FnMut(StopPoint) -> Next,
    ) -> Result<Outcome> {
        let open = Store::create_or_open(store.0.path())?;
        let mut progress = Progress::sent_by(|_| {});
        progress.begin_trial(size(&self.trial, &self.images));
        let (trial, images, device) = (&self.trial, &self.images, &self.device);
        let store = (&open, Some(Retry::Failed));
        train_and_record(trial, images, device, store, &mut progress, &mut pace)
    }

    fn lease(&self, store: &Folder) -> Lease {
        let open = Store::create_or_open(store.0.path()).unwrap();
        lease(&open, &self.trial.id)
    }

    /// Why nothing can be resumed.
    fn refusal(&self, lease: &Lease) -> String {
        let environment = Environment::collect(
            computation(&self.device, &self.trial),
            String::new(),
            self.images.records,
        );
        let (trial, images, device) = (&self.trial, &self.images, &self.device);
        let (file, content) = lease.checkpoints().unwrap().swap_remove(0);
        let checkpoint = (file.as_path(), content.as_slice());
        let resumed = resume(trial, images, device, lease, &environment, checkpoint);
        let error = resumed.err().expect("nothing can be resumed");
        assert!(proves_damage(&error), "{error:#}");
        format!("{error:#}")
    }

    fn trial_folder(&self, store: &Folder) -> PathBuf {
        let reader = Store::create_or_open(store.0.path()).unwrap();
        reader.folder_of(&self.trial.id)
    }

    fn checkpoint(&self, store: &Folder) -> PathBuf {
        self.trial_folder(store).join("checkpoint.safetensors")
    }

    fn has_checkpoint(&self, store: &Folder) -> bool {
        let file = self.checkpoint(store);
        file.exists()
            || file
                .with_file_name("checkpoint-before.safetensors")
                .exists()
    }

    /// The record of an ended trial, without times and speeds.
    fn record(&self, store: &Folder) -> Record {
        let folder = self.trial_folder(store);
        let text = |file: &str| fs::read_to_string(folder.join(file)).unwrap();
        let timeless = |line: &str| {
            let mut value: Value = serde_json::from_str(line).unwrap();
            let object = value.as_object_mut().unwrap();
            object.retain(|key, _| !key.starts_with("time_s") && key != "images_per_second");
            value
        };
        assert!(!self.checkpoint(store).exists(), "a checkpoint is left");
        let reader = Store::open_existing(store.0.path()).unwrap();
        assert_eq!(reader.results().unwrap().damaged, []);
        Record {
            model: fs::read(folder.join("model.safetensors")).ok(),
            test_correct: fs::read(folder.join("test_correct.bin")).ok(),
            steps: text("steps.jsonl"),
            epochs: text("epochs.jsonl").lines().map(timeless).collect(),
            result: timeless(&text("result.json")),
        }
    }

    /// The record of a trial that nothing interrupted.
    fn uninterrupted(&self) -> Record {
        let store = Folder::new();
        let outcome = self.session(&store, |_| Next::Continue);
        assert!(matches!(outcome, Outcome::Ended(_)), "{outcome:?}");
        self.record(&store)
    }

    /// A store in which the trial was stopped after `step`.
    fn stopped_after(&self, step: u64) -> Folder {
        let store = Folder::new();
        let outcome = self.session(&store, at(StopPoint::Step(step), Next::Stop));
        assert!(matches!(outcome, Outcome::Interrupted { step: stopped } if stopped == step));
        store
    }
}

/// The folder of a store.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

#[derive(Debug, PartialEq)]
struct Record {
    model: Option<Vec<u8>>,
    test_correct: Option<Vec<u8>>,
    steps: String,
    epochs: Vec<Value>,
    result: Value,
}

/// A pace that does `next` at `point` and else goes on.
fn at(point: StopPoint, next: Next) -> impl FnMut(StopPoint) -> Next {
    move |now| if now == point { next } else { Next::Continue }
}

#[test]
fn no_checkpoint_is_written_when_training_is_over() {
    let case = Case::new(BackendChoice::Flex);
    let store = Folder::new();
    let mut written = Vec::new();
    case.session(&store, |point| {
        written.push(case.checkpoint(&store).exists());
        let last = point == StopPoint::Step(6);
        if last {
            Next::Checkpoint
        } else {
            Next::Continue
        }
    });
    assert!(written.iter().all(|written| !written));
}

#[test]
fn a_diverging_trial_diverges_at_its_step_wherever_it_was_stopped() {
    let settings = TrainSettings {
        weight_decay: 1e30,
        ..small()
    };
    let case = Case::of(BackendChoice::Flex, "mean_squared_error", 1, settings);
    let expected = case.uninterrupted();
    assert_eq!(expected.result["state"], "diverged");
    let diverged = expected.result["step"].as_u64().unwrap();
    assert!((2..6).contains(&diverged), "{diverged}");
    for step in 1..=diverged {
        let store = Folder::new();
        let outcome = case.session(&store, at(StopPoint::Step(step), Next::Stop));
        if step < diverged {
            assert!(
                matches!(outcome, Outcome::Interrupted { .. }),
                "{outcome:?}"
            );
            case.session(&store, |_| Next::Continue);
        }
        assert_eq!(case.record(&store), expected);
    }
}

#[test]
fn the_time_of_earlier_sessions_counts() {
    let case = Case::new(BackendChoice::Flex);
    let store = case.stopped_after(4);
    let file = case.checkpoint(&store);
    let content = fs::read(&file).unwrap();
    let (trial, images) = (&case.trial, &case.images);
    let (mut state, notes) =
        State::from_checkpoint(&content, &file, trial, images, &case.device).unwrap();
    assert!(state.position.time_s_total >= state.position.time_s_epochs_before);
    state.position.time_s_epoch = 1000.0;
    state.position.time_s_epochs_before = 600.0;
    state.position.time_s_total = 2000.0;
    fs::write(&file, state.to_checkpoint(trial, images, notes)).unwrap();
    let Outcome::Ended(result) = case.session(&store, |_| Next::Continue) else {
        panic!("nothing stops it");
    };
    assert!(result.time_s_total > 2000.0);
    assert!(result.images_per_second.unwrap() < 160.0 / 1600.0);
    let epochs = case.trial_folder(&store).join("epochs.jsonl");
    let epochs = fs::read_to_string(epochs).unwrap();
    let last: Value = serde_json::from_str(epochs.lines().last().unwrap()).unwrap();
    assert!(last["time_s"].as_f64().unwrap() > 1000.0);
}

#[test]
fn a_failed_trial_is_trained_again_from_its_start() {
    let case = Case::new(BackendChoice::Flex);
    let store = Folder::new();
    let outcome = case.session(&store, |point| {
        assert_ne!(point, StopPoint::Step(4), "the driver gave up");
        Next::Checkpoint
    });
    let Outcome::Ended(result) = outcome else {
        panic!("a failure is an end");
    };
    assert_eq!(result.state, TrialState::Failed);
    assert!(!case.checkpoint(&store).exists());
    case.session(&store, |_| Next::Continue);
    assert!(case.record(&store) == case.uninterrupted());
}
