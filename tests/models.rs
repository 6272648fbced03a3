//! Every model of the table through the whole program.

use cifar_models::MODELS;

use crate::support::{Scratch, read_json, trials};

/// A sweep file of one trial on a small network of `model`.
fn sweep(model: &str, width: &str) -> String {
    format!(
        "name = \"small\"\nlosses = [{{ name = \"cross_entropy\" }}]\nseeds = [1]\n[train]\ndataset = \"shapes\"\n\
         model = \"{model}\"\n{width}\nepochs = 1\nbatch_size = 32\nsubset = 80\nlearning_rate = 0.02\n\
         backend = \"flex\"\n"
    )
}

#[test]
fn every_model_trains_and_its_weights_have_the_score_of_the_trial() {
    for model in MODELS {
        let scratch = Scratch::new();
        let width = model.parameter("width").map_or("", |_| "width = 2");
        scratch.write("a.toml", &sweep(model.name, width));
        scratch.run(&["run", "a.toml", "--store", "s"]).expect(0);
        let folder = &trials(&scratch, "s")[0];
        let score = &read_json(&folder.join("result.json"))["test"];
        assert!(score["accuracy"].is_number(), "{}: {score}", model.name);
        let weights = folder.join("model.safetensors");
        let weights = weights.to_str().unwrap();
        let arguments = "--dataset shapes --backend flex --json --model";
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let eval = [
            &["eval", "--weights", weights],
            &arguments[..],
            &[model.name],
        ]
        .concat();
        assert_eq!(
            scratch.run(&eval).expect(0).json(),
            *score,
            "{}",
            model.name
        );
    }
}

#[test]
fn the_weights_of_one_model_are_not_those_of_another() {
    let scratch = Scratch::new();
    scratch.write("a.toml", &sweep("resnet18", "width = 2"));
    scratch.run(&["run", "a.toml", "--store", "s"]).expect(0);
    let weights = trials(&scratch, "s")[0].join("model.safetensors");
    let weights = weights.to_str().unwrap();
    let eval = [
        "eval",
        "--dataset",
        "shapes",
        "--model",
        "lenet",
        "--weights",
        weights,
    ];
    let run = scratch.run(&eval).expect(2);
    for part in [
        "missing tensors: ",
        "fc1.weight",
        "unexpected tensors: layer4",
    ] {
        assert!(run.stderr.contains(part), "{part}: {run:#?}");
    }
}

#[test]
fn every_model_is_measured_and_listed() {
    let scratch = Scratch::new();
    let names: Vec<&str> = MODELS.iter().map(|model| model.name).collect();
    let names = names.join(",");
    let arguments =
        "bench --backend flex --batch 2 --steps 1 --mode training --layers --json --model";
    let arguments: Vec<&str> = arguments.split(' ').chain([names.as_str()]).collect();
    let rows = scratch.run(&arguments).expect(0).json();
    let listed = scratch.run(&["models"]).expect(0).stdout;
    for (index, model) in MODELS.iter().enumerate() {
        let row = &rows[index];
        assert_eq!(row["model"], model.name);
        let has_width = model.parameter("width").is_some();
        assert_eq!(row["width"].is_number(), has_width, "{row}");
        let layers = row["layers"].as_array().expect("layers");
        assert!(layers.len() > 1, "{row}");
        assert!(listed.contains(&format!("\n{} ", model.name)), "{listed}");
    }
}

#[test]
fn a_width_is_refused_where_the_model_has_none() {
    let scratch = Scratch::new();
    scratch.write("a.safetensors", "");
    for arguments in [
        "bench --model resnet18,lenet --width 8",
        "eval --weights a.safetensors --model lenet --width 8",
    ] {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let run = scratch.run(&arguments).expect(2);
        let expected =
            "error: --width: expected only with a model that supports it, found --model lenet\n";
        assert_eq!(run.stderr, expected);
    }
}
