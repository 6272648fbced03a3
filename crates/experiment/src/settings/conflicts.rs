//! Settings that contradict each other.

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
    let TrainSettings {
        epochs,
        warmup_epochs,
        step_epochs,
        ..
    } = *settings;
    let mut conflicts = Vec::new();
    if warmup_epochs > epochs {
        conflicts.push(Conflict {
            key: "warmup_epochs",
            others: &["epochs"],
            problem: format!("expected at most epochs = {epochs}, found {warmup_epochs}"),
            help: "the full learning rate would never be reached",
        });
    }
    let left = epochs.saturating_sub(warmup_epochs);
    if settings.schedule == ScheduleName::Step && step_epochs >= left {
        conflicts.push(Conflict {
            key: "step_epochs",
            others: &["schedule", "epochs", "warmup_epochs"],
            problem: format!(
                "expected less than the {left} epochs after warm-up, found {step_epochs}"
            ),
            help: "the learning rate would never be reduced: set a smaller step_epochs, or more epochs",
        });
    }
    conflicts
}
