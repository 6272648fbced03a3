//! `experiment models`: the table of models.

use anyhow::Result;
use burn::module::Module;
use cifar_models::{MODELS, ModelConfig, ModelEntry};
use clap::Args;

use crate::device::open_cpu;
use crate::settings::BackendChoice;
use crate::terminal::print;
use crate::terminal::table::{Align, Column, NONE, ruled};

/// Classes of the network whose parameters are counted.
const CLASSES: usize = 10;

/// List the models: supported images, keys, number of parameters and description
#[derive(Debug, Args)]
pub struct ModelsArguments {}

pub fn run(_: &ModelsArguments) -> Result<()> {
    let rows = MODELS.iter().map(Row::new).collect::<Result<Vec<_>>>()?;
    print(&table(&rows))
}

struct Row {
    model: &'static ModelEntry,
    /// With its keys at their defaults, for images of the published form.
    parameters: usize,
}

impl Row {
    fn new(model: &'static ModelEntry) -> Result<Self> {
        let device = open_cpu(BackendChoice::Auto)?.device;
        let parameters = ModelConfig::new(model, CLASSES)
            .init(0, &device)
            .num_params();
        Ok(Self { model, parameters })
    }
}

fn table(rows: &[Row]) -> String {
    let table = ruled(vec![
        Column::new("model", Align::Left, rows, |row| row.model.name.to_owned()),
        Column::new("images", Align::Left, rows, |row| {
            row.model.inputs.to_string()
        }),
        Column::new("keys", Align::Left, rows, |row| keys(row.model)),
        Column::new("parameters", Align::Right, rows, |row| {
            row.parameters.to_string()
        }),
        Column::new("description", Align::Left, rows, |row| {
            row.model.summary.to_owned()
        }),
    ]);
    let shapes = rows.iter().map(|row| {
        let input = row.model.standard_input.map(|size| size.to_string());
        format!("{} of {}", row.model.name, input.join("×"))
    });
    let shapes: Vec<String> = shapes.collect();
    table
        + &format!(
            "\nimages are height × width × channels; parameters are counted for {CLASSES} classes with all \
             keys at their defaults ({})\n",
            shapes.join(", ")
        )
}

/// The keys of `[train]` that belong to a model, such as `width = 64 (1 to 1024)`.
fn keys(model: &ModelEntry) -> String {
    let keys = model.parameters.iter().map(|parameter| {
        let (minimum, maximum) = (parameter.minimum, parameter.maximum);
        format!(
            "{} = {} ({minimum} to {maximum})",
            parameter.name, parameter.default
        )
    });
    let keys: Vec<String> = keys.collect();
    if keys.is_empty() {
        return NONE.to_owned();
    }
    keys.join(", ")
}
