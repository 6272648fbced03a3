mod damage;

use std::fs;
use std::path::{Path, PathBuf};

use bonus_loss::LossConfig;
use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::data::split;
use crate::datasets::SHAPES;
use crate::device::open_cpu;
use crate::records::Determinism;
use crate::session::images::{ImageLibrary, size};
use crate::settings::{BackendChoice, OptimizerName, PrecisionName, TrainSettings};

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
        let library = ImageLibrary::load(&[&trial], None).unwrap();
        let mut images = library.of(&trial).unwrap();
        (images.test, _) = split(&images.test, 0, 250).unwrap();
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
        let open = Store::create_or_open(store.0.path()).unwrap();
        let mut progress = Progress::sent_by(|_| {});
        progress.begin_trial(size(&self.trial, &self.images));
        let (trial, images, device) = (&self.trial, &self.images, &self.device);
        train_and_record(trial, images, device, &open, &mut progress, &mut pace)
    }

    /// Why nothing can be resumed in `store`.
    fn refusal(&self, store: &Folder) -> String {
        let open = Store::create_or_open(store.0.path()).unwrap();
        let environment = Environment::collect(
            computation(&self.device, &self.trial),
            String::new(),
            self.images.records,
        );
        let (trial, images, device) = (&self.trial, &self.images, &self.device);
        let resumed = resume(trial, images, device, &open, &environment);
        let error = resumed.err().expect("nothing can be resumed");
        assert!(proves_damage(&error), "{error:#}");
        format!("{error:#}")
    }

    fn trial_folder(&self, store: &Folder) -> PathBuf {
        store.0.path().join("trials").join(&self.trial.id)
    }

    fn checkpoint(&self, store: &Folder) -> PathBuf {
        self.trial_folder(store).join("checkpoint.safetensors")
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
        Record {
            model: fs::read(folder.join("model.safetensors")).ok(),
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
    steps: String,
    epochs: Vec<Value>,
    result: Value,
}

/// A pace that does `next` at `point` and else goes on.
fn at(point: StopPoint, next: Next) -> impl FnMut(StopPoint) -> Next {
    move |now| if now == point { next } else { Next::Continue }
}

fn stopped_anywhere_it_comes_out_the_same(backend: BackendChoice) {
    let case = Case::new(backend);
    let expected = case.uninterrupted();
    let mut stops = 0;
    loop {
        let store = Folder::new();
        let mut points = Vec::new();
        let outcome = case.session(&store, |point| {
            points.push(point);
            let stop = points.len() == stops + 1;
            if stop { Next::Stop } else { Next::Continue }
        });
        let Outcome::Interrupted { step } = outcome else {
            break;
        };
        let (StopPoint::Step(expected_step) | StopPoint::Evaluation(expected_step)) = points[stops];
        assert_eq!(step, expected_step);
        let mut first = None;
        case.session(&store, |point| {
            first.get_or_insert(point);
            Next::Continue
        });
        assert_ne!(first, Some(StopPoint::Step(1)), "{:?}", points[stops]);
        assert!(!store.0.path().join("set-aside").exists());
        assert!(case.record(&store) == expected, "{:?}", points[stops]);
        stops += 1;
    }
    // two epochs of three steps and a batch of evaluation, and two of the test set
    assert_eq!(stops, 10);
}

#[test]
fn stopped_anywhere_it_comes_out_the_same_on_flex() {
    stopped_anywhere_it_comes_out_the_same(BackendChoice::Flex);
}

#[test]
fn stopped_anywhere_it_comes_out_the_same_on_ndarray() {
    stopped_anywhere_it_comes_out_the_same(BackendChoice::Ndarray);
}

#[test]
fn stopped_at_every_step_and_scored_on_the_test_set_it_comes_out_the_same() {
    let settings = TrainSettings {
        momentum: 0.0,
        validation: 0,
        ..small()
    };
    let case = Case::of(BackendChoice::Flex, "cross_entropy", 3, settings);
    let expected = case.uninterrupted();
    let store = Folder::new();
    for step in 1..=6 {
        let outcome = case.session(&store, at(StopPoint::Step(step), Next::Stop));
        assert!(matches!(outcome, Outcome::Interrupted { step: stopped } if stopped == step));
    }
    case.session(&store, |_| Next::Continue);
    assert!(case.record(&store) == expected);
    let environment = fs::read(case.trial_folder(&store).join("environment.json")).unwrap();
    let environment: Value = serde_json::from_slice(&environment).unwrap();
    let sessions = environment["resumed"].as_array().unwrap().iter();
    let steps: Vec<&Value> = sessions.map(|session| &session["step"]).collect();
    assert_eq!(steps, [1, 2, 3, 4, 5, 6]);
}

#[test]
fn stopped_in_training_with_adamw_it_comes_out_the_same() {
    let settings = TrainSettings {
        optimizer: OptimizerName::AdamW,
        learning_rate: 0.01,
        ..small()
    };
    let case = Case::of(BackendChoice::Flex, "cross_entropy", 3, settings);
    let expected = case.uninterrupted();
    for step in [1, 3, 5] {
        let store = case.stopped_after(step);
        case.session(&store, |_| Next::Continue);
        assert!(!store.0.path().join("set-aside").exists());
        assert!(case.record(&store) == expected, "step {step}");
    }
}

#[test]
fn stopped_in_mixed_precision_it_comes_out_the_same_with_its_loss_scale() {
    for (optimizer, learning_rate) in [(OptimizerName::Sgd, 5e-5), (OptimizerName::AdamW, 1e-3)] {
        // The scale begins too high for so large a loss, and the first steps are skipped.
        stopped_in_mixed_precision(TrainSettings {
            epochs: 4,
            optimizer,
            learning_rate,
            precision: PrecisionName::Mixed,
            ..small()
        });
    }
}

fn stopped_in_mixed_precision(settings: TrainSettings) {
    let mut case = Case::new(BackendChoice::Flex);
    let terms = vec![LossConfig::new("cross_entropy").unwrap()];
    let loss = LossConfig::sum(terms, vec![1e3]).unwrap();
    case.trial = Trial::new(settings, loss, 1);
    case.device.in_mixed = Ok(Determinism::Bitwise);
    let expected = case.uninterrupted();
    let skipped = expected.epochs[3]["steps_skipped"].as_u64();
    assert!(
        skipped.is_some_and(|skipped| (1..12).contains(&skipped)),
        "{skipped:?} of 12 steps were skipped"
    );
    for step in (1..12).step_by(4) {
        let store = case.stopped_after(step);
        case.session(&store, |_| Next::Continue);
        assert!(case.record(&store) == expected, "step {step}");
    }
}

#[test]
fn killed_after_a_checkpoint_it_resumes_from_there() {
    let case = Case::new(BackendChoice::Flex);
    let expected = case.uninterrupted();
    for killed in [
        StopPoint::Step(2),
        StopPoint::Evaluation(3),
        StopPoint::Step(5),
        StopPoint::Step(6),
    ] {
        let (store, left) = (Folder::new(), Folder::new());
        let mut first = true;
        case.session(&store, |point| {
            // What a kill at this point leaves.
            if point == killed && std::mem::take(&mut first) {
                copy_folder(&case.trial_folder(&store), &case.trial_folder(&left));
            }
            Next::Checkpoint
        });
        assert!(
            case.record(&store) == expected,
            "checkpoints change nothing"
        );
        let mut steps = fs::read_to_string(case.trial_folder(&left).join("steps.jsonl")).unwrap();
        steps += "{\"step\": 3, \"epo";
        fs::write(case.trial_folder(&left).join("steps.jsonl"), steps).unwrap();
        assert!(case.checkpoint(&left).exists());
        let mut first_point = None;
        case.session(&left, |point| {
            first_point.get_or_insert(point);
            Next::Continue
        });
        assert_ne!(first_point, Some(StopPoint::Step(1)), "it starts anew");
        assert!(case.record(&left) == expected, "{killed:?}");
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
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
