//! `experiment report STORE`

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use statistics::Verdict;

use crate::exit::{BadInput, Exit};
use crate::measure::Metric;
use crate::records::TrialResult;
use crate::report::{self, DEFAULT_METRICS, Format};
use crate::session::Unfinished;
use crate::store::{Plan, Results, Store};
use crate::study::Study;
use crate::sweep;
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
    /// Print a row per claim: verdict, difference, interval, p value, the values of every seed
    #[arg(long, conflicts_with_all = ["trials", "curves"], requires = "for_programs")]
    claims: bool,
    /// Exit with 0 if every claim holds as stated, with 10 if one is refuted, with 11 if one is not decided yet
    #[arg(long)]
    check: bool,
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

pub fn run(arguments: &ReportArguments) -> anyhow::Result<Exit> {
    let store = Store::open_existing(&arguments.store)?;
    let mut results = store.results()?;
    let trials = results.ended.len() + results.damaged.len();
    let study = study_of(&store, &results)?;
    let format = arguments.format();
    let metrics = match arguments.metrics.as_slice() {
        [] => &DEFAULT_METRICS,
        metrics => metrics,
    };
    let (text, empty) = if arguments.claims {
        let study = study.as_ref().map(|(study, _)| study);
        let claims = study.map(report::claims_of).unwrap_or_default();
        let empty = claims.is_empty().then_some("no claim can be assessed yet");
        (claims.in_format(format), empty)
    } else if arguments.curves {
        let (curves, damaged) = report::curves(&store, &results)?;
        results.damaged.extend(damaged);
        let empty = curves.is_empty().then_some("no epoch has ended yet");
        (curves.in_format(format), empty)
    } else if arguments.trials {
        let rows = report::trials_of_store(&store, &results)?;
        let empty = rows.is_empty().then_some("no trial has begun yet");
        (report::render_trials(&rows, metrics, format), empty)
    } else {
        let groups = report::groups_of(&results.ended);
        let findings = study
            .as_ref()
            .map_or(String::new(), |(study, declared_after)| {
                report::findings(study, *declared_after, format)
            });
        let empty = (trials == 0).then_some("no trial has a result yet");
        (findings + &report::render(&groups, metrics, format), empty)
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
    Unfinished::check_damage(damaged, trials, &arguments.store)?;
    if !arguments.check {
        return Ok(Exit::Done);
    }
    match study {
        Some((study, _)) if !study.sweep.claims.is_empty() => Ok(check(&study)),
        _ => Err(BadInput(anyhow!(
            "--check: expected a sweep with [[claim]], found none"
        ))
        .into()),
    }
}

/// The sweep that was last run into the store with these results, and the trials that had ended when its claims were
/// last changed; `None` in stores of versions that kept no sweep file.
fn study_of(store: &Store, results: &Results) -> anyhow::Result<Option<(Study, usize)>> {
    let plan = store.plan();
    let Some(declaration) = plan.as_ref().and_then(Plan::declared) else {
        return Ok(None);
    };
    let sweep = sweep::parse(&declaration.sweep, Path::new("plan.json"))?;
    let of_id: HashMap<&str, &TrialResult> = (results.ended.iter())
        .map(|result| (result.id.as_str(), result))
        .collect();
    let study = Study::new(&sweep, |id| {
        Ok::<_, Infallible>(of_id.get(id).map(|result| (*result).clone()))
    });
    let Ok(study) = study;
    Ok(Some((study, declaration.ended)))
}

/// Whether every claim holds.
fn check(study: &Study) -> Exit {
    let is = |refuting: fn(&Verdict) -> bool| {
        let mut verdicts = study
            .assessments
            .iter()
            .filter_map(|it| it.with_diverged.verdict());
        verdicts.any(|verdict| refuting(&verdict))
    };
    let decided = study
        .assessments
        .iter()
        .filter_map(|it| it.with_diverged.verdict());
    if is(|it| matches!(it, Verdict::Loss | Verdict::Equivalent)) {
        Exit::Refuted
    } else if is(|it| matches!(it, Verdict::Inconclusive { .. }))
        || decided.count() < study.sweep.claims.len()
    {
        Exit::Open
    } else {
        Exit::Done
    }
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
