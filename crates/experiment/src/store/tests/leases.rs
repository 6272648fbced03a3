//! Several processes that train the trials of one store.

use std::thread;
use std::time::SystemTime;

use super::*;

/// The store as another process opens it, to which a lease is stale when it has not changed from one look to the next.
fn impatient(store: &Store) -> Store {
    let other = Store::open_existing(&store.folder).unwrap();
    other.with_stale_after(Duration::ZERO)
}

fn is_held(store: &Store) -> bool {
    matches!(store.lease("a", None).unwrap(), Leasing::Held(_))
}

#[test]
fn of_many_that_ask_at_once_one_is_granted_the_lease() {
    let (_folder, store) = new_store();
    let folder = store.folder.as_path();
    let granted: Vec<Option<Lease>> = thread::scope(|scope| {
        let ask = || match Store::open_existing(folder).unwrap().lease("a", None) {
            Ok(Leasing::Granted(lease)) => Some(lease),
            Ok(Leasing::Held(_)) => None,
            other => panic!("{other:?}"),
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        let granted = threads.into_iter().map(|thread| thread.join().unwrap());
        granted.collect()
    });
    assert_eq!(granted.iter().flatten().count(), 1);
    let holder = store.holder("a").unwrap().unwrap();
    assert_eq!(holder.pid, std::process::id());
    drop(granted);
    assert_eq!(store.holder("a").unwrap(), None);
    assert!(matches!(
        store.lease("a", None).unwrap(),
        Leasing::Granted(_)
    ));
}

#[test]
fn a_lease_is_held_until_it_is_given_back_and_others_are_free() {
    let (_folder, store) = new_store();
    let other = Store::open_existing(&store.folder).unwrap();
    let lease_of_a = lease(&store, "a");
    assert!(is_held(&other) && is_held(&store));
    lease(&other, "b");
    drop(lease_of_a);
    assert!(!is_held(&other));
}

#[test]
fn who_begins_a_trial_that_another_has_taken_over_since_leaves_it() {
    let (_folder, store) = new_store();
    let gone = lease(&store, "a");
    let successor = lease(&impatient(&store), "a");
    let attempts = Attempts::in_store(&store.folder);
    assert_eq!(attempts.of("a").unwrap(), [2]);
    // As who looked before there was any attempt; the number of the first is free again.
    let late = || Lease::of_new(&store.folder, "a", STALE_AFTER).unwrap();
    assert!(late().is_none());
    assert_eq!(attempts.of("a").unwrap(), [2]);
    drop(successor);
    drop(gone);
    // As who looked before there was any attempt, and comes when there is one.
    let first = lease(&store, "b");
    assert!(
        Lease::of_new(&store.folder, "b", STALE_AFTER)
            .unwrap()
            .is_none()
    );
    drop(first);
    assert_eq!(attempts.of("b").unwrap(), [1]);
    let drafts = fs::read_dir(attempts.path()).unwrap();
    assert_eq!(drafts.count(), 2);
}

#[test]
fn who_ends_a_trial_that_another_has_ended_is_told_that_the_lease_is_lost() {
    let (_folder, store) = new_store();
    let lease = lease(&store, "a");
    let trial = TrialDir::begin(&lease, "seed = 3\n", &environment()).unwrap();
    let ended = store.trial_folder("a");
    fs::create_dir_all(&ended).unwrap();
    fs::write(ended.join(RESULT), "of another process").unwrap();
    let result = done("a", json!({ "seed": 3 }), 0.5);
    let error = trial.finish(&result).unwrap_err();
    assert!(matches!(error, StoreError::LeaseLost { .. }), "{error}");
    assert_eq!(
        fs::read_to_string(ended.join(RESULT)).unwrap(),
        "of another process"
    );
}

#[test]
fn who_lost_a_lease_writes_nothing_that_counts_and_is_told() {
    let (_folder, store) = new_store();
    let stopped = lease(&store, "a");
    let mut trial = TrialDir::begin(&stopped, "seed = 3\n", &environment()).unwrap();
    trial.append_step(&step(1, 2.5)).unwrap();
    trial.append_epoch(&epoch(1)).unwrap();
    trial.save_checkpoint(b"state").unwrap();

    let successor = lease(&impatient(&store), "a");
    assert_eq!(successor.checkpoints().unwrap()[0].1, b"state");
    let mut resumed = resumed(&successor, 1, 1).unwrap();
    let lost = |written: Result<(), StoreError>| {
        let error = written.unwrap_err();
        assert!(matches!(error, StoreError::LeaseLost { .. }), "{error}");
    };
    lost(trial.save_checkpoint(b"later state"));
    lost(trial.append_epoch(&epoch(2)));
    lost(trial.save_model(b"weights of the stopped"));
    // What it has in memory goes to files that it opened before.
    trial.append_step(&step(2, 2.0)).unwrap();
    lost(trial.append_epoch(&epoch(2)));
    drop(trial);
    drop(stopped);

    resumed.save_model(b"weights").unwrap();
    let result = done("a", json!({ "seed": 3 }), 0.5);
    let correct = (0..10_000).map(|image| image < 5000).collect();
    resumed.save_test_correct(&correct).unwrap();
    resumed.finish(&result).unwrap();
    assert_eq!(store.stored("a").unwrap(), Stored::Ended(Arc::new(result)));
    let steps = lines(&store.trial_folder("a").join("steps.jsonl"));
    assert_eq!(steps.len(), 1, "{steps:?}");
    assert_eq!(fs::read_dir(store.attempts.path()).unwrap().count(), 0);
}

#[test]
fn who_lost_a_lease_cannot_end_the_trial() {
    let (_folder, store) = new_store();
    let stopped = lease(&store, "a");
    let trial = TrialDir::begin(&stopped, "", &environment()).unwrap();
    let _successor = lease(&impatient(&store), "a");
    let error = trial.finish(&done("a", json!({}), 0.25)).unwrap_err();
    assert!(matches!(error, StoreError::LeaseLost { .. }), "{error}");
    assert_eq!(store.stored("a").unwrap(), Stored::Nothing);
}

#[test]
fn a_lease_is_stale_once_its_heartbeat_stays_the_same_whatever_the_clocks_say() {
    let (_folder, store) = new_store();
    let held = lease(&store, "a");
    let file = held.folder().join("lease.json");
    let beat = |time| {
        let file = fs::File::options().write(true).open(&file).unwrap();
        file.set_modified(time).unwrap();
    };
    let patient = Store::open_existing(&store.folder).unwrap();
    for time in [
        SystemTime::UNIX_EPOCH,
        SystemTime::now() + Duration::from_hours(24),
    ] {
        beat(time);
        assert!(is_held(&patient));
    }
    // What a power failure leaves of the file names nobody, who may be alive.
    fs::write(&file, "").unwrap();
    assert!(is_held(&patient));
    assert!(!is_held(&impatient(&store)));
}

#[test]
fn a_heart_beats_while_the_lease_is_held() {
    let (_folder, store) = new_store();
    let store = store.with_stale_after(Duration::from_millis(120));
    let held = lease(&store, "a");
    let file = held.folder().join("lease.json");
    let modified = || fs::metadata(&file).unwrap().modified().unwrap();
    let first = modified();
    while modified() == first {
        thread::yield_now();
    }
    drop(held);
    assert!(!file.exists());
}

#[test]
fn what_a_process_left_that_ended_is_taken_over_or_committed() {
    let (_folder, store) = new_store();
    // It has a result and was killed before it was committed.
    add(&store, &done("a", json!({}), 0.5));
    let attempt = store.attempts.folder("a", 3);
    fs::rename(store.trial_folder("a"), &attempt).unwrap();
    assert_eq!(store.results().unwrap(), whole(vec![], &["a"]));
    assert!(matches!(store.lease("a", None).unwrap(), Leasing::Ended));
    assert_eq!(store.results().unwrap().ended.len(), 1);

    interrupted_as(&store, "b");
    let lease_of_b = lease(&store, "b");
    assert_eq!(lease_of_b.folder(), store.attempts.folder("b", 2));
    assert_eq!(lease_of_b.checkpoints().unwrap()[0].1, b"state");
    assert_eq!(store.attempts.of("b").unwrap(), [2]);

    // As earlier versions left a trial that had not ended.
    interrupted_as(&store, "c");
    fs::rename(store.attempts.folder("c", 1), store.trial_folder("c")).unwrap();
    assert_eq!(lease(&store, "c").checkpoints().unwrap()[0].1, b"state");
    assert!(!store.trial_folder("c").exists());
}

#[test]
fn who_looks_for_the_first_time_does_not_know_a_holder_of_another_machine_to_be_alive() {
    let (_folder, store) = new_store();
    leave_unfinished(&store, "a", "");
    let file = store.folder_of("a").join("lease.json");
    let elsewhere = r#"{ "host": "node1", "pid": 7, "pid_space": "another boot", "process_start": 1,
        "time_taken": "2026-11-28T08:00:00Z", "number": 0 }"#;
    fs::write(&file, elsewhere).unwrap();
    let looking = Store::open_existing(&store.folder).unwrap();
    assert!(is_held(&looking));
    assert!(!looking.shows_life("a").unwrap());
    let beat = SystemTime::now() + Duration::from_secs(10);
    let file = fs::File::options().write(true).open(&file).unwrap();
    file.set_modified(beat).unwrap();
    assert!(looking.shows_life("a").unwrap());

    // A process that watched for long enough tells one that it starts.
    let watching = impatient(&store);
    assert_eq!(watching.holder("a").unwrap(), None);
    let heartbeat = watching.stale_heartbeat("a").unwrap();
    assert_eq!(heartbeat, Some(beat));
    let started = Store::open_existing(&store.folder).unwrap();
    started.believe_stale("a", beat).unwrap();
    assert!(matches!(
        started.lease("a", None).unwrap(),
        Leasing::Granted(_)
    ));
    // A holder of this process is known to run.
    assert!(started.holder("a").unwrap().is_none());
    let _held = lease(&store, "b");
    assert!(looking.shows_life("b").unwrap());
}

#[test]
fn of_many_that_take_over_what_one_left_one_is_granted_the_lease() {
    let (_folder, store) = new_store();
    interrupted(&store);
    let folder = store.folder.as_path();
    let granted: Vec<Option<Lease>> = thread::scope(|scope| {
        let ask = || match Store::open_existing(folder).unwrap().lease("a", None) {
            Ok(Leasing::Granted(lease)) => Some(lease),
            Ok(Leasing::Held(_)) => None,
            other => panic!("{other:?}"),
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        let granted = threads.into_iter().map(|thread| thread.join().unwrap());
        granted.collect()
    });
    assert!(granted.iter().flatten().count() >= 1);
    let holding = granted.iter().flatten();
    let holding = holding.filter(|lease| lease.writing(|| Ok(())).is_ok());
    assert_eq!(holding.count(), 1);
    assert_eq!(store.attempts.of("a").unwrap().len(), 1);
}
