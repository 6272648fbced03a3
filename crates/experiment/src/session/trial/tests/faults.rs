//! A disk that fails, fills up, or loses its process at any call that changes it.

use super::*;
use crate::store::Plan;
use crate::store::disk::faults::{FAULTS, Fault, with};

/// Two epochs of two steps on few images: what is on disk is the same as of many.
fn case() -> Case {
    let settings = TrainSettings {
        batch_size: 4,
        subset: 8,
        validation: 4,
        ..small()
    };
    let mut case = Case::of(BackendChoice::Flex, "encouraging", 1, settings);
    (case.images.test, _) = split(&case.images.test, 0, 10).unwrap();
    case.images.records.test.found = case.images.test.len();
    case
}

/// Three checkpoints; from the second on one is replaced.
fn pace(point: StopPoint) -> Next {
    match point {
        StopPoint::Step(1 | 3) | StopPoint::Epoch(2) => Next::Checkpoint,
        _ => Next::Continue,
    }
}

/// Lets each call of a session in a store that `prepare` makes fail in each way; the same session again must come out as
/// one that nothing disturbed, and must use a checkpoint that was there. Returns the calls that failed.
fn fail_each_call(case: &Case, prepare: impl Fn() -> Folder) -> Vec<&'static str> {
    let expected = case.uninterrupted();
    let plan = Plan {
        name: "attacked".to_owned(),
        trials: vec![case.trial.id.clone()],
        declarations: Vec::new(),
    };
    let session = |store: &Folder, pace: &mut dyn FnMut(StopPoint) -> Next| {
        let open = Store::create_or_open(store.0.path())?;
        open.save_plan(&plan)?;
        if open.has_result(&case.trial.id) {
            open.tidy([case.trial.id.as_str()].into_iter())?;
        }
        case.try_session(store, pace)
    };
    let mut calls = Vec::new();
    for fault in FAULTS {
        for number in 1.. {
            let store = prepare();
            let mut first = None;
            let (outcome, call) = with(fault, number, || session(&store, &mut pace));
            let Some(call) = call else {
                outcome.unwrap();
                break;
            };
            let what = format!("{fault:?} at call {number}, {call}");
            if let Err(error) = outcome {
                assert!(error.is::<StoreError>(), "{what}: {error:#}");
            }
            end_this_process(&store);
            let had_checkpoint = case.has_checkpoint(&store);
            let outcome = session(&store, &mut |point| {
                first.get_or_insert(point);
                pace(point)
            });
            outcome.unwrap_or_else(|error| panic!("{what}: {error:#}"));
            let began_anew = first == Some(StopPoint::Step(1));
            assert!(!(had_checkpoint && began_anew), "{what}: it begins anew");
            assert!(!store.0.path().join("set-aside").exists(), "{what}");
            assert!(case.record(&store) == expected, "{what}");
            let store = Store::open_existing(store.0.path()).unwrap();
            assert_eq!(store.plan().as_ref(), Some(&plan), "{what}");
            calls.push(call);
        }
    }
    calls
}

/// Lets a lease that a fault left look as if its process, which is this one, had ended.
fn end_this_process(store: &Folder) {
    let attempts = fs::read_dir(store.0.path().join("attempts"));
    for attempt in attempts.into_iter().flatten() {
        let lease = attempt.unwrap().path().join("lease.json");
        let Ok(content) = fs::read(&lease) else {
            continue;
        };
        if let Ok(mut holder) = serde_json::from_slice::<Value>(&content) {
            holder["process_start"] = 1.into();
            fs::write(&lease, holder.to_string()).unwrap();
        }
    }
}

#[test]
fn a_new_trial_survives_a_fault_at_each_call() {
    let case = case();
    let calls = fail_each_call(&case, Folder::new);
    for kind in [
        "create",
        "write",
        "sync",
        "sync a folder",
        "rename",
        "create a folder",
    ] {
        let count = calls.iter().filter(|call| **call == kind).count();
        assert!(count >= FAULTS.len() * 2, "{count} faults at {kind}");
    }
}

#[test]
fn a_resumed_trial_survives_a_fault_at_each_call() {
    let case = case();
    let calls = fail_each_call(&case, || case.stopped_after(2));
    assert!(calls.len() >= FAULTS.len() * 40, "{} faults", calls.len());
}

#[test]
fn a_full_disk_is_named_with_the_file_and_the_room_that_it_needs() {
    let case = case();
    let mut files = 0;
    for number in 1.. {
        let store = Folder::new();
        Store::create_or_open(store.0.path()).unwrap();
        let (outcome, call) = with(Fault::Full, number, || case.try_session(&store, pace));
        match call {
            None => break,
            Some("write") => {}
            Some(_) => continue,
        }
        let message = format!("{:#}", outcome.unwrap_err());
        let is_named = message.starts_with(&store.0.path().display().to_string());
        let room = ": cannot write: the disk has no room for ";
        assert!(is_named && message.contains(room), "{message}");
        assert!(!message.contains(" 0 bytes"), "{message}");
        files += 1;
    }
    assert!(files > 10, "{files}");
}
