//! Checkpoints that cannot be used, and disks that fail.

use std::collections::BTreeMap;

use super::*;
use crate::data::DataError;

#[test]
fn a_damaged_checkpoint_is_named_and_the_trial_starts_anew() {
    let case = Case::new(BackendChoice::Flex);
    let expected = case.uninterrupted();
    let store = case.stopped_after(4);
    let lease = case.lease(&store);
    let file = case.checkpoint(&store);
    let whole = fs::read(&file).unwrap();
    let header = 8 + usize::from_le_bytes(whole[..8].try_into().unwrap());
    let refused = |content: &[u8], damage: String| {
        fs::write(&file, content).unwrap();
        let message = case.refusal(&lease);
        let place = file.display().to_string();
        assert!(message.starts_with(&place), "{damage}: {message}");
    };
    for length in [0, 7, 8, 100, header, whole.len() / 2, whole.len() - 1] {
        refused(&whole[..length], format!("{length} bytes"));
    }
    for place in (0..header)
        .step_by(13)
        .chain((header..whole.len()).step_by(4099))
    {
        let mut flipped = whole.clone();
        flipped[place] ^= 1 << (place % 8);
        refused(&flipped, format!("bit flipped in byte {place}"));
    }
    drop(lease);
    let mut first = None;
    case.session(&store, |point| {
        first.get_or_insert(point);
        Next::Continue
    });
    assert_eq!(first, Some(StopPoint::Step(1)));
    assert!(case.record(&store) == expected);
}

#[test]
fn a_damaged_checkpoint_gives_way_to_the_one_before() {
    let case = Case::new(BackendChoice::Flex);
    let store = Folder::new();
    let outcome = case.session(&store, |point| match point {
        StopPoint::Step(step) if step < 5 => Next::Checkpoint,
        StopPoint::Step(5) => Next::Stop,
        _ => Next::Continue,
    });
    assert!(matches!(outcome, Outcome::Interrupted { step: 5 }));
    let file = case.checkpoint(&store);
    let mut content = fs::read(&file).unwrap();
    *content.last_mut().unwrap() ^= 1;
    fs::write(&file, &content).unwrap();
    let mut first = None;
    case.session(&store, |point| {
        first.get_or_insert(point);
        Next::Stop
    });
    assert_eq!(first, Some(StopPoint::Step(5)), "it resumes after step 4");
    let aside = store.0.path().join("set-aside");
    let aside = aside.join(format!("{}-1/checkpoint.safetensors", case.trial.id));
    assert!(fs::read(aside).unwrap() == content);
    case.session(&store, |_| Next::Continue);
    assert!(case.record(&store) == case.uninterrupted());
}

#[test]
fn records_that_do_not_reach_the_checkpoint_are_named() {
    let case = Case::new(BackendChoice::Flex);
    let store = case.stopped_after(4);
    let steps = case.trial_folder(&store).join("steps.jsonl");
    let whole = fs::read_to_string(&steps).unwrap();
    fs::write(&steps, &whole[..whole.len() - 1]).unwrap();
    let message = case.refusal(&case.lease(&store));
    assert!(
        message.ends_with("steps.jsonl: line 4: expected step 4, found a different one or none"),
        "{message}"
    );
}

#[test]
fn a_checkpoint_of_another_trial_or_of_other_images_is_refused() {
    let mut case = Case::new(BackendChoice::Flex);
    let other = Case::of(BackendChoice::Flex, "encouraging", 2, small());
    let store = case.stopped_after(2);
    let file = case.checkpoint(&store);
    fs::copy(other.checkpoint(&other.stopped_after(2)), &file).unwrap();
    let (expected, found) = (&case.trial.id, &other.trial.id);
    let message = case.refusal(&case.lease(&store));
    let named = format!("checkpoint.safetensors: trial: expected {expected:?}, found {found:?}");
    assert!(message.ends_with(&named), "{message}");
    let store = case.stopped_after(2);
    case.images.hash = "0f".to_string();
    let before = fs::read(case.checkpoint(&store)).unwrap();
    let error = case.try_session(&store, |_| Next::Continue).unwrap_err();
    let is_named = matches!(
        error.downcast_ref(),
        Some(DataError::Changed { now, .. }) if now == "0f"
    );
    assert!(is_named, "{error:#}");
    assert!(fs::read(case.checkpoint(&store)).unwrap() == before);
}

#[test]
fn a_checkpoint_of_another_program_is_refused_by_its_shapes_velocities_and_step() {
    let case = Case::new(BackendChoice::Flex);
    let store = case.stopped_after(2);
    let (trial, images, device) = (&case.trial, &case.images, &case.device);
    let lease = case.lease(&store);
    let file = case.checkpoint(&store);
    let refusal = |state: &State| {
        let content = state.to_checkpoint(trial, images, BTreeMap::new());
        fs::write(&file, content).unwrap();
        case.refusal(&lease)
    };
    let new = State::new(trial, images, device);
    let message = refusal(&new);
    assert!(message.ends_with("found step 0 in epoch 1"), "{message}");

    let mut without_velocities = State::new(trial, images, device);
    without_velocities.position.step = 2;
    let message = refusal(&without_velocities);
    assert!(message.contains("velocity: expected "), "{message}");
    assert!(message.ends_with("found 0"), "{message}");

    let mut wider = trial.clone();
    wider.train.width = 4;
    let mut wider = State::new(&wider, images, device);
    wider.position.step = 2;
    let message = refusal(&wider);
    assert!(
        message.contains("conv1.weight: expected shape"),
        "{message}"
    );
}

#[test]
fn a_disk_that_fails_while_a_trial_is_resumed_costs_nothing() {
    let case = Case::new(BackendChoice::Flex);
    let store = case.stopped_after(4);
    // A folder where a file is to be read or written fails with an error of the system.
    for name in [
        "checkpoint.safetensors",
        "steps.jsonl",
        "epochs.jsonl",
        ".environment.json.partial",
        ".settings.toml.partial",
    ] {
        let file = case.trial_folder(&store).join(name);
        let kept = store.0.path().join("kept");
        let was_there = fs::rename(&file, &kept).is_ok();
        fs::create_dir(&file).unwrap();
        let error = case.try_session(&store, |_| Next::Continue).unwrap_err();
        let is_io = matches!(error.downcast_ref(), Some(StoreError::Io { .. }));
        assert!(is_io, "{name}: {error:#}");
        let file = case.trial_folder(&store).join(name);
        fs::remove_dir(&file).unwrap();
        if was_there {
            fs::rename(&kept, &file).unwrap();
        }
        assert!(!store.0.path().join("set-aside").exists(), "{name}");
    }
    let mut first = None;
    case.session(&store, |point| {
        first.get_or_insert(point);
        Next::Continue
    });
    assert_eq!(first, Some(StopPoint::Step(5)));
    assert!(case.record(&store) == case.uninterrupted());
}
