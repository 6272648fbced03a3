//! `experiment eval`: test accuracy and loss of a checkpoint.

use std::path::PathBuf;

use anyhow::{Context, Result};
use bonus_loss::LossConfig;
use burn::tensor::Tensor;
use cifar_models::checkpoint;
use clap::Args;

use super::print;
use crate::data::DatasetSource;
use crate::measure::{Tally, predictions, read_values};
use crate::store::Score;
use crate::sweep::{BackendChoice, DatasetName, ModelName, TrainSettings};
use crate::train::build_model;

/// Test accuracy and cross-entropy of a checkpoint (.safetensors, or pytorch-cifar's .pth)
#[derive(Debug, Args)]
pub struct EvalArguments {
    /// The network
    #[arg(long, default_value = "resnet18")]
    model: ModelName,
    /// Channels of the first stage
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    width: u16,
    /// The checkpoint
    #[arg(long)]
    weights: PathBuf,
    /// The images; shapes has its default noise
    #[arg(long, default_value = "cifar10")]
    dataset: DatasetName,
    /// Folder of the dataset's files, or its parent
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// What computes
    #[arg(long, default_value = "auto")]
    backend: BackendChoice,
    /// Threads of the CPU backends; all cores by default
    #[arg(long, value_parser = super::thread_count())]
    threads: Option<u16>,
    /// Write the logits here as CSV without a head: a row per test image in file order, a column per class
    #[arg(long)]
    logits: Option<PathBuf>,
    /// Print an object for programs
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &EvalArguments) -> Result<()> {
    super::use_threads(arguments.threads.map(usize::from))?;
    let settings = TrainSettings {
        dataset: arguments.dataset,
        model: arguments.model,
        width: usize::from(arguments.width),
        ..TrainSettings::default()
    };
    let source = DatasetSource::of(&settings);
    let data = super::load_data(&source, arguments.data_dir.as_deref())?;
    let device = super::open_device(arguments.backend)?;
    let model = build_model(&settings, data.classes, 0, &device.device);
    let model = checkpoint::load(model, &arguments.weights)?;

    let loss = LossConfig::new("cross_entropy")?.init();
    let mut tally = Tally::default();
    let mut csv = String::new();
    let predictions = predictions(&model, &data.test, data.normalization, &device.device);
    for (logits, targets) in predictions {
        if arguments.logits.is_some() {
            append_rows(&mut csv, logits.clone())?;
        }
        tally.add(&loss, logits, targets);
    }
    print_score(&tally.score()?, data.test.len(), arguments.json)?;
    if let Some(path) = &arguments.logits {
        std::fs::write(path, csv).with_context(|| format!("{}: logits", path.display()))?;
    }
    Ok(())
}

fn print_score(score: &Score, images: usize, json: bool) -> Result<()> {
    if json {
        print(&(serde_json::to_string_pretty(score)? + "\n"))
    } else {
        print(&format!(
            "test accuracy {:.2} % ({} of {images} images), cross-entropy {:.6}\n",
            100.0 * score.accuracy,
            (score.accuracy * images as f64).round(),
            score.eval_loss,
        ))
    }
}

fn append_rows(csv: &mut String, logits: Tensor<2>) -> Result<()> {
    let [_, classes] = logits.dims();
    for row in read_values(logits)?.chunks_exact(classes) {
        let fields: Vec<String> = row.iter().map(f32::to_string).collect();
        csv.push_str(&fields.join(","));
        csv.push('\n');
    }
    Ok(())
}
