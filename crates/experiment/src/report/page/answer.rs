//! Claims → verdicts, the plot of their differences, and what would change them.

use std::fmt::Write;

use charts::{Difference, ForestPlot};
use statistics::{Verdict, mcnemar_p, mean};

use super::Figure;
use crate::measure::{Direction, Metric, Unit};
use crate::report::claims::procedure;
use crate::report::facts::{Facts, word};
use crate::report::snapshot::{Snapshot, TestImages, short_name};
use crate::study::{Outcome, Study, warnings};

/// The first section of a page.
pub struct Answer {
    pub claims: Vec<Claim>,
    pub figures: Vec<Figure>,
    /// What is not known yet; empty if nothing is missing.
    pub missing: String,
    /// What makes the verdicts weaker than they look.
    pub concerns: Vec<String>,
    /// What was checked and found in order.
    pub assurance: String,
    pub procedure: String,
}

/// A claim with its verdict.
pub struct Claim {
    /// In capitals.
    pub verdict: &'static str,
    pub sentence: String,
    pub details: Vec<String>,
}

impl Answer {
    /// `None` if the sweep claims nothing.
    pub fn of(study: &Study, declared_after: usize, snapshot: &Snapshot) -> Option<Self> {
        if study.sweep.claims.is_empty() {
            return None;
        }
        let assessed = study.assessments.iter();
        let facts: Vec<Facts> = assessed.map(|it| Facts::of(study, it)).collect();
        let images = snapshot.images.iter().map(Option::as_ref);
        let images = images.chain(std::iter::repeat(None));
        let claims: Vec<Claim> = if facts.is_empty() {
            withheld(study)
        } else {
            facts
                .iter()
                .zip(images)
                .map(|(facts, images)| Claim::of(facts, images))
                .collect()
        };
        let mut concerns = warnings(study, declared_after);
        concerns.extend(facts.iter().enumerate().filter_map(of_diverged));
        Some(Self {
            figures: forest_plots(study, &facts),
            missing: missing(study, snapshot),
            assurance: assurance(study, &facts, &concerns),
            concerns,
            procedure: procedure(study),
            claims,
        })
    }

    pub fn has_details(&self) -> bool {
        self.claims.iter().any(|claim| !claim.details.is_empty())
    }
}

impl Claim {
    fn of(facts: &Facts, images: Option<&TestImages>) -> Self {
        let verdict = word(facts.assessment.with_diverged.outcome);
        let sentence = facts.sentence();
        let rest = sentence
            .strip_prefix(verdict)
            .and_then(|rest| rest.strip_prefix(": "));
        let mut details = facts.details();
        details.extend(
            images
                .into_iter()
                .flat_map(|it| of_images(it, facts.until_decided)),
        );
        Self {
            verdict,
            sentence: rest.unwrap_or(&sentence).to_owned(),
            details,
        }
    }

    /// Of its colour.
    pub fn class(&self) -> String {
        self.verdict.to_lowercase()
    }
}

/// A verdict that depends on the trials that diverged.
fn of_diverged((place, facts): (usize, &Facts)) -> Option<String> {
    let [with, without] = [
        &facts.assessment.with_diverged,
        &facts.assessment.without_diverged,
    ]
    .map(|comparison| word(comparison.outcome));
    let number = place + 1;
    (with != without).then(|| {
        format!(
            "verdict {number} rests on trials that diverged, which count as chance: without them it is {without}"
        )
    })
}

/// What the test images say.
fn of_images(images: &TestImages, is_until_decided: bool) -> Vec<String> {
    let TestImages {
        images: count,
        seed_error,
        test_error,
        interval: [low, high],
        pairs,
        between_runs,
        gained: _,
    } = images;
    let mut details = vec![format!(
        "Standard error of the difference: {seed_error:.2} points from the seeds and {test_error:.2} from the choice of \
         {count} test images, which no number of seeds reduces."
    )];
    // It is an interval of a number of seeds that is fixed in advance.
    if !is_until_decided {
        details[0] += &format!(
            " For other seeds and other test images the 95 % interval is [{low:.2}, {high:.2}]."
        );
    }
    if let Some((gained, lost)) = means(pairs) {
        let p = pairs.iter().map(|[gained, lost]| mcnemar_p(*gained, *lost));
        let significant = p.filter(|p| *p < 0.05).count();
        details.push(format!(
            "With the same seed, the first loss classifies {gained:.0} images correctly that the second does not, and \
             the other way round {lost:.0} (means). McNemar's test of single pairs has p < 0.05 in {significant} of {}; \
             it compares two networks, not two losses.",
            pairs.len()
        ));
    }
    if let [Some([a, if_a]), Some([b, if_b])] = between_runs {
        details.push(format!(
            "Check: the accuracy varies between seeds with a standard deviation of {a:.2} and {b:.2} points; if images \
             were misclassified independently it would be {if_a:.2} and {if_b:.2} (Jordan 2024)."
        ));
    }
    details
}

fn means(pairs: &[[u32; 2]]) -> Option<(f64, f64)> {
    let of = |place: usize| {
        let counts: Vec<f64> = pairs.iter().map(|pair| f64::from(pair[place])).collect();
        mean(&counts)
    };
    of(0).zip(of(1))
}

/// The claims as long as the settings to compare are not known.
fn withheld(study: &Study) -> Vec<Claim> {
    let claims = study.sweep.claims.iter().map(|claim| {
        let [better, than] = claim
            .losses
            .map(|loss| study.sweep.losses[loss].to_string());
        Claim {
            verdict: word(Outcome::Withheld),
            sentence: format!("{better} against {than}: the tuning stage is not complete."),
            details: Vec::new(),
        }
    });
    claims.collect()
}

fn missing(study: &Study, snapshot: &Snapshot) -> String {
    let (missing, trials) = snapshot.missing();
    let damaged = snapshot.damaged.len();
    let mut text = String::new();
    if missing > 0 {
        let _ = write!(text, "{missing} of {trials} trials have no result yet. ");
        if study.arms.is_empty() || !study.is_until_decided() {
            text += "Verdicts are withheld until all of them have ended. ";
        }
    }
    if damaged > 0 {
        let are = if damaged == 1 {
            "trial is"
        } else {
            "trials are"
        };
        let _ = write!(
            text,
            "{damaged} {are} damaged and left out, with all that needs them; run the sweep again with --retry damaged."
        );
    }
    text.trim_end().to_owned()
}

fn assurance(study: &Study, facts: &[Facts], concerns: &[String]) -> String {
    if !concerns.is_empty() || facts.is_empty() {
        return String::new();
    }
    let mut text = "All fairness checks passed: the claims were declared before the first trial, every loss was tuned with the same number of trials on images held out from training, no \
                    best setting is at the edge of its search space, the seeds of the comparison are fresh"
        .to_owned();
    if facts.iter().all(|facts| facts.diverged == [0; 2]) && !study.arms.is_empty() {
        text += ", and no trial diverged";
    }
    text + "."
}

/// One plot per metric, since units differ.
fn forest_plots(study: &Study, facts: &[Facts]) -> Vec<Figure> {
    let is_given = |facts: &&Facts| facts.assessment.with_diverged.verdict().is_some();
    let mut metrics: Vec<&Metric> = Vec::new();
    for facts in facts.iter().filter(is_given) {
        if !metrics.contains(&facts.assessment.claim.metric) {
            metrics.push(facts.assessment.claim.metric);
        }
    }
    let figures = metrics.into_iter().map(|metric| {
        let of_metric = facts.iter().filter(is_given);
        let of_metric = of_metric.filter(|facts| facts.assessment.claim.metric == metric);
        let rows: Vec<Difference> = of_metric.map(|facts| difference(study, facts)).collect();
        let name = format!("differences-{}", metric.name.replace('_', "-"));
        let unit = match metric.unit {
            Unit::Share => ", percentage points",
            Unit::Nats => ", nats",
            Unit::Number => "",
        };
        let better = match metric.better {
            Some(Direction::Lower) => " (lower is better)",
            _ => "",
        };
        let plot = ForestPlot {
            id: name.clone(),
            title: format!("Differences in test {}", metric.name.replace('_', " ")),
            axis: format!("difference in test {}{unit}{better}", metric.name.replace('_', " ")),
            rows,
        };
        Figure {
            name,
            svg: plot.draw(),
            caption: "For each claim the difference, first loss minus second, with its 95 % interval, and a dot for \
                      every seed. Shaded: differences too small to matter, by the margin of the claim."
                .to_owned(),
        }
    });
    figures.collect()
}

fn difference(study: &Study, facts: &Facts) -> Difference {
    let assessment = facts.assessment;
    let found = &assessment.with_diverged;
    let [a, b] = found.samples();
    let values = if assessment.claim.is_paired() {
        a.iter().zip(&b).map(|(a, b)| a - b).collect()
    } else {
        let mean_b = mean(&b).unwrap_or(f64::NAN);
        a.iter().map(|a| a - mean_b).collect()
    };
    let margin = assessment.claim.margin;
    let [first, second] = assessment.arms.map(|arm| short_name(study, arm));
    Difference {
        label: format!("{first} − {second}"),
        estimate: found.numbers.map(|numbers| numbers.mean),
        interval: found.numbers.map(|numbers| numbers.interval.into()),
        values,
        verdict: match found.outcome {
            Outcome::Given(Verdict::Win) => charts::Verdict::Win,
            Outcome::Given(Verdict::Loss) => charts::Verdict::Loss,
            Outcome::Given(Verdict::Equivalent) => charts::Verdict::Equivalent,
            Outcome::Given(Verdict::Inconclusive { .. }) | Outcome::Withheld => {
                charts::Verdict::Inconclusive
            }
        },
        margin: (margin > 0.0).then_some(margin),
    }
}
