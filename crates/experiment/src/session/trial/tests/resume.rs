//! A trial that is stopped or killed anywhere comes out as one that is not.

use std::path::Path;

use super::*;
use crate::records::Determinism;
use crate::settings::{OptimizerName, PrecisionName};

#[track_caller]
fn assert_the_same_wherever_it_is_stopped(case: &Case, expected_stops: usize) {
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
        let (StopPoint::Step(expected_step)
        | StopPoint::Evaluation(expected_step)
        | StopPoint::Epoch(expected_step)) = points[stops];
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
    assert_eq!(stops, expected_stops);
}

/// Two epochs of three steps, a batch of the sample and one of evaluation, the end of the first, and two batches of the
/// test set.
const STOPS: usize = 13;

#[test]
fn stopped_anywhere_it_comes_out_the_same_on_flex() {
    assert_the_same_wherever_it_is_stopped(&Case::new(BackendChoice::Flex), STOPS);
}

#[test]
fn stopped_anywhere_it_comes_out_the_same_on_ndarray() {
    assert_the_same_wherever_it_is_stopped(&Case::new(BackendChoice::Ndarray), STOPS);
}

#[test]
fn a_trial_that_leaves_the_test_set_out_trains_the_same_network_and_never_reads_it() {
    let settings = TrainSettings {
        evaluate_test: false,
        ..small()
    };
    let case = Case::of(BackendChoice::Flex, "encouraging", 1, settings);
    assert!(case.images.test.is_empty());
    assert_the_same_wherever_it_is_stopped(&case, STOPS - 2);
    let found = case.uninterrupted();
    let tested = Case::new(BackendChoice::Flex).uninterrupted();
    assert!(found.model.is_some() && found.model == tested.model);
    assert_eq!((found.steps, found.epochs), (tested.steps, tested.epochs));
    assert_eq!(found.result["test"], Value::Null);
    assert_eq!(found.test_correct, None);
    assert_eq!(tested.test_correct.map(|bytes| bytes.len()), Some(32));
    assert!(found.result["validation"].is_object());
    assert_eq!(found.result["validation"], tested.result["validation"]);
    assert_eq!(found.result["state"], "done");
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
        StopPoint::Epoch(3),
        StopPoint::Step(5),
        StopPoint::Step(6),
    ] {
        let (store, left) = (Folder::new(), Folder::new());
        let mut first = true;
        case.session(&store, |point| {
            // What a kill at this point leaves.
            if point == killed && std::mem::take(&mut first) {
                let attempt = case.trial_folder(&store);
                let copy = left
                    .0
                    .path()
                    .join("attempts")
                    .join(attempt.file_name().unwrap());
                copy_folder(&attempt, &copy);
                // It names this process, which goes on.
                fs::remove_file(copy.join("lease.json")).unwrap();
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
