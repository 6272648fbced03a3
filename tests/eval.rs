//! `experiment eval` on checkpoints of this program and of others.

use burn::tensor::TensorData;
use cifar_models::checkpoint::{Metadata, NamedTensors, read_tensors, write_tensors};

use crate::run::{CROSS_ENTROPY, sweep};
use crate::support::{Finished, Scratch, read_json, trials};

/// The weights of a trial on shapes and the score that it recorded.
struct Trained {
    scratch: Scratch,
    weights: NamedTensors,
    score: serde_json::Value,
}

impl Trained {
    fn new() -> Self {
        let scratch = Scratch::new();
        scratch.write("a.toml", &sweep(CROSS_ENTROPY, "[1]", ""));
        scratch.run(&["run", "a.toml", "--store", "s"]).expect(0);
        let folder = &trials(&scratch, "s")[0];
        let path = folder.join("model.safetensors");
        let weights = read_tensors(&std::fs::read(&path).unwrap(), &path).unwrap();
        let score = read_json(&folder.join("result.json"))["test"].clone();
        std::fs::copy(path, scratch.path("model.safetensors")).unwrap();
        assert!(score["accuracy"].is_number(), "{score}");
        Self {
            weights: weights.0,
            scratch,
            score,
        }
    }

    fn write(&self, name: &str, tensors: &NamedTensors) {
        let content = write_tensors(tensors, Metadata::new());
        std::fs::write(self.scratch.path(name), content).unwrap();
    }

    fn eval(&self, weights: &str, arguments: &[&str]) -> Finished {
        let common = ["eval", "--weights", weights, "--backend", "flex", "--json"];
        self.scratch.run(&[&common, arguments].concat())
    }

    /// Scores the weights after `change` of one tensor, which must be refused before any result.
    #[track_caller]
    fn refusal(&self, name: &str, change: impl FnOnce(&mut [f32])) -> String {
        let mut weights = self.weights.clone();
        let tensor = weights.get_mut(name).unwrap();
        let mut values = tensor.try_to_vec::<f32>().unwrap();
        change(&mut values);
        *tensor = TensorData::new(values, tensor.shape().clone());
        self.write("changed.safetensors", &weights);
        let logits = ["--dataset", "shapes", "--logits", "logits.csv"];
        let run = self.eval("changed.safetensors", &logits).expect(2);
        assert_eq!(run.stdout, "");
        assert!(!self.scratch.path("logits.csv").exists());
        run.stderr
    }
}

#[test]
fn the_score_is_that_of_the_trial_and_logits_come_with_labels() {
    let trained = Trained::new();
    let arguments = ["--dataset", "shapes", "--logits", "logits.csv"];
    let run = trained.eval("model.safetensors", &arguments).expect(0);
    assert_eq!(run.json(), trained.score);
    let arguments = "eval --weights model.safetensors --dataset shapes --backend flex";
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let text = trained.scratch.run(&arguments).expect(0).stdout;
    assert!(text.starts_with("test accuracy "), "{text}");
    for (name, value) in trained.score["metrics"].as_object().unwrap() {
        assert!(value.is_number(), "{name}");
        // A checkpoint does not say which loss it was trained with.
        let is_shown = name != "eval_loss";
        assert_eq!(
            text.contains(&format!("\n{name} ")),
            is_shown,
            "{name}: {text}"
        );
    }

    let csv = std::fs::read_to_string(trained.scratch.path("logits.csv")).unwrap();
    let rows = csv
        .lines()
        .map(|line| line.split(',').map(str::parse::<f32>));
    let rows: Vec<Vec<f32>> = rows.map(|row| row.map(Result::unwrap).collect()).collect();
    assert_eq!(rows.len(), 1000);
    let right = rows.iter().filter(|row| {
        assert_eq!(row.len(), 11);
        let (label, logits) = (row[0] as usize, &row[1..]);
        logits.iter().all(|&logit| logit <= logits[label])
    });
    let accuracy = right.count() as f64 / 1000.0;
    assert_eq!(trained.score["accuracy"], accuracy);
}

#[test]
fn logits_are_never_written_over_the_weights() {
    let trained = Trained::new();
    let before = std::fs::read(trained.scratch.path("model.safetensors")).unwrap();
    let arguments = ["--dataset", "shapes", "--logits", "./model.safetensors"];
    let run = trained.eval("model.safetensors", &arguments).expect(2);
    assert!(
        run.stderr
            .contains("expected a different file than the weights"),
        "{run:#?}"
    );
    let after = std::fs::read(trained.scratch.path("model.safetensors")).unwrap();
    assert!(after == before);
}

#[test]
fn the_width_is_the_files_and_another_one_is_refused() {
    let trained = Trained::new();
    let same = ["--dataset", "shapes", "--width", "2"];
    let run = trained.eval("model.safetensors", &same).expect(0);
    assert_eq!(run.json(), trained.score);
    let other = ["--dataset", "shapes", "--width", "4"];
    let run = trained.eval("model.safetensors", &other).expect(2);
    let expected =
        "error: model.safetensors: expected a network of width 4, found one of width 2: ";
    assert!(run.stderr.starts_with(expected), "{run:#?}");
}

#[test]
fn wrapped_weights_have_the_score_of_the_plain_ones() {
    let trained = Trained::new();
    for (prefix, other) in [("module._orig_mod.", "ema."), ("model.", "velocity.")] {
        let mut wrapped = NamedTensors::new();
        for (name, data) in &trained.weights {
            wrapped.insert(format!("{prefix}{name}"), data.clone());
            wrapped.insert(format!("{other}{name}"), TensorData::zeros::<f32, _>([1]));
        }
        trained.write("wrapped.ckpt", &wrapped);
        let run = trained.eval("wrapped.ckpt", &["--dataset", "shapes"]);
        assert_eq!(run.expect(0).json(), trained.score);
    }
}

#[test]
fn two_networks_in_one_file_are_refused() {
    let trained = Trained::new();
    let mut both = trained.weights.clone();
    for (name, data) in &trained.weights {
        both.insert(format!("module.{name}"), data.clone());
    }
    trained.write("both.safetensors", &both);
    let run = trained.eval("both.safetensors", &["--dataset", "shapes"]);
    let run = run.expect(2);
    let both = "found bn1.bias and module.bn1.bias: ";
    assert!(run.stderr.contains(both), "{run:#?}");
}

#[test]
fn weights_that_are_not_finite_have_no_score() {
    let trained = Trained::new();
    for value in [f32::NAN, f32::INFINITY] {
        let message = trained.refusal("layer2.0.bn1.weight", |weights| weights[1] = value);
        let expected = format!(
            "error: changed.safetensors: layer2.0.bn1.weight: \
             expected finite 32-bit numbers, found {value}: "
        );
        assert!(message.starts_with(&expected), "{message}");
    }
}

#[test]
fn logits_that_are_not_finite_have_no_score() {
    let trained = Trained::new();
    let expected = "error: changed.safetensors: expected a finite logit for test image 0, found ";
    // A negative variance has no root, and numbers above 3.4e38 are infinite.
    let message = trained.refusal("bn1.running_var", |variances| variances.fill(-1.0));
    assert!(message.starts_with(expected), "{message}");
    let message = trained.refusal("linear.weight", |weights| weights.fill(3e38));
    assert!(message.starts_with(expected), "{message}");
}

/// A folder with a test file of ten records, one of each class, and nothing else.
fn test_file_alone(scratch: &Scratch, path: &str, labels: impl Fn(u8) -> Vec<u8>) {
    let path = scratch.path(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let records = (0..10).flat_map(|class| [labels(class), vec![16 * class; 3072]].concat());
    std::fs::write(path, records.collect::<Vec<u8>>()).unwrap();
}

#[test]
fn the_test_file_alone_suffices() {
    let trained = Trained::new();
    let file = "cifar-10-batches-bin/test_batch.bin";
    test_file_alone(&trained.scratch, file, |class| vec![class]);
    let run = trained.eval("model.safetensors", &["--data-dir", "."]);
    let run = run.expect(0);
    assert!(run.json()["eval_loss"].is_number(), "{run:#?}");
    assert_eq!(run.stderr, "note: partial: 10 of 10000 test records\n");
}

#[test]
fn weights_for_other_classes_than_the_datasets_are_refused() {
    let trained = Trained::new();
    let file = "cifar-100-binary/test.bin";
    test_file_alone(&trained.scratch, file, |class| vec![0, class]);
    let arguments = ["--dataset", "cifar100", "--data-dir", "."];
    let run = trained.eval("model.safetensors", &arguments).expect(2);
    let expected = "error: model.safetensors: expected a network for the 100 classes of cifar100, \
                    found one for 10: ";
    assert!(run.stderr.contains(expected), "{run:#?}");
}

#[test]
fn a_file_that_is_no_checkpoint_is_refused_before_anything_else() {
    let scratch = Scratch::new();
    scratch.write("text.pth", "accuracy,loss\n");
    let message = |weights: &str| {
        scratch
            .run(&["eval", "--weights", weights])
            .expect(2)
            .stderr
    };
    assert_eq!(
        message("absent.pth"),
        "error: absent.pth: No such file or directory (os error 2)\n"
    );
    assert_eq!(message("."), "error: .: expected a file\n");
    let expected = "error: text.pth: not a complete PyTorch file (14 bytes): ";
    assert!(message("text.pth").starts_with(expected));
}
