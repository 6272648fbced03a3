//! The learning rate as a pure function of the step.

use std::f64::consts::PI;

use crate::settings::{ScheduleName, TrainSettings};

/// Learning rate of `step` (from 0) when an epoch has `steps_per_epoch` steps.
///
/// During warm-up it rises linearly, step by step, to `learning_rate`. After it, with e the number
/// of whole epochs since the end of warm-up and E the number of epochs that remain there:
/// `constant` keeps it; `cosine` gives ½ (1 + cos(π e / E)) of it, stepped per epoch as
/// pytorch-cifar does; `step` multiplies it by `step_factor` every `step_epochs` epochs.
pub fn learning_rate(settings: &TrainSettings, step: u64, steps_per_epoch: u64) -> f64 {
    let warmup_steps = settings.warmup_epochs as u64 * steps_per_epoch;
    if step < warmup_steps {
        return settings.learning_rate * (step + 1) as f64 / warmup_steps as f64;
    }
    let epoch = (step - warmup_steps) / steps_per_epoch;
    let factor = match settings.schedule {
        ScheduleName::Constant => 1.0,
        ScheduleName::Cosine => {
            let epochs = settings.epochs - settings.warmup_epochs;
            f64::midpoint(1.0, (PI * epoch as f64 / epochs as f64).cos())
        }
        ScheduleName::Step => {
            let reductions = epoch / settings.step_epochs as u64;
            settings.step_factor.powf(reductions as f64)
        }
    };
    settings.learning_rate * factor
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(schedule: ScheduleName) -> TrainSettings {
        TrainSettings {
            schedule,
            epochs: 200,
            learning_rate: 0.1,
            ..TrainSettings::default()
        }
    }

    fn close(actual: f64, expected: f64) {
        assert!((actual - expected).abs() < 1e-12, "{actual} ≠ {expected}");
    }

    #[test]
    fn cosine_is_pytorch_cifars() {
        let settings = settings(ScheduleName::Cosine);
        close(learning_rate(&settings, 0, 391), 0.1);
        close(learning_rate(&settings, 390, 391), 0.1);
        close(learning_rate(&settings, 100 * 391, 391), 0.05);
        close(
            learning_rate(&settings, 199 * 391, 391),
            0.05 * (1.0 + (PI * 199.0 / 200.0).cos()),
        );
    }

    #[test]
    fn constant_never_changes() {
        let settings = settings(ScheduleName::Constant);
        close(learning_rate(&settings, 0, 10), 0.1);
        close(learning_rate(&settings, 1999, 10), 0.1);
    }

    #[test]
    fn step_reduces_at_each_boundary() {
        let settings = settings(ScheduleName::Step);
        close(learning_rate(&settings, 59 * 10 + 9, 10), 0.1);
        close(learning_rate(&settings, 60 * 10, 10), 0.01);
        close(learning_rate(&settings, 120 * 10, 10), 0.001);
    }

    #[test]
    fn warmup_rises_linearly_and_then_the_schedule_starts() {
        for schedule in [
            ScheduleName::Constant,
            ScheduleName::Cosine,
            ScheduleName::Step,
        ] {
            let settings = TrainSettings {
                warmup_epochs: 2,
                ..settings(schedule)
            };
            close(learning_rate(&settings, 0, 10), 0.1 / 20.0);
            close(learning_rate(&settings, 9, 10), 0.05);
            close(learning_rate(&settings, 19, 10), 0.1);
            close(learning_rate(&settings, 20, 10), 0.1);
        }
    }
}
