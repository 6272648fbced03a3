//! Ten thousand random trials: written, read, written and read again they are the same, and no two have one id.

use std::collections::HashMap;

use bonus_loss::Interval;
use random_streams::Stream;

use super::spelling::{file, pick, toss};
use super::*;
use crate::settings::conflicts;

const TRIALS: u64 = 10_000;

/// The place of a value that a sweep file may not have beside the others: it has no effect, or contradicts one of them.
fn misfit(stream: &mut Stream, train: &[(&'static TrainKey, Setting)]) -> Option<usize> {
    let settings = TrainSettings::with(train);
    let is_idle = |(key, value): &(&'static TrainKey, Setting)| {
        !key.counts(&settings) && *value != key.default(&settings)
    };
    let idle = train.iter().position(is_idle);
    idle.or_else(|| {
        let conflict = conflicts(&settings).pop()?;
        let named = conflict.others.iter().chain([&conflict.key]);
        let places = named.filter_map(|name| train.iter().position(|(key, _)| key.name == *name));
        Some(pick(stream, &places.collect::<Vec<_>>()))
    })
}

/// A random subset of the keys with random values that fit together, and the settings that they give.
fn random_train(stream: &mut Stream) -> (Vec<(&'static TrainKey, Setting)>, TrainSettings) {
    let mut train = Vec::new();
    let share = 1 + stream.below(4);
    for key in TRAIN_KEYS {
        if stream.below(4) < share {
            train.push((key, random_value(stream, key.kind)));
        }
    }
    while let Some(place) = misfit(stream, &train) {
        train.swap_remove(place);
    }
    let settings = TrainSettings::with(&train);
    (train, settings)
}

fn random_value(stream: &mut Stream, kind: Kind) -> Setting {
    match kind {
        Kind::Flag => Setting::Flag(toss(stream)),
        Kind::Whole(minimum, maximum) => {
            // Small numbers fit other settings more often.
            let most = pick(stream, &[3, 100, maximum]).clamp(minimum, maximum);
            let range = u32::try_from(most - minimum + 1).unwrap();
            Setting::Whole(minimum + stream.below(range) as usize)
        }
        Kind::Number(interval) => Setting::Number(random_number(stream, interval)),
        Kind::Choice(names) => Setting::Choice(pick(stream, names)),
    }
}

/// A number of an interval: simple, random in its digits, or of any size.
fn random_number(stream: &mut Stream, interval: Interval) -> f64 {
    loop {
        let number = match stream.below(4) {
            0 => f64::from(stream.below(5)) / 4.0,
            1 => f64::from(stream.uniform()),
            2 => {
                let exponent = i32::try_from(stream.below(20)).unwrap() - 10;
                f64::from(stream.next_u32()) * 10_f64.powi(exponent)
            }
            _ => {
                let bits = u64::from(stream.next_u32()) << 32 | u64::from(stream.next_u32());
                f64::from_bits(bits)
            }
        };
        let number = if toss(stream) { number } else { -number };
        if interval.contains(number) {
            return number + 0.0;
        }
    }
}

/// Any loss with random parameters; a sum of some where it may be one.
fn random_loss(stream: &mut Stream, may_be_sum: bool) -> LossConfig {
    let entries = LOSSES.iter().collect::<Vec<_>>();
    let entry = pick(stream, &entries);
    if entry.name == "sum" {
        if !may_be_sum {
            return random_loss(stream, false);
        }
        let terms: Vec<LossConfig> = (0..=stream.below(2))
            .map(|_| random_loss(stream, false))
            .collect();
        let weights = terms.iter().map(|_| {
            loop {
                let weight =
                    random_number(stream, Interval::open(f64::NEG_INFINITY, f64::INFINITY));
                if weight != 0.0 {
                    break weight;
                }
            }
        });
        let weights = weights.collect();
        return LossConfig::sum(terms, weights).unwrap();
    }
    let mut loss = LossConfig::new(entry.name).unwrap();
    for parameter in entry.parameters {
        if toss(stream) {
            let value = random_value(stream, parameter.kind);
            loss = loss.with(parameter.name, value).unwrap();
        }
    }
    loss
}

fn random_seed(stream: &mut Stream) -> u64 {
    let bits = u64::from(stream.next_u32()) << 32 | u64::from(stream.next_u32());
    bits >> pick(stream, &[11, 40, 60])
}

#[test]
fn random_trials_are_read_as_they_were_written_whatever_the_spelling() {
    let mut known: HashMap<String, Trial> = HashMap::new();
    let mut keys_written = HashSet::new();
    let mut losses = HashSet::new();
    for number in 0..TRIALS {
        let mut stream = Stream::new(1, "trial", number);
        let (train, settings) = random_train(&mut stream);
        let loss = random_loss(&mut stream, true);
        let expected = Trial::new(settings, loss, random_seed(&mut stream));
        let Trial { loss, seed, .. } = &expected;
        for _ in 0..2 {
            let text = file(&mut stream, &train, loss, *seed);
            assert_eq!(trial(&text), expected, "trial {number}:\n{text}");
        }
        let stored = expected.settings_toml();
        let again = Trial::from_settings_toml(&stored);
        assert_eq!(again.as_ref(), Some(&expected), "trial {number}:\n{stored}");
        assert_eq!(again.unwrap().settings_toml(), stored);
        keys_written.extend(train.iter().map(|(key, _)| key.name));
        losses.insert(loss.name());
        let same = known.entry(expected.id.clone()).or_insert(expected.clone());
        assert_eq!(*same, expected, "two trials have one id");
    }
    assert_eq!(keys_written.len(), TRAIN_KEYS.len());
    assert_eq!(losses.len(), LOSSES.len());
    assert!(known.len() > 9_900, "{}", known.len());
}

#[test]
fn the_id_of_a_random_trial_changes_with_every_setting_that_matters() {
    let mut changed = HashMap::new();
    for number in 0..TRIALS {
        let mut stream = Stream::new(2, "trial", number);
        let (mut train, settings_before) = random_train(&mut stream);
        let before = Trial::new(settings_before, random_loss(&mut stream, true), 1);
        let key = pick(&mut stream, &TRAIN_KEYS.iter().collect::<Vec<_>>());
        train.retain(|(other, _)| *other != key);
        train.push((key, random_value(&mut stream, key.kind)));
        if misfit(&mut stream, &train).is_some() {
            continue;
        }
        let settings = TrainSettings::with(&train);
        // Of a key without effect every value is the same setting.
        let after = Trial::new(settings, before.loss.clone(), 1);
        let is_same = after.train == before.train;
        let what = format!(
            "{key:?}\n{}{}",
            before.settings_toml(),
            after.settings_toml()
        );
        assert_eq!(before.id == after.id, is_same, "{what}");
        if !is_same {
            *changed.entry(key.name).or_insert(0) += 1;
        }
        let other = Trial::new(before.train.clone(), random_loss(&mut stream, true), 1);
        assert_eq!(before.id == other.id, before.loss == other.loss, "{what}");
        let other = Trial::new(before.train.clone(), before.loss.clone(), 2);
        assert_ne!(before.id, other.id);
    }
    assert_eq!(changed.len(), TRAIN_KEYS.len(), "{changed:?}");
    assert!(changed.values().all(|count| *count >= 10), "{changed:?}");
}
