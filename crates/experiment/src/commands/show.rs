//! `experiment show STORE TRIAL`

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::report::TrialReport;
use crate::store::Store;
use crate::terminal::print;

/// Print everything about one trial: settings, state, scores, environment, and how to train it again
#[derive(Debug, Args)]
pub struct ShowArguments {
    /// Folder of the store, such as runs/quickstart
    store: PathBuf,
    /// The trial's id, or the start of one
    trial: String,
    /// Print a JSON object: every setting, metric and record
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &ShowArguments) -> Result<()> {
    let store = Store::open_existing(&arguments.store)?;
    let id = store.find(&arguments.trial)?;
    let report = TrialReport::read(&store, &arguments.store, &id)?;
    print(&if arguments.json {
        report.json()
    } else {
        report.text()
    })
}
