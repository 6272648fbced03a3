//! `experiment show`: one trial, whatever became of it.

use std::fs;

use serde_json::Value;

use crate::run::{CROSS_ENTROPY, sweep};
use crate::support::{Scratch, read_json, trials};

/// The folder and id of the store's first trial in `state`.
fn trial_in(scratch: &Scratch, state: &str) -> (std::path::PathBuf, String) {
    let folders = trials(scratch, "s").into_iter();
    let mut found = folders.filter(|it| read_json(&it.join("result.json"))["state"] == state);
    let folder = found.next().expect("a trial in that state");
    let id = folder.file_name().unwrap().to_str().unwrap().to_owned();
    (folder, id)
}

#[test]
fn a_trial_is_shown_with_its_settings_scores_and_environment_and_the_command_trains_it_again() {
    let scratch = crate::report::validated();
    let (folder, id) = trial_in(&scratch, "done");
    let shown = scratch
        .run(&["show", "s", &id[..8], "--json"])
        .expect(0)
        .json();
    let result = read_json(&folder.join("result.json"));
    for key in [
        "id",
        "state",
        "step",
        "cause",
        "settings",
        "test",
        "validation",
        "time_s_total",
    ] {
        assert_eq!(shown[key], result[key], "{key}");
    }
    assert_eq!(
        shown["environment"],
        read_json(&folder.join("environment.json"))
    );
    assert_eq!(shown["changed_settings"]["weight_decay"], 0.001);
    assert_eq!(shown["changed_settings"]["momentum"], Value::Null);
    assert_eq!(shown["last_epoch"]["epoch"], 2);

    let text = scratch.run(&["show", "s", &id]).expect(0).stdout;
    let place = |part: &str| {
        text.find(part)
            .unwrap_or_else(|| panic!("{part} is not in {text}"))
    };
    assert!(place("weight_decay") < place("momentum"), "{text}");
    place("0.001  (0.0005)");
    place("validation");
    place("determinism");
    let accuracy = 100.0 * result["test"]["accuracy"].as_f64().unwrap();
    place(&format!("{accuracy:.2}"));

    let command = shown["commands"]["run"].as_str().unwrap();
    assert!(text.contains(command), "{text}");
    let words = command.split(' ').skip_while(|word| *word != "run");
    scratch.run(&words.collect::<Vec<_>>()).expect(0);
    let again = format!("runs/{id}-again/trials/{id}/result.json");
    assert_eq!(read_json(&scratch.path(&again))["test"], result["test"]);
}

#[test]
fn trials_that_diverged_or_are_damaged_or_have_not_ended_are_shown_too() {
    let scratch = crate::report::validated();
    let show = |id: &str| scratch.run(&["show", "s", id]).expect(0).stdout;
    let json = |id: &str| scratch.run(&["show", "s", id, "--json"]).expect(0).json();
    let (_, diverged) = trial_in(&scratch, "diverged");
    assert!(show(&diverged).contains("cause"));
    assert_eq!(json(&diverged)["test"], Value::Null);

    let (folder, id) = trial_in(&scratch, "done");
    let model = folder.join("model.safetensors");
    fs::write(&model, "nonsense").unwrap();
    assert!(show(&id).contains("model.safetensors: expected SHA-256"));
    let damaged = json(&id);
    assert_eq!(damaged["state"], "damaged");
    assert_eq!(damaged["test"], Value::Null);
    assert_eq!(damaged["settings"]["width"], 2);

    // As a version without leases left one that had not ended.
    for name in ["result.json", "SHA256SUMS"] {
        fs::remove_file(folder.join(name)).unwrap();
    }
    let unfinished = json(&id);
    assert_eq!(unfinished["state"], "unfinished");
    assert_eq!(unfinished["settings"], damaged["settings"]);
    assert!(show(&id).contains("validation after epoch 2"));
    for file in fs::read_dir(&folder).unwrap() {
        fs::remove_file(file.unwrap().path()).unwrap();
    }
    assert!(show(&id).contains("unfinished"));
    assert_eq!(json(&id)["seed"], Value::Null);
}

#[test]
fn a_trial_that_is_not_in_the_store_is_answered_with_near_ids() {
    let scratch = Scratch::new();
    scratch.write("a.toml", &sweep(CROSS_ENTROPY, "[1]", ""));
    scratch.run(&["run", "a.toml", "--store", "s"]).expect(0);
    let (_, id) = trial_in(&scratch, "done");
    for near in [&format!("{}x", &id[..11]), "zz"] {
        let refused = scratch.run(&["show", "s", near]).expect(2);
        let end = format!("found \"{near}\"; near ids: {id}\n");
        assert!(refused.stderr.ends_with(&end), "{refused:#?}");
    }
    scratch.run(&["show", "nothing", &id]).expect(2);
}
