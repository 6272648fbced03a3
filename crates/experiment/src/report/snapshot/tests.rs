//! Snapshots of made-up sweeps: what a page keeps of them reads back as it was.

use std::collections::HashMap;
use std::path::Path;

use random_streams::Stream;
use serde_json::json;

use super::*;
use crate::measure::METRICS;
use crate::plan::Trial;
use crate::records::examples::{done, environment, epoch, validated};
use crate::records::{Score, TrialState};
use crate::store::Declaration;
use crate::study;

/// A sweep of 60 trials: for each of three losses five learning rates on two seeds, and ten seeds at the best.
pub const SIXTY: &str = r#"
name = "sixty"
description = "Is a bonus worth it? <b>&amp; </script>"
losses = [{ name = "cross_entropy" }, { name = "encouraging", log_end = 1 }, { name = "poly1" }]
seeds = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
[train]
validation = 5000
[tune]
seeds = [1001, 1002]
[tune.grid]
learning_rate = [0.003, 0.01, 0.03, 0.1, 0.3]
[[claim]]
better = "encouraging(log_end=1)"
than = "cross_entropy"
margin = 0.1
[[claim]]
better = "poly1"
than = "cross_entropy"
metric = "nll"
[reference]
name = "the paper"
source = "https://example.org/paper"
note = "Images were 224 pixels wide."
[reference.settings]
learning_rate = 0.1
batch_size = 64
[[reference.result]]
loss = "cross_entropy"
value = 92.34
std = 0.7
seeds = 5
"#;

/// The snapshot of a sweep of which every trial is done, `epochs` long.
pub fn finished(sweep: &str, epochs: usize) -> Snapshot {
    let parsed = sweep::parse(sweep, Path::new("a.toml")).unwrap();
    let mut results: HashMap<String, TrialResult> = HashMap::new();
    let state = |results: &HashMap<String, TrialResult>| {
        let Ok(study) = Study::new(&parsed, |id| {
            Ok::<_, Infallible>(results.get(id).cloned().map(Arc::new))
        });
        study
    };
    loop {
        let study = state(&results);
        let due: Vec<Trial> = study.due().iter().map(|run| run.trial.clone()).collect();
        if due.is_empty() {
            break;
        }
        results.extend(due.iter().map(|trial| (trial.id.clone(), result(trial))));
    }
    let study = state(&results);
    let ids = study.runs().into_iter().map(|run| run.trial.id.clone());
    let plan = Plan {
        name: parsed.name.clone(),
        trials: ids.collect(),
        declarations: vec![Declaration {
            name: parsed.name.clone(),
            sha256: study::digest(&parsed),
            ended: 0,
            sweep: sweep.to_owned(),
        }],
    };
    let mut trials: Vec<RecordedTrial> = results
        .into_values()
        .map(|result| recorded(result, epochs))
        .collect();
    trials.sort_by(|a, b| a.trial.id.cmp(&b.trial.id));
    let (curves, curves_omitted) = curves::of(&trials, Some(&study));
    let mut snapshot = Snapshot {
        curves,
        curves_omitted,
        images: study.assessments.iter().map(|_| None).collect(),
        plan: Some(plan),
        trials,
        damaged: Vec::new(),
        pictures: BTreeMap::new(),
        omitted: BTreeSet::new(),
    };
    snapshot.images[0] = Some(TestImages {
        images: 10_000,
        seed_error: 0.1,
        test_error: 0.2,
        interval: [0.25, 0.75],
        pairs: vec![[120, 80], [110, 95]],
        between_runs: [Some([0.2, 0.15]), None],
        gained: GainedImages::of(
            [
                (&[9, 8, 3, 0, 5, 7, 8, 7, 6, 0, 1, 0, 2], 10),
                (&[0, 2, 6, 7, 5, 1, 1, 1, 1, 5, 6, 4, 6], 10),
            ],
            "0123456789abcdef",
            6,
        ),
    });
    snapshot.pictures = pictures(snapshot.images[0].as_ref().unwrap());
    snapshot
}

/// Noise, which no format makes small, for each image that is shown.
fn pictures(images: &TestImages) -> BTreeMap<String, Picture> {
    let gained = &images.gained;
    let picture = |image: &GainedImage| {
        let mut stream = Stream::new(u64::from(image.image), "picture", 0);
        let pixels: Vec<u8> = (0..3 * 32 * 32).map(|_| stream.below(256) as u8).collect();
        let picture = Picture::encode([32, 32, 3], &pixels, "cat");
        (gained.name(image), picture)
    };
    gained.images().map(picture).collect()
}

/// Numbers of 17 digits, better for some learning rates and losses.
fn result(trial: &Trial) -> TrialResult {
    let mut stream = Stream::new(trial.seed, &trial.id, 0);
    let distance = (trial.train.learning_rate / 0.03).ln().abs();
    let bonus = if trial.loss.name() == "encouraging" {
        0.006
    } else {
        0.0
    };
    let accuracy = 0.92 + bonus - 0.01 * distance + 0.002 * f64::from(stream.normal());
    let mut result = done(&trial.id, json!(trial.settings_json()), accuracy);
    let number = f64::from(stream.normal()).exp() / 3.0;
    let score = METRICS.iter().map(|metric| (metric.name, number));
    let score: Score = score.chain([("accuracy", accuracy)]).collect();
    result = validated(result, accuracy);
    result.validation = Some(score.clone());
    result.test = trial.train.evaluate_test.then_some(score);
    result.time_s_total = number;
    result
}

fn recorded(result: TrialResult, epochs: usize) -> RecordedTrial {
    let score = result.validation.clone().unwrap();
    let epochs = (1..=epochs).map(|number| EpochRecord {
        train_loss: score.eval_loss() / number as f64,
        eval_accuracy: score.accuracy(),
        eval_loss: score.eval_loss(),
        cross_entropy: score.cross_entropy(),
        metrics: score.metrics().clone(),
        ..epoch(number)
    });
    RecordedTrial {
        epochs: epochs.collect(),
        environment: Some(json!(environment())),
        trial: StoredTrial::from(Arc::new(result)),
    }
}

#[test]
fn a_small_snapshot_reads_back_as_it_was() {
    let mut snapshot = finished(SIXTY, 1);
    assert_eq!(snapshot.trials.len(), 60);
    snapshot.trials.truncate(30);
    let diverged = snapshot.trials[3].trial.result.as_mut().unwrap();
    let diverged = Arc::make_mut(diverged);
    diverged.state = TrialState::Diverged;
    (diverged.test, diverged.cause) = (None, Some("NaN \"at once\"".to_owned()));
    // A trial that is under way, and one of which nothing is known.
    snapshot.trials[4].trial.result = None;
    snapshot.trials[5] = RecordedTrial {
        trial: StoredTrial {
            id: snapshot.trials[5].trial.id.clone(),
            settings: serde_json::Map::new(),
            step: 0,
            result: None,
        },
        epochs: Vec::new(),
        environment: None,
    };
    snapshot.damaged.push("0123456789ab".to_owned());
    // A page has them beside its JSON.
    snapshot.pictures.clear();
    let read = Snapshot::from_json(&snapshot.json()).unwrap();
    assert_eq!(read, snapshot);
    assert_eq!(read.json(), snapshot.json());
}

#[test]
fn metrics_of_claims_and_of_tuning_are_never_left_out() {
    let snapshot = finished(SIXTY, 1);
    let smallest = snapshot
        .clone()
        .without(Omission::Epochs)
        .without(Omission::Metrics);
    let metrics = smallest.ended()[0].validation.clone().unwrap();
    let names: Vec<&str> = metrics.metrics().keys().map(String::as_str).collect();
    assert_eq!(names, ["accuracy", "cross_entropy", "eval_loss"]);
    let sentences = |snapshot: &Snapshot| {
        let (study, _) = snapshot.study().unwrap();
        crate::report::claims_of(&study).json()
    };
    assert_eq!(sentences(&smallest), sentences(&snapshot));
}

#[test]
fn text_that_is_no_snapshot_of_this_version_is_refused() {
    let message = |text: &str| Snapshot::from_json(text).unwrap_err().to_string();
    assert!(message("{\"format\":3}").contains("format: expected 2, found 3"));
    assert!(message("{}").contains("found null"));
    assert!(!message("{\"format\":2,").is_empty());
    let text = finished(SIXTY, 1).json();
    let broken = text.replace("\"common\":0", "\"common\":77");
    assert!(message(&broken).contains("the places of settings"));
}
