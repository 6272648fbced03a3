//! Records made up for tests.

use serde_json::{Value, json};

use super::{
    BINS, Computation, DataRecords, Determinism, Environment, EpochRecord, GradientSample,
    STORE_VERSION, Score, Split, TrialResult, TrialState,
};

/// A finished trial of the given settings.
pub fn done(id: &str, settings: Value, accuracy: f64) -> TrialResult {
    let Value::Object(settings) = settings else {
        panic!("settings must be an object, found {settings}")
    };
    TrialResult {
        id: id.to_string(),
        state: TrialState::Done,
        store_version: STORE_VERSION,
        settings,
        data_hash: Some("0f".to_string()),
        data_records: Some(data_records(50_000)),
        precision_used: Some("f32".to_string()),
        test: Some(score(accuracy, 0.25, 0.5)),
        validation: None,
        images_per_second: Some(320.0),
        time_s_total: 12.5,
        device_memory_bytes: None,
        step: 391,
        cause: None,
    }
}

/// A score of these three metrics.
pub fn score(accuracy: f64, eval_loss: f64, cross_entropy: f64) -> Score {
    let metrics = [
        ("accuracy", accuracy),
        ("eval_loss", eval_loss),
        ("cross_entropy", cross_entropy),
    ];
    metrics.into_iter().collect()
}

/// A trial of the given settings that ended early.
pub fn ended(id: &str, settings: Value, state: TrialState) -> TrialResult {
    TrialResult {
        state,
        test: None,
        step: 17,
        cause: Some("the loss is NaN at step 17".to_string()),
        ..done(id, settings, 0.0)
    }
}

/// A dataset with `train` of 50,000 training records and the whole test set.
pub fn data_records(train: usize) -> DataRecords {
    let records = json!({
        "train": { "found": train, "official": 50_000 },
        "test": { "found": 10_000, "official": 10_000 },
    });
    serde_json::from_value(records).expect("it has the documented shape")
}

/// The same trial with a score on images held out for validation.
pub fn validated(mut result: TrialResult, accuracy: f64) -> TrialResult {
    result.validation = Some(score(accuracy, 0.375, 0.625));
    result
}

/// An environment made up for tests.
pub fn environment() -> Environment {
    let computation = Computation {
        backend: "flex".to_string(),
        device: "cpu".to_string(),
        driver: None,
        kernels: None,
        instructions: Some("avx2".to_string()),
        determinism: Determinism::Bitwise,
        precision: "f32".to_string(),
        threads: 2,
    };
    Environment::collect(computation, "sha256:0f".to_string(), data_records(50_000))
}

/// The record of an epoch.
pub fn epoch(epoch: usize) -> EpochRecord {
    EpochRecord {
        epoch,
        train_loss: 1.5,
        train_accuracy: 0.5,
        evaluated_on: Split::Test,
        eval_loss: 1.25,
        eval_accuracy: 0.625,
        cross_entropy: Some(1.5),
        learning_rate: 0.1,
        images_per_second: 320.0,
        steps_skipped: None,
        gradient_norm: Some(0.75),
        gradients: Some(GradientSample {
            images: [200; BINS],
            shares: Some([0.1; BINS]),
            share_above_99: Some(0.03125),
            mean: Some(0.5),
        }),
        time_s: 4.0,
        metrics: score(0.625, 1.25, 1.5).metrics().clone(),
    }
}
