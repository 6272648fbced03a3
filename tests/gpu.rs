//! The way a GPU goes, on a software Vulkan driver if there is one (Debian: mesa-vulkan-drivers).

use std::fs;

use crate::child::ask;
use crate::support::{Scratch, read_json, trials};

const SWEEP: &str = r#"
name = "gpu"
losses = [{ name = "cross_entropy" }]
seeds = [1]

[train]
dataset = "shapes"
subset = 64
width = 4
batch_size = 16
learning_rate = 1e-6
epochs = 1
"#;

#[test]
fn an_unknown_combination_is_refused_with_the_known_ones() {
    let request = r#"{ "task": "doctor", "settings": { "options": "cuda", "precision": "f32" } }"#;
    let finished = ask(request).expect(2);
    let expected = "expected one of spirv+fusion, spirv, wgsl+fusion, wgsl, found cuda";
    assert!(finished.stdout.contains(expected), "{finished:?}");
}

#[test]
fn a_trial_on_wgpu_is_checked_first_and_gives_the_losses_of_flex() {
    let scratch = Scratch::new();
    scratch.write("sweep.toml", SWEEP);
    let run = |backend: &str, store: &str| {
        scratch.run(&["run", "sweep.toml", "--backend", backend, "--store", store])
    };
    let finished = run("wgpu", "wgpu");
    if finished.stderr.contains("found no adapter") {
        return gpu_device::skip("no Vulkan driver");
    }
    finished.expect(0);
    run("flex", "flex").expect(0);

    let [found, expected] = ["wgpu", "flex"].map(|store| losses(&trials(&scratch, store)[0]));
    assert_eq!(found.len(), 4);
    // At so small a rate steps amplify no rounding; gradients are the doctor's to compare.
    for (found, expected) in found.iter().zip(&expected) {
        let close = (found - expected).abs() < 1e-5 * expected;
        assert!(close, "{found} ≠ {expected}");
    }
    let trial = &trials(&scratch, "wgpu")[0];
    let environment = read_json(&trial.join("environment.json"));
    for key in ["kernels", "determinism", "driver", "precision"] {
        assert!(environment[key].is_string(), "{key}: {environment}");
    }
    let result = read_json(&trial.join("result.json"));
    assert!(result["device_memory_bytes"].as_u64() > Some(0), "{result}");
    // Caches lie in the user's cache directory, not where the program was started.
    let mut names: Vec<_> = (fs::read_dir(scratch.path(".")).unwrap())
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["flex", "sweep.toml", "wgpu"]);

    // What is known of this driver and program is not tried again.
    let again = run("wgpu", "again").expect(0);
    assert!(!again.stderr.contains("against the CPU"), "{again:?}");
}

/// Of every step.
fn losses(trial: &std::path::Path) -> Vec<f64> {
    let text = fs::read_to_string(trial.join("steps.jsonl")).unwrap();
    let lines = text.lines().map(serde_json::from_str::<serde_json::Value>);
    lines
        .map(|line| line.unwrap()["train_loss"].as_f64().unwrap())
        .collect()
}
