//! A snapshot → one self-contained page: the answer first, then what it rests on.

mod answer;
mod curves;
mod gained;
mod protocol;
mod provenance;
mod table;
#[cfg(test)]
mod tests;
mod tuning;
mod why;

use anyhow::{Context, Result};
use askama::Template;
use charts::Svg;

use self::answer::Answer;
use self::curves::Charts;
use self::gained::Gained;
use self::protocol::Protocol;
use self::provenance::Provenance;
use self::table::Table;
use self::tuning::Tuning;
use self::why::Why;
use super::snapshot::{Omission, Snapshot};
use super::{DEFAULT_METRICS, Group, groups, partial, summary};
use crate::measure::Metric;
use crate::study::Study;

/// Everything that a reader sees.
pub struct Page {
    title: String,
    /// What the sweep is to find out.
    question: String,
    /// `None` without claims.
    answer: Option<Answer>,
    results: Table,
    notes: Vec<String>,
    curves: Vec<Figure>,
    /// What they do not show; empty if they show all.
    omitted_curves: String,
    tuning: Option<Tuning>,
    why: Option<Why>,
    growth: Vec<Figure>,
    /// For each claim that the test images tell something about.
    gained: Vec<Gained>,
    protocol: Option<Protocol>,
    provenance: Provenance,
    /// The snapshot as JSON.
    data: String,
}

/// A chart with what it means.
pub struct Figure {
    /// Of its file, and its element.
    pub name: String,
    pub svg: Svg,
    pub caption: String,
}

#[derive(Template)]
#[template(path = "page.html")]
struct Document<'a> {
    page: &'a Page,
    style: &'a str,
    charts: &'a str,
    data: &'a str,
}

/// Before the numbers in a page.
const DATA: &str = "<script type=\"application/json\" id=\"data\">";

/// A page of many trials grows with them.
const BYTES: usize = 200_000;
const BYTES_PER_TRIAL: usize = 1_000;

impl Page {
    /// Of `snapshot` without the least important of its numbers, where a page with all of them is too large.
    pub fn fitting(mut snapshot: Snapshot) -> Self {
        let most = BYTES.max(BYTES_PER_TRIAL * snapshot.trials.len());
        let mut page = Self::of(&snapshot);
        for omission in [Omission::Epochs, Omission::Metrics] {
            if page.html().len() <= most {
                break;
            }
            snapshot = snapshot.without(omission);
            // The rest is made of what stays.
            page.provenance = Provenance::of(&snapshot);
            page.data = snapshot.json();
        }
        page
    }

    /// Of all of `snapshot`.
    pub fn of(snapshot: &Snapshot) -> Self {
        let found = snapshot.study();
        let study = found.as_ref().map(|(study, _)| study);
        let plan = snapshot.plan.as_ref();
        let groups = shown_groups(snapshot, study);
        let metrics = metrics_of(study);
        let charts = Charts::of(&snapshot.curves, study);
        Self {
            title: plan.map_or_else(|| "Results".to_owned(), |plan| plan.name.clone()),
            question: study.map_or_else(String::new, |it| it.sweep.description.clone()),
            answer: found
                .as_ref()
                .and_then(|(study, declared_after)| Answer::of(study, *declared_after, snapshot)),
            results: results(&groups, &metrics),
            notes: notes(&groups, &metrics),
            curves: curves::learning(&charts),
            omitted_curves: omitted_curves(snapshot),
            tuning: study.and_then(Tuning::of),
            why: study.map(|study| Why::of(study, &snapshot.curves, &charts)),
            growth: curves::growth(&charts),
            gained: study.map_or_else(Vec::new, |study| gained::of_claims(study, snapshot)),
            protocol: study.and_then(Protocol::of),
            provenance: Provenance::of(snapshot),
            data: snapshot.json(),
        }
    }

    /// As a file.
    pub fn html(&self) -> String {
        let document = Document {
            page: self,
            style: include_str!("../../../templates/page.css"),
            charts: charts::STYLE,
            // It is the only character that must be escaped in a script, and in JSON it is always in a string.
            data: &self.data.replace('<', "\\u003c"),
        };
        let html = document.render();
        html.expect("memory takes all text")
    }

    /// In the order in which the page has them.
    pub fn figures(&self) -> Vec<&Figure> {
        let answer = self.answer.iter().flat_map(|it| &it.figures);
        let tuning = self.tuning.iter().flat_map(|it| &it.figures);
        let why = self.why.iter().flat_map(|it| &it.figures);
        let figures = answer.chain(&self.curves).chain(tuning);
        figures.chain(why).chain(&self.growth).collect()
    }
}

/// The snapshot in a page that [`Page::html`] made.
pub fn snapshot_in(page: &str) -> Result<Snapshot> {
    let (page, data) = page.split_once(DATA).context("it has no numbers")?;
    let (data, _) = data.split_once("</script>").context("it was cut off")?;
    let mut snapshot = Snapshot::from_json(data)?;
    snapshot.pictures = gained::pictures_in(page)?;
    Ok(snapshot)
}

/// Those of the sweep in its order, or all of the store.
fn shown_groups(snapshot: &Snapshot, study: Option<&Study>) -> Vec<Group> {
    let mut groups = match study {
        Some(study) => {
            let runs = study.arms.iter().flat_map(|arm| &arm.runs);
            groups::group(runs.filter_map(|run| run.result.clone()).collect())
        }
        None => super::groups_of(&snapshot.ended()),
    };
    groups.retain(Group::evaluates_test);
    groups
}

/// The accuracy and those that claims are about.
fn metrics_of(study: Option<&Study>) -> Vec<&'static Metric> {
    let mut metrics = DEFAULT_METRICS.to_vec();
    for claim in study.iter().flat_map(|study| &study.sweep.claims) {
        if !metrics.contains(&claim.metric) {
            metrics.push(claim.metric);
        }
    }
    metrics
}

/// What the curves do not show; empty if they show all.
fn omitted_curves(snapshot: &Snapshot) -> String {
    match snapshot.curves_omitted {
        0 => String::new(),
        omitted => format!(
            "Curves of the first {} configurations; report --curves --csv has those of the other {omitted} too.",
            snapshot.curves.len()
        ),
    }
}

fn results(groups: &[Group], metrics: &[&Metric]) -> Table {
    let columns = if groups.is_empty() {
        Vec::new()
    } else {
        summary::columns(groups, metrics)
    };
    Table::new("Results on the test set, over the seeds", &columns)
}

fn notes(groups: &[Group], metrics: &[&Metric]) -> Vec<String> {
    if groups.is_empty() {
        return vec!["No trial that evaluates the test set has ended yet.".to_owned()];
    }
    let text = summary::note(groups, metrics) + &partial::partial_datasets(groups);
    text.lines().map(str::to_owned).collect()
}
