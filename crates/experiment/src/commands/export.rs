//! `experiment export STORE --tensorboard DIR`

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::report::export_tensorboard;
use crate::session::Unfinished;
use crate::store::Store;
use crate::terminal::inform;

/// Write a store's trials in the format of another program
#[derive(Debug, Args)]
pub struct ExportArguments {
    /// Folder of the store, such as runs/quickstart
    store: PathBuf,
    /// Folder for TensorBoard, created if it does not exist: a run per trial, its scalars per step and epoch
    #[arg(long, value_name = "DIR")]
    tensorboard: PathBuf,
}

pub fn run(arguments: &ExportArguments) -> Result<()> {
    let store = Store::open_existing(&arguments.store)?;
    let mut results = store.results()?;
    let folder = &arguments.tensorboard;
    let (exported, damaged) = export_tensorboard(&store, &results, folder)?;
    let folder = folder.display();
    inform(format_args!(
        "{exported} runs written to {folder}; view them with `tensorboard --logdir {folder}`"
    ));
    results.damaged.extend(damaged);
    let trials = results.ended.len() + results.damaged.len();
    Ok(Unfinished::check_damage(
        results.damaged.iter(),
        trials,
        &arguments.store,
    )?)
}
