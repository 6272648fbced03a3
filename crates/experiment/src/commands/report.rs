//! `experiment report STORE`

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use statistics::Verdict;

use crate::exit::{BadInput, Exit};
use crate::measure::Metric;
use crate::report::{self, DEFAULT_METRICS, Format, Omission, Page, Snapshot};
use crate::session::Unfinished;
use crate::store::{Damage, Store, atomic};
use crate::study::Study;
use crate::terminal::{inform, print, tell};

/// Print the table of a store's results, its trials or their curves, or write them as a page
#[derive(Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools)] // flags of a command line
pub struct ReportArguments {
    /// Folder of the store, such as runs/quickstart
    #[arg(required_unless_present = "from")]
    store: Option<PathBuf>,
    /// Read a page that --html wrote instead of a store
    #[arg(long, value_name = "PAGE", conflicts_with = "store")]
    from: Option<PathBuf>,
    /// Write one self-contained HTML page: verdicts, tables, figures, the numbers of every seed
    #[arg(long, value_name = "FILE", conflicts_with_all = ["trials", "claims", "curves", "format", "metrics"])]
    html: Option<PathBuf>,
    /// Write every figure of the page as an SVG file into this folder
    #[arg(long, value_name = "DIR", conflicts_with_all = ["trials", "claims", "curves", "format", "metrics"])]
    svg: Option<PathBuf>,
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
    let Source {
        snapshot,
        name,
        mut damaged,
        unreadable,
    } = arguments.source()?;
    let study = snapshot.study();
    if let Some(problem) = snapshot.problem() {
        tell(format_args!(
            "warning: {problem}; there are no verdicts: run the sweep file again"
        ));
    }
    if arguments.curves {
        damaged.extend(unreadable);
    }
    if arguments.html.is_some() || arguments.svg.is_some() {
        write_page(arguments, &Page::fitting(snapshot.clone()))?;
    } else {
        let (text, empty) = arguments.text(&snapshot, study.as_ref());
        if let Some(empty) = empty.filter(|_| damaged.is_empty()) {
            tell(format_args!("{name}: {empty}"));
        }
        print(&text)?;
    }
    let is_text = arguments.format() == Format::Text && arguments.html.is_none();
    match snapshot.left() {
        Some(left) if is_text => print(&left)?,
        // Not among the rows that a program reads.
        Some(left) => tell(left.trim_end()),
        None => {}
    }
    let trials = snapshot.ended().len() + snapshot.damaged.len();
    Unfinished::check_damage(damaged.iter(), trials, Path::new(&name))?;
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

/// What is reported on.
struct Source {
    snapshot: Snapshot,
    /// The store or the page, as the user wrote it.
    name: String,
    damaged: Vec<Damage>,
    /// Trials of which epochs cannot be read.
    unreadable: Vec<Damage>,
}

impl ReportArguments {
    fn source(&self) -> anyhow::Result<Source> {
        if let Some(file) = &self.from {
            let name = file.display().to_string();
            let page = fs::read_to_string(file)
                .map_err(|error| BadInput(anyhow!("{name}: cannot be read: {error}")))?;
            let snapshot = report::snapshot_in(&page).map_err(|error| {
                BadInput(anyhow!(
                    "{name}: expected a page that `experiment report --html` wrote: {error:#}"
                ))
            })?;
            self.tell_omissions(&snapshot, &name);
            return Ok(Source {
                snapshot,
                name,
                damaged: Vec::new(),
                unreadable: Vec::new(),
            });
        }
        let folder = self.store.as_deref().expect("required without --from");
        let store = Store::open_existing(folder)?;
        if let Some(damage) = store.plan_damage() {
            tell(format_args!(
                "warning: {damage}; there are no verdicts: run the sweep file again"
            ));
        }
        let results = store.results()?;
        let (snapshot, unreadable) = Snapshot::of_store(&store, &results)?;
        Ok(Source {
            snapshot,
            name: folder.display().to_string(),
            damaged: results.damaged,
            unreadable,
        })
    }

    /// Says what is asked for and not in a page.
    fn tell_omissions(&self, snapshot: &Snapshot, page: &str) {
        if self.curves && snapshot.omitted.contains(&Omission::Epochs) {
            tell(format_args!(
                "{page}: the epochs of single trials were left out to keep the page small; they are in the store"
            ));
        }
        let has_all_metrics = !snapshot.omitted.contains(&Omission::Metrics);
        if (self.csv || self.json || !self.metrics.is_empty()) && !self.curves && !has_all_metrics {
            tell(format_args!(
                "{page}: metrics other than accuracy, losses and those of the claims were left out to keep the page small; they are in the store"
            ));
        }
    }

    /// What is printed, and what to say if that is empty.
    fn text(
        &self,
        snapshot: &Snapshot,
        study: Option<&(Study, usize)>,
    ) -> (String, Option<&'static str>) {
        let format = self.format();
        let metrics = match self.metrics.as_slice() {
            [] => &DEFAULT_METRICS,
            metrics => metrics,
        };
        if self.claims {
            let claims = study.map(|(study, _)| report::claims_of(study));
            let claims = claims.unwrap_or_default();
            let empty = claims.is_empty().then_some("no claim can be assessed yet");
            (claims.in_format(format), empty)
        } else if self.curves {
            let epochs = snapshot.epochs();
            let is_empty = epochs.is_empty() && !snapshot.omitted.contains(&Omission::Epochs);
            let empty = is_empty.then_some("no epoch has ended yet");
            (epochs.in_format(format), empty)
        } else if self.trials {
            let rows = snapshot.rows();
            let empty = rows.is_empty().then_some("no trial has begun yet");
            (report::render_trials(&rows, metrics, format), empty)
        } else {
            let ended = snapshot.ended();
            let empty = ended.is_empty().then_some("no trial has a result yet");
            let groups = report::groups_of(&ended);
            let findings = study
                .map(|(study, declared_after)| report::findings(study, *declared_after, format));
            let table = report::render(&groups, metrics, format);
            (findings.unwrap_or_default() + &table, empty)
        }
    }

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

/// Writes the page and its figures.
fn write_page(arguments: &ReportArguments, page: &Page) -> anyhow::Result<()> {
    if let Some(file) = &arguments.html {
        atomic::write(file, page.html().as_bytes())?;
        inform(format_args!("wrote {}", file.display()));
    }
    if let Some(folder) = &arguments.svg {
        atomic::create_folder(folder)?;
        let figures = page.figures();
        for figure in &figures {
            let file = folder.join(format!("{}.svg", figure.name));
            atomic::write(&file, figure.svg.file().as_bytes())?;
        }
        inform(format_args!(
            "wrote {} figures to {}",
            figures.len(),
            folder.display()
        ));
    }
    Ok(())
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
