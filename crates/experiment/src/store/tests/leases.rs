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
fn who_lost_a_lease_writes_nothing_that_counts_and_is_told() {
    let (_folder, store) = new_store();
    let stopped = lease(&store, "a");
    let mut trial = TrialDir::begin(&stopped, "seed = 3\n", &environment()).unwrap();
    trial.append_step(&step(1, 2.5)).unwrap();
    trial.append_epoch(&epoch(1)).unwrap();
    trial.save_checkpoint(b"state").unwrap();

    let successor = lease(&impatient(&store), "a");
    assert_eq!(successor.checkpoints().unwrap()[0].1, b"state");
    let resumed = resumed(&successor, 1, 1).unwrap();
    let lost = |written: Result<(), StoreError>| {
        let error = written.unwrap_err();
        assert!(matches!(error, StoreError::LeaseLost { .. }), "{error}");
    };
    lost(trial.save_checkpoint(b"later state"));
    lost(trial.append_epoch(&epoch(2)));
    lost(trial.save_model(b"weights of the stopped"));
    lost(trial.finish(&done("a", json!({ "seed": 3 }), 0.25)));
    drop(stopped);

    resumed.save_model(b"weights").unwrap();
    let result = done("a", json!({ "seed": 3 }), 0.5);
    let correct = (0..10_000).map(|image| image < 5000).collect();
    resumed.save_test_correct(&correct).unwrap();
    resumed.finish(&result).unwrap();
    assert_eq!(store.stored("a").unwrap(), Stored::Ended(Box::new(result)));
    assert_eq!(fs::read_dir(store.attempts.path()).unwrap().count(), 0);
}

#[test]
fn a_trial_is_committed_once_however_many_believe_to_hold_its_lease() {
    let (_folder, store) = new_store();
    let first = lease(&store, "a");
    let complete = |lease: &Lease, accuracy| {
        let trial = TrialDir::begin(lease, "", &environment()).unwrap();
        trial.finish(&done("a", json!({}), accuracy))
    };
    // As if the second had not seen the first, which is written to a folder that is renamed meanwhile.
    let second = Lease::take(&store.folder, "a", 7, STALE_AFTER)
        .unwrap()
        .unwrap();
    let trial = TrialDir::begin(&second, "", &environment()).unwrap();
    complete(&first, 0.5).unwrap();
    let before = fs::read(store.trial_folder("a").join("result.json")).unwrap();
    let error = trial.finish(&done("a", json!({}), 0.25)).unwrap_err();
    assert!(matches!(error, StoreError::LeaseLost { .. }), "{error}");
    let after = fs::read(store.trial_folder("a").join("result.json")).unwrap();
    assert!(before == after);
    drop(second);
    assert!(matches!(store.lease("a", None).unwrap(), Leasing::Ended));
    store.tidy(["a"].into_iter()).unwrap();
    assert_eq!(fs::read_dir(store.attempts.path()).unwrap().count(), 0);
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

    // Two attempts, of which the later was taken over and not resumed before it was left again.
    interrupted_as(&store, "b");
    fs::create_dir(store.attempts.folder("b", 2)).unwrap();
    let lease_of_b = lease(&store, "b");
    assert_eq!(lease_of_b.folder(), store.attempts.folder("b", 3));
    assert_eq!(lease_of_b.checkpoints().unwrap()[0].1, b"state");
    assert_eq!(store.attempts.of("b").unwrap(), [3]);

    // As earlier versions left a trial that had not ended.
    interrupted_as(&store, "c");
    fs::rename(store.attempts.folder("c", 1), store.trial_folder("c")).unwrap();
    assert_eq!(lease(&store, "c").checkpoints().unwrap()[0].1, b"state");
    assert!(!store.trial_folder("c").exists());
}
