//! NaN and infinity in the loss, a gradient or a weight.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use burn::tensor::TensorData;

use super::*;
use crate::session::pace::Pace;
use crate::session::training::{Training, Worker};
use crate::session::{Part, Session};
use crate::study::Study;
use crate::sweep;

const VALUES: [f32; 3] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];

/// Where a number that is not finite gets in.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Loss,
    /// The momentum's velocity: what a gradient with such a number leaves of it, while the loss of its step is finite.
    Gradient,
    Weight,
}

/// The step of the sweep's trials after which it gets in.
const BEFORE: u64 = 2;

/// Cross-entropy, or a sum whose weights overflow in 32 bits so that each of its values is `value`.
fn loss(place: Place, value: f32) -> LossConfig {
    let cross_entropy = LossConfig::new("cross_entropy").unwrap();
    if place != Place::Loss {
        return cross_entropy;
    }
    let weights = if value.is_nan() {
        vec![1e39, -1e39]
    } else {
        vec![1e39_f64.copysign(value.into())]
    };
    LossConfig::sum(vec![cross_entropy; weights.len()], weights).unwrap()
}

/// `learner` with the first number of the tensor `name` replaced by `value`.
fn poisoned(state: State, device: &OpenDevice, name: &str, value: f32) -> State {
    let mut tensors = state.learner.tensors();
    let tensor = tensors.get_mut(name).unwrap();
    let mut numbers: Vec<f32> = tensor.try_to_vec().unwrap();
    assert!(numbers[0].is_finite());
    numbers[0] = value;
    *tensor = TensorData::new(numbers, tensor.shape());
    let restored = (state.learner).restored(tensors, Path::new("poisoned"), &device.device);
    State {
        learner: restored.unwrap(),
        ..state
    }
}

impl Case {
    /// Trains the trial with a finite loss up to a step, and leaves it in `store` so that it resumes with `value` in
    /// `place`.
    fn leave_with(&mut self, store: &Folder, before: u64, place: Place, value: f32) {
        let Trial { train, seed, .. } = self.trial.clone();
        let finite = loss(Place::Weight, value);
        self.trial = Trial::new(train.clone(), finite, seed);
        let outcome = self.session(store, at(StopPoint::Step(before), Next::Stop));
        assert!(matches!(outcome, Outcome::Interrupted { step } if step == before));
        let file = self.checkpoint(store);
        let content = fs::read(&file).unwrap();
        let (trial, images, device) = (&self.trial, &self.images, &self.device);
        let (state, notes) =
            State::from_checkpoint(&content, &file, trial, images, device).unwrap();
        let state = match place {
            Place::Loss => state,
            Place::Gradient => poisoned(state, device, "velocity.conv1.weight", value),
            Place::Weight => poisoned(state, device, "model.conv1.weight", value),
        };
        let trial = Trial::new(train, loss(place, value), seed);
        fs::write(&file, state.to_checkpoint(&trial, images, notes)).unwrap();
        let left = file.parent().unwrap();
        let name = left.file_name().unwrap().to_str().unwrap();
        let renamed = left.with_file_name(name.replace(&self.trial.id, &trial.id));
        fs::rename(left, renamed).unwrap();
        self.trial = trial;
    }

    /// Trains `trials` one after the other, as a sweep does.
    fn sweep(self, store: &Folder, trials: &[Trial]) {
        let text = self.trial.settings_toml();
        let session = Session {
            part: Part::Whole,
            sweep: sweep::parse(&text, Path::new("a.toml")).unwrap(),
            text,
            store: store.0.path().to_owned(),
            data_dir: None,
            backend: BackendChoice::Flex,
            threads: None,
            threads_of_a_job: None,
            jobs: NonZeroUsize::MIN,
            retry: None,
            checkpoint_interval: Duration::from_hours(1),
            stale_after: Duration::from_hours(1),
        };
        let study = Study::new(&session.sweep, |_| Ok::<_, StoreError>(None)).unwrap();
        let open = Store::create_or_open(store.0.path()).unwrap();
        let mut training = Training {
            session: &session,
            images: ImageLibrary::load(trials, None).unwrap(),
            store: &open,
            pace: Pace::new(Arc::default(), session.checkpoint_interval),
            worker: Worker::ThisProcess(Box::new(self.device)),
            room: crate::session::room::Room::default(),
        };
        training.train(&study, trials).unwrap();
    }
}

/// The training loss of each step of a trial; none where it is not finite.
fn losses(folder: &Path) -> Vec<Option<f64>> {
    let text = fs::read_to_string(folder.join("steps.jsonl")).unwrap();
    let steps = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    steps.map(|step| step["train_loss"].as_f64()).collect()
}

#[test]
fn a_trial_with_a_number_that_is_not_finite_diverges_and_the_sweep_goes_on() {
    let store = Folder::new();
    let mut case = Case::of(BackendChoice::Flex, "cross_entropy", 0, small());
    let mut trials = Vec::new();
    let mut expected = BTreeMap::new();
    for place in [Place::Loss, Place::Gradient, Place::Weight] {
        for value in VALUES {
            let seed = trials.len() as u64 + 1;
            case.trial.seed = seed;
            case.leave_with(&store, BEFORE, place, value);
            expected.insert(case.trial.id.clone(), (place, value));
            trials.push(case.trial.clone());
        }
    }
    let last = Trial::new(small(), loss(Place::Weight, 0.0), trials.len() as u64 + 1);
    trials.push(last.clone());
    let reader = Store::create_or_open(store.0.path()).unwrap();
    case.sweep(&store, &trials);

    let results = reader.results().unwrap();
    assert_eq!((results.ended.len(), expected.len()), (10, 9));
    assert_eq!((results.damaged, results.unfinished), (vec![], vec![]));
    for result in results.ended {
        let folder = reader.folder_of(&result.id);
        let found = losses(&folder);
        let Some((place, value)) = expected.remove(&result.id) else {
            assert_eq!((&result.id, result.state), (&last.id, TrialState::Done));
            assert_eq!(found.iter().flatten().count(), 6, "{found:?}");
            continue;
        };
        let what = format!("{value} in {place:?}: {result:?}");
        // A gradient spoils the weights of the step after its own.
        let step = BEFORE + if place == Place::Gradient { 2 } else { 1 };
        assert_eq!(result.state, TrialState::Diverged, "{what}");
        assert_eq!(result.step, step, "{what}");
        let shown = |value: f32| format!("the training loss became {value} at step {step}");
        // Batch norm makes NaN of every number that is not finite.
        let value = if place == Place::Loss {
            value
        } else {
            f32::NAN
        };
        assert_eq!(result.cause, Some(shown(value)), "{what}");
        assert!(result.test.is_none() && result.validation.is_none());
        assert_eq!(found.len() as u64, step, "{what}");
        let (is_last_finite, before) = found.split_last().unwrap();
        assert!(is_last_finite.is_none(), "{what}");
        assert!(before.iter().all(Option::is_some), "{what}: {found:?}");
        assert!(!folder.join("model.safetensors").exists(), "{what}");
    }
    assert!(expected.is_empty());
}

/// As many steps are asked of a device before their losses are read.
const STEPS_OF_A_CHECK: u64 = 32;

#[test]
fn a_loss_that_is_not_finite_is_noticed_within_one_check_and_before_a_checkpoint() {
    let settings = TrainSettings {
        batch_size: 1,
        ..small()
    };
    for (next, most) in [(Next::Continue, STEPS_OF_A_CHECK), (Next::Checkpoint, 0)] {
        let store = Folder::new();
        let mut case = Case::of(BackendChoice::Flex, "cross_entropy", 1, settings.clone());
        case.leave_with(&store, BEFORE, Place::Weight, f32::NAN);
        let mut reached = 0;
        let outcome = case.session(&store, |point| {
            if let StopPoint::Step(step) = point {
                reached = step;
            }
            next
        });
        let Outcome::Ended(result) = outcome else {
            panic!("{outcome:?}");
        };
        let at = BEFORE + 1;
        assert_eq!((result.state, result.step), (TrialState::Diverged, at));
        assert!((at..=at + most).contains(&reached), "{reached}");
        assert!(!case.has_checkpoint(&store));
    }
}

#[test]
fn a_gradient_of_the_last_step_that_is_not_finite_shows_in_the_loss_of_the_evaluation() {
    for value in VALUES {
        let store = Folder::new();
        let mut case = Case::of(BackendChoice::Flex, "cross_entropy", 1, small());
        case.leave_with(&store, 5, Place::Gradient, value);
        let Outcome::Ended(result) = case.session(&store, |_| Next::Continue) else {
            panic!("nothing stops it");
        };
        assert_eq!((result.state, result.step), (TrialState::Diverged, 6));
        let cause = "the test loss is NaN after step 6, the last";
        assert_eq!(result.cause.as_deref(), Some(cause), "{value}");
        let found = losses(&case.trial_folder(&store));
        assert_eq!(found.iter().flatten().count(), 6, "{found:?}");
    }
}
