//! `experiment run` from the sweep file to the table and back again.

use crate::support::{Scratch, read_json, trials};
use serde_json::Value;

/// A sweep file of these losses and seeds on a network that trains in a blink.
pub fn sweep(losses: &str, seeds: &str, train: &str) -> String {
    format!(
        "name = \"small\"\nlosses = [{losses}]\nseeds = {seeds}\n[train]\ndataset = \"shapes\"\nwidth = 2\nepochs = 2\n\
         batch_size = 32\nsubset = 80\nlearning_rate = 0.05\nbackend = \"flex\"\n{train}\n"
    )
}

pub const CROSS_ENTROPY: &str = r#"{ name = "cross_entropy" }"#;
const BONUS: &str = r#"{ name = "encouraging", log_end = 1 }"#;

fn results(scratch: &Scratch, store: &str) -> Vec<Value> {
    let folders = trials(scratch, store);
    folders
        .iter()
        .map(|folder| read_json(&folder.join("result.json")))
        .collect()
}

#[test]
fn a_sweep_ends_in_its_table_and_leaves_a_whole_record() {
    let scratch = Scratch::new();
    scratch.write(
        "a.toml",
        &sweep(&format!("{CROSS_ENTROPY}, {BONUS}"), "[1, 2]", ""),
    );
    let run = scratch.run(&["run", "a.toml"]).expect(0);
    assert!(run.stdout.contains("cross_entropy"), "{run:#?}");
    assert!(run.stdout.contains("encouraging(log_end=1)"), "{run:#?}");
    assert!(run.stderr.contains("epoch 2/2"), "{run:#?}");

    let results = results(&scratch, "runs/small");
    assert_eq!(results.len(), 4);
    for (folder, result) in trials(&scratch, "runs/small").iter().zip(&results) {
        for file in [
            "settings.toml",
            "environment.json",
            "steps.jsonl",
            "epochs.jsonl",
            "model.safetensors",
        ] {
            assert!(folder.join(file).is_file(), "{file} is missing");
        }
        assert_eq!(result["id"], folder.file_name().unwrap().to_str().unwrap());
        assert_eq!(result["state"], "done");
        assert_eq!(result["step"], 6);
        assert!(result["images_per_second"].as_f64().unwrap() > 0.0);
        assert!(result["time_s_total"].as_f64().unwrap() > 0.0);
        let accuracy = result["test"]["accuracy"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&accuracy));
        let lines = |file: &str| {
            std::fs::read_to_string(folder.join(file))
                .unwrap()
                .lines()
                .count()
        };
        assert_eq!((lines("steps.jsonl"), lines("epochs.jsonl")), (6, 2));
    }
}

#[test]
fn running_again_trains_nothing_and_prints_the_same_table() {
    let scratch = Scratch::new();
    scratch.write("a.toml", &sweep(CROSS_ENTROPY, "[1]", ""));
    let first = scratch.run(&["run", "a.toml"]).expect(0);
    let before = results(&scratch, "runs/small");
    let second = scratch.run(&["run", "a.toml"]).expect(0);
    assert_eq!(first.stdout, second.stdout);
    assert_eq!(second.stderr, "");
    assert_eq!(before, results(&scratch, "runs/small"));
}

#[test]
fn an_extended_file_trains_only_what_is_new() {
    let scratch = Scratch::new();
    scratch.write("a.toml", &sweep(CROSS_ENTROPY, "[1]", ""));
    scratch.run(&["run", "a.toml"]).expect(0);
    let old = results(&scratch, "runs/small");
    scratch.write(
        "a.toml",
        &sweep(&format!("{BONUS}, {CROSS_ENTROPY}"), "[2, 1]", ""),
    );
    let run = scratch.run(&["run", "a.toml"]).expect(0);
    assert!(run.stderr.contains("3 of 4 trials to train"), "{run:#?}");
    assert!(results(&scratch, "runs/small").contains(&old[0]));
}

#[test]
fn a_trial_whose_loss_is_not_finite_is_diverged_and_the_sweep_goes_on() {
    let scratch = Scratch::new();
    scratch.write(
        "a.toml",
        &sweep(
            &format!(r#"{{ name = "mean_squared_error" }}, {CROSS_ENTROPY}"#),
            "[1]",
            "[grid]\nweight_decay = [1e30, 0.001]",
        ),
    );
    let run = scratch.run(&["run", "a.toml", "--store", "s"]).expect(0);
    let results = results(&scratch, "s");
    let diverged: Vec<&Value> = results
        .iter()
        .filter(|result| result["state"] == "diverged")
        .collect();
    assert_eq!(diverged.len(), 2, "{run:#?}");
    for result in diverged {
        assert!(
            result["cause"].as_str().unwrap().contains("step"),
            "{result}"
        );
        assert_eq!(result["test"], Value::Null);
    }
    let report = scratch.run(&["report", "s", "--json"]).expect(0).json();
    let counts = |row: &Value| {
        (
            row["n"].as_u64().unwrap(),
            row["diverged"].as_u64().unwrap(),
        )
    };
    let rows = report.as_array().unwrap();
    assert_eq!(rows.len(), 4);
    assert_eq!(rows.iter().map(|row| counts(row).1).sum::<u64>(), 2);
    for row in rows.iter().filter(|row| counts(row).0 == 1) {
        assert!(row["accuracy_mean"].is_number());
        assert_eq!(row["accuracy_std"], Value::Null);
        assert_eq!(row["accuracy_interval_95"], Value::Null);
    }
}

#[test]
fn a_failed_trial_is_reported_and_trained_again_only_on_request() {
    let scratch = Scratch::new();
    scratch.write("a.toml", &sweep(CROSS_ENTROPY, "[1]", ""));
    scratch.run(&["run", "a.toml"]).expect(0);
    let path = trials(&scratch, "runs/small")[0].join("result.json");
    let mut result = read_json(&path);
    result["state"] = "failed".into();
    result["test"] = Value::Null;
    result["cause"] = "the driver gave up".into();
    // As of a version without checksums.
    result["store_version"] = 0.into();
    std::fs::write(&path, result.to_string()).unwrap();
    std::fs::remove_file(path.with_file_name("SHA256SUMS")).unwrap();

    let run = scratch.run(&["run", "a.toml"]).expect(3);
    assert!(run.stderr.contains("1 of 1 trials failed"), "{run:#?}");
    assert!(run.stderr.contains("--retry failed"), "{run:#?}");
    scratch
        .run(&["run", "a.toml", "--retry", "failed"])
        .expect(0);
    assert_eq!(read_json(&path)["state"], "done");
}

/// The training loss of each step of the only trial in `store`.
fn step_losses(scratch: &Scratch, store: &str) -> Vec<f64> {
    let text = std::fs::read_to_string(trials(scratch, store)[0].join("steps.jsonl")).unwrap();
    let lines = text.lines();
    lines
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["train_loss"]
                .as_f64()
                .unwrap()
        })
        .collect()
}

#[test]
fn weights_order_and_augmentation_are_the_same_on_every_cpu_backend() {
    let scratch = Scratch::new();
    scratch.write("a.toml", &sweep(CROSS_ENTROPY, "[7]", ""));
    for backend in ["flex", "ndarray"] {
        scratch
            .run(&["run", "a.toml", "--backend", backend, "--store", backend])
            .expect(0);
    }
    assert_eq!(
        trials(&scratch, "flex")[0].file_name(),
        trials(&scratch, "ndarray")[0].file_name()
    );
    let (flex, ndarray) = (
        step_losses(&scratch, "flex"),
        step_losses(&scratch, "ndarray"),
    );
    // A tiny network in single precision magnifies rounding from step to step.
    for (a, b) in flex.iter().zip(&ndarray).take(2) {
        assert!((a - b).abs() < 1e-4 * a.abs(), "{flex:?} {ndarray:?}");
    }
}

#[test]
fn a_trial_is_bitwise_the_same_when_trained_again() {
    let scratch = Scratch::new();
    scratch.write("a.toml", &sweep(BONUS, "[7]", ""));
    for store in ["one", "two"] {
        scratch.run(&["run", "a.toml", "--store", store]).expect(0);
    }
    let model =
        |store| std::fs::read(trials(&scratch, store)[0].join("model.safetensors")).unwrap();
    assert_eq!(step_losses(&scratch, "one"), step_losses(&scratch, "two"));
    assert!(model("one") == model("two"), "the weights differ");
}

#[test]
fn a_trials_own_settings_file_makes_it_again() {
    let scratch = Scratch::new();
    scratch.write("a.toml", &sweep(BONUS, "[3]", ""));
    scratch.run(&["run", "a.toml"]).expect(0);
    let settings = trials(&scratch, "runs/small")[0].join("settings.toml");
    scratch
        .run(&[
            "run",
            settings.to_str().unwrap(),
            "--backend",
            "flex",
            "--store",
            "again",
        ])
        .expect(0);
    assert_eq!(
        results(&scratch, "runs/small")[0]["test"],
        results(&scratch, "again")[0]["test"]
    );
}

#[test]
fn a_validation_split_is_scored_each_epoch_and_the_test_set_once() {
    let scratch = Scratch::new();
    scratch.write("a.toml", &sweep(CROSS_ENTROPY, "[1]", "validation = 50"));
    scratch.run(&["run", "a.toml", "--store", "s"]).expect(0);
    let text = std::fs::read_to_string(trials(&scratch, "s")[0].join("epochs.jsonl")).unwrap();
    for line in text.lines() {
        let epoch: Value = serde_json::from_str(line).unwrap();
        assert_eq!(epoch["evaluated_on"], "validation");
    }
    let result = &results(&scratch, "s")[0];
    assert!(result["test"]["accuracy"].is_number());
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    for (key, of_epoch) in [
        ("accuracy", "eval_accuracy"),
        ("eval_loss", "eval_loss"),
        ("cross_entropy", "cross_entropy"),
    ] {
        assert!(result["validation"][key].is_number(), "{result}");
        assert_eq!(result["validation"][key], last[of_epoch], "{key}");
    }
}

#[test]
fn a_sweep_that_leaves_the_test_set_out_has_validation_scores_alone_and_is_reported() {
    let scratch = Scratch::new();
    let train = "validation = 50\nevaluate_test = false";
    scratch.write("a.toml", &sweep(CROSS_ENTROPY, "[1, 2]", train));
    let run = scratch.run(&["run", "a.toml", "--store", "s"]).expect(0);
    assert!(run.stderr.contains("done: validation accuracy"), "{run:#?}");
    for result in results(&scratch, "s") {
        assert_eq!(result["state"], "done");
        assert_eq!(result["test"], Value::Null);
        assert!(result["validation"]["accuracy"].is_number(), "{result}");
    }
    let rows = scratch.run(&["report", "s", "--json"]).expect(0).json();
    assert_eq!(
        (&rows[0]["n"], &rows[0]["accuracy_n"]),
        (&2.into(), &0.into())
    );
    assert_eq!(rows[0]["validation_n"], 2);
    for format in ["--markdown", "--csv", "--trials"] {
        scratch.run(&["report", "s", format]).expect(0);
    }
    let again = scratch.run(&["run", "a.toml", "--store", "s"]).expect(0);
    assert!(!again.stderr.contains("to train on"), "{again:#?}");
}

#[test]
fn dry_run_shows_the_trials_and_makes_nothing() {
    let scratch = Scratch::new();
    scratch.write(
        "a.toml",
        &sweep(&format!("{CROSS_ENTROPY}, {BONUS}"), "[1, 2]", ""),
    );
    let run = scratch.run(&["run", "a.toml", "--dry-run"]).expect(0);
    assert!(run.stdout.contains("4 of 4 trials to train"), "{run:#?}");
    assert!(!scratch.path("runs").exists());
}

#[test]
fn mixed_precision_falls_back_to_f32_on_a_cpu_and_the_record_says_so() {
    let scratch = Scratch::new();
    scratch.write("f32.toml", &sweep(CROSS_ENTROPY, "[1, 2]", ""));
    scratch.write(
        "mixed.toml",
        &sweep(CROSS_ENTROPY, "[1, 2]", "precision = \"mixed\""),
    );
    scratch
        .run(&["run", "f32.toml", "--store", "f32"])
        .expect(0);
    let run = scratch
        .run(&["run", "mixed.toml", "--store", "mixed"])
        .expect(0);
    let warning =
        "warning: precision: the kernels of flex compute in f32; using f32 instead of mixed\n";
    assert_eq!(run.stderr.matches(warning).count(), 1, "{run:#?}");
    for folder in trials(&scratch, "mixed") {
        assert_eq!(
            read_json(&folder.join("environment.json"))["precision"],
            "f32"
        );
        let settings = std::fs::read_to_string(folder.join("settings.toml")).unwrap();
        assert!(settings.contains("precision = \"mixed\""), "{settings}");
        let epochs = std::fs::read_to_string(folder.join("epochs.jsonl")).unwrap();
        assert!(!epochs.contains("steps_skipped"), "{epochs}");
    }
    let scores = |store| {
        let results = results(&scratch, store);
        let mut scores: Vec<String> = results.iter().map(|r| r["test"].to_string()).collect();
        scores.sort();
        scores
    };
    assert_eq!(scores("f32"), scores("mixed"));
}

#[test]
fn bench_names_the_precision_that_was_measured() {
    let scratch = Scratch::new();
    let arguments = "bench --backend flex --precision f32,mixed --mode training --width 2 \
                     --batch 8 --threads 1 --steps 1 --json";
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let run = scratch.run(&arguments).expect(0);
    let rows = run.json();
    assert_eq!(rows.as_array().unwrap().len(), 2);
    for row in rows.as_array().unwrap() {
        assert_eq!(row["precision"], "f32");
    }
    assert!(
        run.stderr.contains("using f32 instead of mixed"),
        "{run:#?}"
    );
}

#[test]
fn bench_prints_a_row_for_programs() {
    let scratch = Scratch::new();
    let arguments = "bench --backend flex --width 2 --batch 8 --threads 1 --steps 1 --json";
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let rows = scratch.run(&arguments).expect(0).json();
    assert_eq!(rows[0]["backend"], "flex");
    assert_eq!(
        (&rows[0]["width"], &rows[0]["batch"], &rows[0]["threads"]),
        (&2.into(), &8.into(), &1.into())
    );
    assert!(rows[0]["images_per_second"].as_f64().unwrap() > 0.0);
}

#[test]
fn the_memory_of_a_trial_is_given_back_before_the_next_one() {
    let scratch = Scratch::new();
    scratch.write("a.toml", &sweep(CROSS_ENTROPY, "[1, 2]", ""));
    let run = scratch.run(&["run", "a.toml", "--verbose"]).expect(0);
    let given_back = run.stderr.lines().filter_map(|line| {
        let megabytes = line.strip_suffix(" MB of memory released")?;
        megabytes.parse::<f64>().ok()
    });
    let given_back: Vec<f64> = given_back.collect();
    assert_eq!(given_back.len(), 2, "{run:#?}");
    assert!(
        given_back.iter().all(|megabytes| *megabytes > 0.0),
        "{run:#?}"
    );
}
