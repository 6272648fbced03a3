//! What an id depends on, and that written settings come back.

mod random;
mod spelling;

use std::collections::HashSet;
use std::path::Path;

use bonus_loss::LOSSES;
use serde_json::json;

use super::*;
use crate::settings::{Kind, Setting, TRAIN_KEYS};
use crate::sweep;

fn read(text: &str) -> Sweep {
    sweep::parse(text, Path::new("x.toml")).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

/// The only trial of a sweep file.
fn trial(text: &str) -> Trial {
    let trials = trials(&read(text));
    assert_eq!(trials.len(), 1);
    trials.into_iter().next().expect("there is one")
}

fn trial_with(train: &str, loss: &str) -> Trial {
    trial(&format!(
        "name = \"a\"\nlosses = [{loss}]\nseeds = [1]\n[train]\n{train}\n"
    ))
}

/// First digits of `printf 'loss=cross_entropy\nseed=1\n' | sha256sum`, and so on.
#[test]
fn ids_never_change() {
    for (train, loss, seed, id) in [
        ("", "{ name = \"cross_entropy\" }", "1", "26e87395870d"),
        (
            "dataset = \"shapes\"\nepochs = 3\nbatch_size = 64\nlearning_rate = 0.05",
            "{ name = \"encouraging\", log_end = 0.5 }",
            "7",
            "c16feb862410",
        ),
        (
            "learning_rate = 1e-5\nnesterov = true",
            "{ name = \"sum\", terms = [{ name = \"mean_absolute_error\" }, { name = \"focal\", gamma = 3 }], weights = [1, 0.5] }",
            "9007199254740991",
            "77aa7384ac9b",
        ),
        (
            "width = 8",
            "{ name = \"mean_squared_error\", classes = \"mean\", activation = \"sigmoid\" }",
            "0",
            "7246167b7c14",
        ),
    ] {
        let text = format!("name = \"a\"\nlosses = [{loss}]\nseeds = [{seed}]\n[train]\n{train}\n");
        assert_eq!(trial(&text).id, id);
    }
}

#[test]
fn an_id_depends_on_meaning_and_not_on_spelling() {
    let plain = trial(
        "name = \"a\"\nlosses = [{ name = \"encouraging\", log_end = 1 }]\nseeds = [1]\n\
         [train]\nepochs = 3\nlearning_rate = 1",
    );
    let spelt_out = trial(
        "# a comment\ndescription = \"another\"\nseeds = [0x1]\nname = 'b'\n\
         train.learning_rate = 1.0\ntrain.threads = 2\ntrain.backend = \"flex\"\n\
         train.momentum = 9e-1\ntrain.epochs = 3\n\
         [[losses]]\nlog_end = 1.0\ntail = \"tangent\"\nname = \"encouraging\"\n",
    );
    assert_eq!(plain, spelt_out);
    let sum = |weights| {
        let terms = "{ name = \"poly1\" }, { name = \"focal\" }";
        trial_with(
            "",
            &format!("{{ name = \"sum\", terms = [{terms}]{weights} }}"),
        )
        .id
    };
    assert_eq!(sum(""), sum(", weights = [1, 1.0]"));
    assert_ne!(sum(""), sum(", weights = [1, 2]"));
}

#[test]
fn every_key_changes_the_id() {
    let loss = trial_with("", "{ name = \"focal\" }").loss;
    let default = TrainSettings::default();
    let mut ids = HashSet::from([Trial::new(default.clone(), loss.clone(), 1).id]);
    for key in TRAIN_KEYS {
        let other = match (key.kind, key.default(&default)) {
            (Kind::Choice(names), Setting::Choice(name)) => {
                let other = names.iter().find(|other| **other != name);
                Setting::Choice(other.expect("there are two"))
            }
            (Kind::Flag, Setting::Flag(flag)) => Setting::Flag(!flag),
            (Kind::Whole(..), Setting::Whole(whole)) => Setting::Whole(whole + 1),
            (Kind::Number(_), Setting::Number(number)) => Setting::Number(number / 2.0 + 0.01),
            (kind, default) => panic!("{}: {default} is not {kind}", key.name),
        };
        let mut settings = default.clone();
        (key.set)(&mut settings, other);
        assert_eq!((key.get)(&settings), other, "{}", key.name);
        assert!(
            ids.insert(Trial::new(settings, loss.clone(), 1).id),
            "{}",
            key.name
        );
    }
    assert!(ids.insert(Trial::new(default, loss, 2).id));
}

#[test]
fn every_parameter_of_every_loss_changes_the_id() {
    let mut ids = HashSet::new();
    for entry in LOSSES.iter().filter(|entry| entry.name != "sum") {
        let loss = LossConfig::new(entry.name).unwrap();
        let mut losses = vec![loss.clone()];
        for parameter in entry.parameters {
            losses.push(match parameter.kind {
                Kind::Choice(names) => loss.clone().with(parameter.name, names[1]).unwrap(),
                _ => {
                    let mut numbers = [0.625, -0.625, 3.0].into_iter();
                    let changed = |number| loss.clone().with(parameter.name, number).ok();
                    numbers.find_map(changed).expect("one is allowed")
                }
            });
        }
        for loss in losses {
            let id = Trial::new(TrainSettings::default(), loss.clone(), 1).id;
            assert!(ids.insert(id), "{loss}");
        }
    }
}

#[test]
fn a_seed_is_compared_whole_before_the_next_begins() {
    let sweep = read(
        "name = \"a\"\nlosses = [{ name = \"focal\" }, { name = \"poly1\" }]\nseeds = [2, 1]\n\
         [grid]\nlearning_rate = [0.2, 0.1]",
    );
    let order: Vec<_> = trials(&sweep)
        .iter()
        .map(|trial| (trial.seed, trial.train.learning_rate, trial.loss.name()))
        .collect();
    let expected = [
        (2, 0.2, "focal"),
        (2, 0.2, "poly1"),
        (2, 0.1, "focal"),
        (2, 0.1, "poly1"),
        (1, 0.2, "focal"),
        (1, 0.2, "poly1"),
        (1, 0.1, "focal"),
        (1, 0.1, "poly1"),
    ];
    assert_eq!(order, expected);
}

#[test]
fn an_id_leaves_out_keys_at_the_default_of_its_optimizer() {
    let id = |train: &str| trial_with(train, "{ name = \"focal\" }").id;
    let adamw = id("optimizer = \"adamw\"");
    assert_eq!(
        adamw,
        id("optimizer = \"adamw\"\nlearning_rate = 0.001\nweight_decay = 0.01")
    );
    let with_the_rate_of_sgd = id("optimizer = \"adamw\"\nlearning_rate = 0.1");
    let ids = [
        id(""),
        adamw,
        with_the_rate_of_sgd,
        id("learning_rate = 0.001"),
    ];
    assert_eq!(HashSet::from(ids.clone()).len(), ids.len());
    // First digits of `printf 'optimizer=adamw\nloss=focal\nseed=1\n' | sha256sum`, and with `learning_rate=0.1\n`.
    assert_eq!(ids[1], "32ec1cb36bce");
    assert_eq!(ids[2], "28eb06cdc663");
}

/// The defaults and the form of the file are both promises to stores of old.
#[test]
fn written_settings_name_every_default() {
    let trial = trial_with("", "{ name = \"encouraging\" }");
    let expected = "\
losses = [{ name = \"encouraging\", log_end = 0.75, tail = \"tangent\" }]
seeds = [1]

[train]
dataset = \"cifar10\"
noise = 0.1
ambiguous = 0.0
model = \"resnet18\"
width = 64
epochs = 200
batch_size = 128
optimizer = \"sgd\"
learning_rate = 0.1
momentum = 0.9
nesterov = false
beta1 = 0.9
beta2 = 0.999
epsilon = 1e-8
weight_decay = 0.0005
decay_norm_and_bias = true
schedule = \"cosine\"
warmup_epochs = 0
step_epochs = 60
step_factor = 0.1
precision = \"f32\"
augmentation = \"crop_flip\"
subset = 0
validation = 0
evaluate_test = true
";
    assert_eq!(
        trial.settings_toml(),
        format!("name = \"{}\"\n{expected}", trial.id)
    );
}

#[test]
fn written_settings_describe_the_same_trial() {
    let sweep = read(
        "name = \"a\"\nseeds = [0, 9007199254740991]\n\
         losses = [{ name = \"encouraging\", log_end = 0.30000000000000004, tail = \"clamped\" }, \
         { name = \"sum\", terms = [{ name = \"focal\", gamma = 1e-7 }, { name = \"poly1\" }], weights = [-1, 1e300] }]\n\
         [train]\ndataset = \"shapes\"\nschedule = \"step\"\nstep_epochs = 7\nsubset = 500\n\
         [grid]\nlearning_rate = [1e-3, 5e-324, 1e16, 123456.7]\nnesterov = [true, false]\n\
         noise = [0, 0.1, 1]\nstep_factor = [0.1, 1e-5]\ndecay_norm_and_bias = [true, false]\n\
         optimizer = [\"adamw\", \"sgd\"]",
    );
    for trial in trials(&sweep) {
        let again = trials(&read(&trial.settings_toml()));
        // The file of one trial has no grid, so there is no point to name.
        let point = String::new();
        assert_eq!(again, [Trial { point, ..trial }]);
    }
}

#[test]
fn json_settings_hold_every_key_the_loss_and_the_seed() {
    let loss = "{ name = \"sum\", terms = [{ name = \"focal\" }, { name = \"cross_entropy\" }], weights = [1, 0.5] }";
    let settings = trial_with("learning_rate = 1e-3", loss).settings_json();
    assert_eq!(settings.len(), TRAIN_KEYS.len() + 2);
    assert_eq!(settings["learning_rate"], json!(0.001));
    assert_eq!(settings["epochs"], json!(200));
    assert_eq!(settings["nesterov"], json!(false));
    assert_eq!(settings["dataset"], json!("cifar10"));
    assert_eq!(settings["seed"], json!(1));
    let terms = json!([
        { "name": "focal", "gamma": 2.0 },
        { "name": "cross_entropy", "label_smoothing": 0.0 },
    ]);
    assert_eq!(
        settings["loss"],
        json!({ "name": "sum", "terms": terms, "weights": [1.0, 0.5] })
    );
    let text = serde_json::to_string(&settings).unwrap();
    assert_eq!(
        serde_json::from_str::<serde_json::Map<_, _>>(&text).unwrap(),
        settings
    );
}
