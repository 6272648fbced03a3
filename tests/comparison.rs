//! A tuned comparison with claims, from its plan to its verdicts.

use serde_json::Value;

use crate::support::Scratch;

/// Two losses at two learning rates, then two seeds of each at its best one.
const COMPARISON: &str = r#"
name = "compared"
losses = [{ name = "cross_entropy" }, { name = "focal" }]
seeds = [1, 2]
[train]
dataset = "shapes"
width = 1
subset = 16
validation = 20
epochs = 1
batch_size = 8
[tune]
seeds = [11]
[tune.grid]
learning_rate = [0.01, 0.001]
[[claim]]
better = "focal"
than = "cross_entropy"
margin = 90
"#;

fn json(scratch: &Scratch, arguments: &[&str]) -> Value {
    let run = scratch.run(arguments).expect(0);
    serde_json::from_str(&run.stdout).expect("it is JSON")
}

#[test]
fn a_comparison_is_planned_tuned_trained_and_judged() {
    let scratch = Scratch::new();
    scratch.write("a.toml", COMPARISON);
    let plan = ["plan", "a.toml", "--standard-deviation", "5", "--json"];
    let plan = json(&scratch, &plan);
    let counts = |stage: &Value| [&stage["trials"], &stage["new"]].map(|it| it.as_u64().unwrap());
    let stages = plan["stages"].as_array().unwrap();
    assert_eq!([counts(&stages[0]), counts(&stages[1])], [[4, 4], [4, 4]]);
    assert!(plan["cost"]["time_s_left"].as_f64().unwrap() > 0.0);
    assert_eq!(plan["claims"][0]["seeds"], 2);

    let dry = scratch.run(&["run", "a.toml", "--dry-run"]).expect(0);
    assert!(dry.stdout.contains("4 of 4 trials to train"), "{dry:#?}");
    let run = scratch.run(&["run", "a.toml"]).expect(0);
    assert!(
        run.stderr.contains("compared: tuning, 4 of 4 trials"),
        "{run:#?}"
    );
    assert!(
        run.stderr.contains("compared: comparison, 4 trials"),
        "{run:#?}"
    );
    assert!(
        run.stdout.contains("Tuning, on images held out"),
        "{run:#?}"
    );

    let trials = json(&scratch, &["report", "runs/compared", "--trials", "--json"]);
    let trials = trials.as_array().unwrap();
    assert_eq!(trials.len(), 8);
    for trial in trials {
        let is_tuning = trial["seed"] == 11;
        assert_eq!(trial["evaluate_test"], !is_tuning);
        assert_eq!(trial["test_accuracy"].is_null(), is_tuning);
        assert!(trial["validation_accuracy"].is_number());
    }
    let claims = json(&scratch, &["report", "runs/compared", "--claims", "--json"]);
    assert_eq!(claims[0]["seeds"], 2);
    assert_eq!(claims[0]["values"][1].as_array().unwrap().len(), 2);
    let again = scratch.run(&["run", "a.toml"]).expect(0);
    assert_eq!((again.stdout, again.stderr.as_str()), (run.stdout, ""));
}

#[test]
fn a_claim_that_is_changed_after_the_first_trial_is_marked() {
    let scratch = Scratch::new();
    scratch.write("a.toml", COMPARISON);
    let first = scratch.run(&["run", "a.toml"]).expect(0);
    assert!(!first.stdout.contains("were changed"), "{first:#?}");
    scratch.write(
        "a.toml",
        &COMPARISON.replace("margin = 90", "margin = 80  # later"),
    );
    for arguments in [["run", "a.toml"], ["report", "runs/compared"]] {
        let run = scratch.run(&arguments).expect(0);
        let warning = "were changed when 8 trials had already ended";
        assert!(run.stdout.contains(warning), "{run:#?}");
    }
}

#[test]
fn a_check_ends_with_a_code_for_each_answer() {
    let scratch = Scratch::new();
    let check = || scratch.run(&["report", "runs/compared", "--check"]).code;
    scratch.write("a.toml", &COMPARISON.replace("margin = 90", ""));
    scratch.run(&["run", "a.toml"]).expect(0);
    assert_eq!(check(), Some(11));
    // Exactly equal accuracies in every pair are certain to be within a margin only after some more seeds.
    let seeds = COMPARISON.replace("[1, 2]", "{ until = \"decided\", at_most = 12 }");
    scratch.write("a.toml", &seeds);
    scratch.run(&["run", "a.toml"]).expect(0);
    assert_eq!(check(), Some(10));
    scratch.write("a.toml", "name = \"compared\"\nlosses = [{ name = \"focal\" }]\nseeds = [1]\n[train]\ndataset = \"shapes\"\nwidth = 1\nsubset = 16\nepochs = 1\n");
    scratch.run(&["run", "a.toml"]).expect(0);
    assert_eq!(check(), Some(2));
}

#[test]
fn an_interrupted_tuning_stage_withholds_the_verdicts() {
    let scratch = Scratch::new();
    scratch.write("a.toml", COMPARISON);
    scratch.run(&["run", "a.toml"]).expect(0);
    let trials = json(&scratch, &["report", "runs/compared", "--trials", "--json"]);
    let tuning = trials
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["seed"] == 11);
    let id = tuning.unwrap()["id"].as_str().unwrap();
    let folder = scratch.path("runs/compared/trials").join(id);
    std::fs::remove_dir_all(folder).unwrap();
    let report = scratch.run(&["report", "runs/compared"]).expect(0);
    let withheld = "withheld until the tuning stage is complete";
    assert!(report.stdout.contains(withheld), "{report:#?}");
    let checked = scratch.run(&["report", "runs/compared", "--check"]);
    assert_eq!(checked.code, Some(11));
}

#[test]
fn many_trials_need_a_yes() {
    let scratch = Scratch::new();
    let seeds: Vec<String> = (0..501).map(|seed| seed.to_string()).collect();
    let seeds = format!("[{}]", seeds.join(", "));
    let many = format!(
        "name = \"many\"\nlosses = [{{ name = \"focal\" }}]\nseeds = {seeds}\n[train]\ndataset = \"shapes\"\n"
    );
    scratch.write("many.toml", &many);
    let run = scratch.run(&["run", "many.toml"]).expect(2);
    assert!(run.stderr.contains("expected --yes"), "{run:#?}");
    assert!(!scratch.path("runs").exists());
    scratch.run(&["run", "many.toml", "--dry-run"]).expect(0);
}
