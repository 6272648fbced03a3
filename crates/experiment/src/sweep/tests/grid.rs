//! Keys of which some points of the grid take no notice.

use super::*;
use crate::plan::trials;
use crate::settings::{OptimizerName, TRAIN_KEYS};

/// The settings that differ between the trials of a file, as their labels show them, and their ids.
fn points(lines: &str) -> Vec<(String, String)> {
    let text = format!("{SHORTEST}{lines}\n");
    let sweep = read_text(&text).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    let trials = trials(&sweep).into_iter();
    trials.map(|trial| (trial.point, trial.id)).collect()
}

#[track_caller]
fn assert_points(lines: &str, expected: &[(&str, &str)]) {
    let found = points(lines);
    let labels: Vec<&str> = found.iter().map(|(label, _)| label.as_str()).collect();
    let expected_labels: Vec<&str> = expected.iter().map(|(label, _)| *label).collect();
    assert_eq!(labels, expected_labels);
    for ((_, id), (_, alone)) in found.iter().zip(expected) {
        let alone = points(&format!("[train]\n{alone}"));
        assert_eq!(alone.len(), 1);
        assert_eq!(*id, alone[0].1, "the id is that of the trial by itself");
    }
}

#[test]
fn a_key_counts_at_the_points_where_it_has_an_effect() {
    let expected = [
        ("schedule = \"cosine\"", ""),
        (
            "schedule = \"step\"",
            "schedule = \"step\"\nstep_epochs = 10",
        ),
    ];
    let schedule = "[grid]\nschedule = [\"cosine\", \"step\"]";
    assert_points(&format!("[train]\nstep_epochs = 10\n{schedule}"), &expected);
    assert_points(
        &format!("{schedule}\nstep_epochs = [10]"),
        &[
            expected[0],
            ("schedule = \"step\", step_epochs = 10", expected[1].1),
        ],
    );
}

#[test]
fn an_axis_makes_points_only_where_it_has_an_effect() {
    let step = |factor| format!("schedule = \"step\"\nstep_factor = {factor}");
    let expected = [
        ("schedule = \"cosine\"", String::new()),
        ("schedule = \"step\", step_factor = 0.2", step("0.2")),
        ("schedule = \"step\", step_factor = 0.3", step("0.3")),
    ];
    let expected: Vec<(&str, &str)> = expected.iter().map(|(a, b)| (*a, b.as_str())).collect();
    assert_points(
        "[grid]\nschedule = [\"cosine\", \"step\"]\nstep_factor = [0.2, 0.3]",
        &expected,
    );
    let reversed = points("[grid]\nstep_factor = [0.2, 0.3]\nschedule = [\"cosine\", \"step\"]");
    assert_eq!(reversed.len(), 3);
}

#[test]
fn two_axes_without_effect_leave_one_point() {
    let found = points(
        "[grid]\nstep_epochs = [5, 10]\nschedule = [\"constant\", \"step\", \"cosine\"]\nstep_factor = [0.1, 0.2]\nlearning_rate = [1, 2]",
    );
    assert_eq!(found.len(), 2 * (1 + 4 + 1));
}

/// Every row with "only with", as a value of `[train]` and as an axis.
#[test]
fn every_conditional_key_is_left_out_where_it_has_no_effect() {
    for (key, other) in [
        ("width = 8", "model = [\"lenet\", \"resnet18\"]"),
        ("noise = 0.3", "dataset = [\"cifar10\", \"shapes\"]"),
        ("ambiguous = 0.3", "dataset = [\"cifar10\", \"shapes\"]"),
        ("momentum = 0.3", "optimizer = [\"adamw\", \"sgd\"]"),
        ("nesterov = true", "momentum = [0, 0.5]"),
        ("nesterov = true", "optimizer = [\"adamw\", \"sgd\"]"),
        ("beta1 = 0.3", "optimizer = [\"sgd\", \"adamw\"]"),
        ("beta2 = 0.3", "optimizer = [\"sgd\", \"adamw\"]"),
        ("epsilon = 0.3", "optimizer = [\"sgd\", \"adamw\"]"),
        ("decay_norm_and_bias = false", "weight_decay = [0, 0.1]"),
        ("step_epochs = 7", "schedule = [\"cosine\", \"step\"]"),
        ("step_factor = 0.7", "schedule = [\"cosine\", \"step\"]"),
    ] {
        let fixed = points(&format!("[train]\n{key}\n[grid]\n{other}"));
        let axis = key.replace("= ", "= [") + "]";
        let axis = points(&format!("[grid]\n{axis}\n{other}"));
        let ids = |points: &[(String, String)]| -> Vec<String> {
            points.iter().map(|(_, id)| id.clone()).collect()
        };
        assert_eq!(ids(&fixed), ids(&axis), "{key}");
        let without = points(&format!("[grid]\n{other}"));
        assert_eq!(fixed[0].1, without[0].1, "{key}");
        assert_ne!(fixed[1].1, without[1].1, "{key}");
        let name = key.split(' ').next().unwrap();
        assert!(!axis[0].0.contains(name) && axis[1].0.contains(name));
    }
    let conditional = TRAIN_KEYS.iter().filter(|key| key.only_with.is_some());
    assert_eq!(
        conditional.count(),
        11,
        "a new one belongs into the list above"
    );
}

#[test]
fn a_key_that_is_not_written_is_at_the_default_of_its_points_optimizer() {
    let grid = "[grid]\noptimizer = [\"sgd\", \"adamw\"]\n";
    let text = format!("{SHORTEST}{grid}schedule = [\"cosine\", \"constant\"]");
    let points = read_text(&text).unwrap().points;
    let rates: Vec<_> = (points.iter())
        .map(|point| (point.optimizer, point.learning_rate, point.weight_decay))
        .collect();
    let [sgd, adamw] = [
        (OptimizerName::Sgd, 0.1, 5e-4),
        (OptimizerName::AdamW, 0.001, 0.01),
    ];
    assert_eq!(rates, [sgd, sgd, adamw, adamw]);
    assert_points(
        grid,
        &[
            ("optimizer = \"sgd\"", "learning_rate = 0.1"),
            (
                "optimizer = \"adamw\"",
                "optimizer = \"adamw\"\nlearning_rate = 0.001",
            ),
        ],
    );
    let written = read_text(&format!("{SHORTEST}[train]\nlearning_rate = 0.1\n{grid}")).unwrap();
    assert!(
        written
            .points
            .iter()
            .all(|point| point.learning_rate == 0.1)
    );
    assert_eq!(written.points.len(), 2);
}

#[test]
fn no_trial_of_a_grid_comes_twice() {
    let found = points(
        "[train]\nepochs = 90\n[grid]\ndataset = [\"shapes\", \"cifar10\", \"cifar100\"]\nnoise = [0, 0.1, 1]\nambiguous = [0, 1]\n\
         optimizer = [\"sgd\", \"adamw\"]\nbeta1 = [0.8, 0.9]\nmomentum = [0, 0.9]\nnesterov = [true, false]\nweight_decay = [1, 0]\ndecay_norm_and_bias = [false, true]\n\
         schedule = [\"step\", \"cosine\"]\nstep_epochs = [10, 60]\nstep_factor = [0.5]",
    );
    assert_eq!(found.len(), (6 + 1 + 1) * (1 + 2 + 2) * (2 + 1) * (2 + 1));
    let ids: std::collections::HashSet<&String> = found.iter().map(|(_, id)| id).collect();
    assert_eq!(ids.len(), found.len());
}
