//! `experiment report STORE`

use std::path::PathBuf;

use super::{Unfinished, print, tell};
use crate::report::{self, Format};
use crate::store::Store;

/// Print the table of a store's results
#[derive(Debug, clap::Args)]
pub struct ReportArguments {
    /// Folder of the store, such as runs/quickstart
    store: PathBuf,
    /// Print a Markdown table
    #[arg(long, group = "format")]
    markdown: bool,
    /// Print comma-separated values: every setting, accuracies from 0 to 1
    #[arg(long, group = "format")]
    csv: bool,
    /// Print a JSON array: every setting, accuracies from 0 to 1
    #[arg(long, group = "format")]
    json: bool,
}

pub fn run(arguments: &ReportArguments) -> anyhow::Result<()> {
    let store = Store::open_existing(&arguments.store)?;
    let results = store.results()?;
    let damaged = super::tell_damage(&results.damaged);
    let trials = results.ended.len() + damaged;
    let rows = report::rows_of(results.ended);
    if trials == 0 {
        tell(format_args!(
            "{}: no trial has a result yet",
            arguments.store.display()
        ));
    }
    print(&report::render(&rows, arguments.format()))?;
    if damaged > 0 {
        let store = arguments.store.display().to_string();
        return Err(Unfinished::Damaged {
            damaged,
            trials,
            store,
        }
        .into());
    }
    Ok(())
}

impl ReportArguments {
    fn format(&self) -> Format {
        match self {
            Self { markdown: true, .. } => Format::Markdown,
            Self { csv: true, .. } => Format::Csv,
            Self { json: true, .. } => Format::Json,
            _ => Format::Text,
        }
    }
}
