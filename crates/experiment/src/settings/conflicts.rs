//! Conflicts between settings.

use super::names::ScheduleName;
use super::train::TrainSettings;

/// A key whose value contradicts those of others.
pub struct Conflict {
    pub key: &'static str,
    pub others: &'static [&'static str],
    pub problem: String,
    pub help: &'static str,
}

/// What is wrong between the keys.
pub fn conflicts(settings: &TrainSettings) -> Vec<Conflict> {
    [
        warmup(settings),
        steps(settings),
        model(settings),
        augmentation(settings),
        images(settings),
        score(settings),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn warmup(settings: &TrainSettings) -> Option<Conflict> {
    let TrainSettings {
        epochs,
        warmup_epochs,
        ..
    } = *settings;
    (warmup_epochs > epochs).then(|| Conflict {
        key: "warmup_epochs",
        others: &["epochs"],
        problem: format!("expected at most epochs = {epochs}, found {warmup_epochs}"),
        help: "the full learning rate would never be reached",
    })
}

fn steps(settings: &TrainSettings) -> Option<Conflict> {
    let step_epochs = settings.step_epochs;
    let left = settings.epochs.saturating_sub(settings.warmup_epochs);
    (settings.schedule == ScheduleName::Step && step_epochs >= left).then(|| Conflict {
        key: "step_epochs",
        others: &["schedule", "epochs", "warmup_epochs"],
        problem: format!("expected less than the {left} epochs after warm-up, found {step_epochs}"),
        help: "the learning rate would never be reduced: set a smaller step_epochs, or more epochs",
    })
}

fn model(settings: &TrainSettings) -> Option<Conflict> {
    let TrainSettings { dataset, model, .. } = settings;
    let shape = dataset.shape;
    (!model.inputs.contains(shape.axes())).then(|| Conflict {
        key: "model",
        others: &["dataset"],
        problem: format!(
            "expected a network for images of {shape} pixels, as {dataset} has, found {}, for {}",
            model.name, model.inputs
        ),
        help: "`experiment models` lists the image sizes that each network accepts",
    })
}

fn augmentation(settings: &TrainSettings) -> Option<Conflict> {
    let TrainSettings {
        dataset,
        augmentation,
        ..
    } = settings;
    (augmentation.flips() && !dataset.flip_keeps_class).then(|| Conflict {
        key: "augmentation",
        others: &["dataset"],
        problem: format!("expected no mirroring of {dataset}, found \"{augmentation}\""),
        help: "a mirrored image of this dataset need not show its class: set augmentation = \"crop\" or \"none\"",
    })
}

fn images(settings: &TrainSettings) -> Option<Conflict> {
    let TrainSettings {
        dataset,
        subset,
        validation,
        ..
    } = *settings;
    let available = dataset.training_images;
    let wanted = validation.saturating_add(subset.max(1));
    (wanted > available).then(|| Conflict {
        key: if subset > 0 { "subset" } else { "validation" },
        others: &["validation", "dataset"],
        problem: format!(
            "expected at most {available} training images of {dataset}, at least one of them for training, found subset = \
             {subset} and validation = {validation}"
        ),
        help: "set a smaller subset or validation",
    })
}

fn score(settings: &TrainSettings) -> Option<Conflict> {
    let TrainSettings {
        validation,
        evaluate_test,
        ..
    } = *settings;
    (!evaluate_test && validation == 0).then(|| Conflict {
        key: "evaluate_test",
        others: &["validation"],
        problem: "expected true with validation = 0, found false".to_string(),
        help: "a trial needs images for its score: hold out some for validation, or evaluate the test set",
    })
}
