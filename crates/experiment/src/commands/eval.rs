//! `experiment eval`: test accuracy and loss of a checkpoint.

use std::iter;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use bonus_loss::LossConfig;
use burn::tensor::Device;
use cifar_models::checkpoint::Checkpoint;
use cifar_models::{Model, ModelConfig, ModelEntry, WIDTH};
use clap::Args;

use crate::data::{DatasetSource, TestData, load_test};
use crate::datasets::Dataset;
use crate::device::use_threads;
use crate::exit::BadInput;
use crate::json;
use crate::measure::{METRICS, Metric, Predictions, Tally, outputs};
use crate::records::Score;
use crate::session::open_device;
use crate::settings::{BackendChoice, PrecisionName, TrainSettings};
use crate::terminal::table::{Align, Column, bare};
use crate::terminal::{print, tell};

/// Evaluate a checkpoint of this program or of PyTorch on a test set
#[derive(Debug, Args)]
pub struct EvalArguments {
    /// The network
    #[arg(long, default_value = "resnet18", value_parser = super::model())]
    model: &'static ModelEntry,
    /// Channels of the first stage that the checkpoint must have; any by default
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    width: Option<u16>,
    /// The checkpoint: safetensors, or a `state_dict` saved by PyTorch, bare or as training scripts wrap it
    #[arg(long)]
    weights: PathBuf,
    /// The dataset, of which only the test file is needed; shapes uses its default noise
    #[arg(long, default_value = "cifar10", value_parser = super::dataset())]
    dataset: &'static Dataset,
    /// Folder of the dataset's files, or its parent
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Backend to use
    #[arg(long, default_value = "auto")]
    backend: BackendChoice,
    /// Number of threads of the CPU backends; all cores by default
    #[arg(long, value_parser = super::thread_count())]
    threads: Option<u16>,
    /// Write labels and logits to this CSV file without a header: a row per test image in file order, with
    /// its label and then a logit per class
    #[arg(long)]
    logits: Option<PathBuf>,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &EvalArguments) -> Result<()> {
    use_threads(arguments.threads.map(usize::from))?;
    if let Some(logits) = &arguments.logits {
        refuse_to_overwrite(&arguments.weights, logits)?;
    }
    if arguments.width.is_some() {
        super::require_width(arguments.model)?;
    }
    let checkpoint = Checkpoint::open(&arguments.weights)?;
    let source = DatasetSource::of(&TrainSettings {
        dataset: arguments.dataset,
        ..TrainSettings::default()
    });
    let data = load_test(&source, arguments.data_dir.as_deref())?;
    for note in &data.notes {
        tell(format_args!("note: {note}"));
    }
    let device = open_device(arguments.backend, PrecisionName::F32)?;
    let model = load_model(&checkpoint, arguments, &device.device)?;
    let (score, predictions) = evaluate(&model, &data, &device.device, &arguments.weights)?;
    print_score(&score, data.images.len(), arguments.json)?;
    if let Some(path) = &arguments.logits {
        write_csv(path, &predictions).with_context(|| format!("{}: logits", path.display()))?;
    }
    Ok(())
}

/// Prevents overwriting the weights with the logits, under whatever name.
fn refuse_to_overwrite(weights: &Path, logits: &Path) -> Result<()> {
    let [weights, logits_file] = [weights, logits].map(|path| path.canonicalize().ok());
    if logits_file.is_some() && logits_file == weights {
        let logits = logits.display();
        return Err(BadInput(anyhow!(
            "{logits}: logits: expected a different file than the weights, found the same file"
        ))
        .into());
    }
    Ok(())
}

/// The network in `checkpoint`, of the size that its tensors have.
fn load_model(
    checkpoint: &Checkpoint,
    arguments: &EvalArguments,
    device: &Device,
) -> Result<Model> {
    let EvalArguments { model, dataset, .. } = arguments;
    let classes = dataset.classes();
    let config = ModelConfig::new(model, classes).with_input(dataset.shape.axes());
    let config = checkpoint.config(config, device)?;
    let file = arguments.weights.display();
    if config.classes != classes {
        return Err(BadInput(anyhow!(
            "{file}: expected a network for the {classes} classes of {dataset}, found one for {}: \
             choose the dataset that it was trained on with --dataset",
            config.classes
        ))
        .into());
    }
    if let Some(width) = arguments.width
        && config.parameter(WIDTH.name) != usize::from(width)
    {
        return Err(BadInput(anyhow!(
            "{file}: expected a network of width {width}, found one of width {}: \
             leave out --width, which is read from the file",
            config.parameter(WIDTH.name)
        ))
        .into());
    }
    Ok(checkpoint.load(config.init(0, device))?)
}

/// Score and predictions of the `model` in the file `weights`.
fn evaluate(
    model: &Model,
    data: &TestData,
    device: &Device,
    weights: &Path,
) -> Result<(Score, Predictions)> {
    let mut tally = Tally::new(LossConfig::new("cross_entropy")?.init());
    for outputs in outputs(model, &data.images, data.normalization, device) {
        tally.add(outputs);
    }
    let (score, predictions) = tally.read()?;
    let not_finite = |what: &str, found: f64| {
        let file = weights.display();
        BadInput(anyhow!(
            "{file}: expected a finite {what}, found {found}: the network has no score with these weights"
        ))
    };
    let logits = predictions.logits();
    if let Some(index) = logits.iter().position(|logit| !logit.is_finite()) {
        let what = format!("logit for test image {}", index / data.classes);
        return Err(not_finite(&what, logits[index].into()).into());
    }
    if !score.eval_loss().is_finite() {
        return Err(not_finite("cross-entropy", score.eval_loss()).into());
    }
    Ok((score, predictions))
}

fn print_score(score: &Score, images: usize, json: bool) -> Result<()> {
    if json {
        return print(&json::pretty(score));
    }
    // Which loss a checkpoint was trained with is not known.
    let measured = (METRICS.iter().filter(|metric| metric.name != "eval_loss"))
        .filter_map(|metric| Some((metric, score.get(metric.name)?)));
    let measured: Vec<(&Metric, f64)> = measured.collect();
    let table = bare(vec![
        Column::new("", Align::Left, &measured, |(metric, _)| {
            metric.name.to_owned()
        }),
        Column::new("", Align::Right, &measured, |(metric, value)| {
            metric.show(*value)
        }),
        Column::new("", Align::Left, &measured, |(metric, _)| {
            metric.unit_shown().to_owned()
        }),
    ]);
    print(&format!(
        "test accuracy {:.2} % ({} of {images} images), cross-entropy {:.6}\n\n{table}",
        100.0 * score.accuracy(),
        (score.accuracy() * images as f64).round(),
        score.eval_loss(),
    ))
}

/// A row for each image: its label, then its logits.
fn write_csv(path: &Path, predictions: &Predictions) -> csv::Result<()> {
    let mut writer = csv::Writer::from_path(path)?;
    for image in predictions.iter() {
        let logits = image.logits.iter().map(f32::to_string);
        writer.write_record(iter::once(image.target.to_string()).chain(logits))?;
    }
    Ok(writer.flush()?)
}
