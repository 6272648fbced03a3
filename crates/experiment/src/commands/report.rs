//! `experiment report STORE`

use std::path::PathBuf;

use crate::measure::Metric;
use crate::report::{self, DEFAULT_METRICS, Format};
use crate::session::Unfinished;
use crate::store::Store;
use crate::terminal::{print, tell};

/// Print the table of a store's results, its trials or their curves
#[derive(Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools)] // flags of a command line
pub struct ReportArguments {
    /// Folder of the store, such as runs/quickstart
    store: PathBuf,
    /// Print a row per trial: settings, seed, state, scores, time
    #[arg(long)]
    trials: bool,
    /// Print a row per trial and epoch: losses, accuracies, learning rate
    #[arg(long, conflicts_with = "trials", requires = "for_programs")]
    curves: bool,
    /// Metrics to show in the table, separated by commas; --csv and --json contain all
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = super::metric(), conflicts_with = "for_programs")]
    metrics: Vec<&'static Metric>,
    /// Print a Markdown table
    #[arg(long, group = "format", conflicts_with = "curves")]
    markdown: bool,
    /// Print a LaTeX table, which needs the package booktabs: mean ± standard deviation
    #[arg(long, group = "format", conflicts_with = "curves")]
    latex: bool,
    /// Print comma-separated values: every setting and metric, accuracies from 0 to 1
    #[arg(long, groups = ["format", "for_programs"])]
    csv: bool,
    /// Print a JSON array: every setting and metric, accuracies from 0 to 1
    #[arg(long, groups = ["format", "for_programs"])]
    json: bool,
}

pub fn run(arguments: &ReportArguments) -> anyhow::Result<()> {
    let store = Store::open_existing(&arguments.store)?;
    let mut results = store.results()?;
    let trials = results.ended.len() + results.damaged.len();
    let format = arguments.format();
    let metrics = match arguments.metrics.as_slice() {
        [] => &DEFAULT_METRICS,
        metrics => metrics,
    };
    let (text, empty) = if arguments.curves {
        let (curves, damaged) = report::curves(&store, &results)?;
        results.damaged.extend(damaged);
        let text = match format {
            Format::Json => curves.json(),
            _ => curves.csv(),
        };
        let empty = curves.is_empty().then_some("no epoch has ended yet");
        (text, empty)
    } else if arguments.trials {
        let rows = report::trials_of_store(&store, &results)?;
        let empty = rows.is_empty().then_some("no trial has begun yet");
        (report::render_trials(&rows, metrics, format), empty)
    } else {
        let groups = report::groups_of(&results.ended);
        let empty = (trials == 0).then_some("no trial has a result yet");
        (report::render(&groups, metrics, format), empty)
    };
    if let Some(empty) = empty.filter(|_| results.damaged.is_empty()) {
        tell(format_args!("{}: {empty}", arguments.store.display()));
    }
    print(&text)?;
    match report::left(&store, &results) {
        Some(left) if format == Format::Text => print(&left)?,
        // Not among the rows that a program reads.
        Some(left) => tell(left.trim_end()),
        None => {}
    }
    let damaged = results.damaged.iter();
    Ok(Unfinished::check_damage(damaged, trials, &arguments.store)?)
}

impl ReportArguments {
    fn format(&self) -> Format {
        match self {
            Self { markdown: true, .. } => Format::Markdown,
            Self { latex: true, .. } => Format::Latex,
            Self { csv: true, .. } => Format::Csv,
            Self { json: true, .. } => Format::Json,
            _ => Format::Text,
        }
    }
}
