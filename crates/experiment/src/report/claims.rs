//! Assessed claims → a sentence each, with the numbers that it rests on.

use serde_json::{Value, json};
use statistics::{
    Design, Share, Verdict, correlation, reversal_rate, sign_flip_p, smallest_sign_flip_p,
    superiority_of_pairs, superiority_of_samples,
};

use super::export::DataFrame;
use crate::measure::{Direction, Metric, Unit};
use crate::study::{ALPHA, Arm, Assessment, Comparison, Numbers, Outcome, Study};
use crate::sweep::At;

/// The sections on claims and tuning above the table; empty without claims.
pub fn text(study: &Study) -> String {
    if study.assessments.is_empty() {
        return withheld_before_tuning(study);
    }
    let claims = study.assessments.iter().enumerate();
    let claims = claims.map(|(index, assessment)| {
        let facts = Facts::of(study, assessment);
        let mut lines = format!("{}. {}\n", index + 1, facts.sentence());
        for detail in facts.details() {
            lines += &format!("   {detail}\n");
        }
        lines
    });
    format!("{}\n{}\n", claims.collect::<String>(), procedure(study))
}

fn withheld_before_tuning(study: &Study) -> String {
    if study.sweep.claims.is_empty() {
        return String::new();
    }
    let claims = study.sweep.claims.len();
    format!("Verdicts on {claims} claims: withheld until the tuning stage is complete.\n\n")
}

/// How the verdicts came about.
pub fn procedure(study: &Study) -> String {
    let claims = match study.assessments.len() {
        1 => "1 claim".to_owned(),
        count => format!("{count} claims"),
    };
    if study.is_until_decided() {
        format!(
            "Verdicts: seeds added until decided; e-process of the t statistic, valid whenever one looks. {claims}, Holm's adjustment, α = {ALPHA}.\n"
        )
    } else {
        format!(
            "Verdicts: number of seeds fixed in advance; t test of the difference, two one-sided tests for equivalence. {claims}, Holm's adjustment, α = {ALPHA}.\n"
        )
    }
}

/// A row per claim, for programs.
pub fn frame(study: &Study) -> DataFrame {
    let rows: Vec<Facts> = study
        .assessments
        .iter()
        .map(|assessment| Facts::of(study, assessment))
        .collect();
    let mut frame = DataFrame::default();
    frame.push("verdict", &rows, |it| word(it.decisive().outcome));
    frame.push("better", &rows, |it| it.names[0].clone());
    frame.push("than", &rows, |it| it.names[1].clone());
    frame.push("metric", &rows, |it| it.metric().name);
    frame.push("unit", &rows, Facts::unit);
    frame.push("margin", &rows, |it| it.assessment.claim.margin);
    frame.push("paired", &rows, |it| it.assessment.claim.paired);
    frame.push("until_decided", &rows, |_| study.is_until_decided());
    frame.push("seeds", &rows, |it| it.assessment.looked_at());
    let number = |it: &Facts, value: fn(&Numbers) -> f64| it.decisive().numbers.as_ref().map(value);
    frame.push("difference", &rows, |it| number(it, |it| it.mean));
    frame.push("interval_95_low", &rows, |it| {
        number(it, |it| it.interval[0])
    });
    frame.push("interval_95_high", &rows, |it| {
        number(it, |it| it.interval[1])
    });
    frame.push("p", &rows, |it| number(it, |it| it.p));
    frame.push("seeds_still_needed", &rows, Facts::seeds_still_needed);
    frame.push("sign_flip_p", &rows, |it| it.sign_flip.map(|(p, _)| p));
    frame.push("correlation", &rows, |it| it.correlation);
    frame.push("superiority", &rows, |it| it.superiority.map(|it| it.share));
    frame.push("superiority_interval_95", &rows, |it| {
        json!(it.superiority.map(|it| it.interval))
    });
    frame.push("verdict_without_diverged", &rows, |it| {
        word(it.assessment.without_diverged.outcome)
    });
    frame.push("sentence", &rows, Facts::sentence);
    frame.push("values", &rows, |it| {
        let arms = it.decisive().values.iter();
        let arm = |values: &Vec<(u64, f64)>| -> Value {
            let seeds = values.iter();
            seeds
                .map(|(seed, value)| json!({ "seed": seed, "value": value }))
                .collect()
        };
        arms.map(arm).collect::<Value>()
    });
    frame
}

/// The verdict in a word.
pub fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Withheld => "WITHHELD",
        Outcome::Given(Verdict::Win) => "WIN",
        Outcome::Given(Verdict::Loss) => "LOSS",
        Outcome::Given(Verdict::Equivalent) => "EQUIVALENT",
        Outcome::Given(Verdict::Inconclusive { .. }) => "INCONCLUSIVE",
    }
}

/// A claim with everything that is said of it.
pub struct Facts<'a> {
    pub assessment: &'a Assessment,
    /// The two arms, with the settings where they are not the same in all arms.
    pub names: [String; 2],
    /// Exact p of the sign-flip test, and the smallest that so many pairs can have.
    pub sign_flip: Option<(f64, f64)>,
    pub correlation: Option<f64>,
    /// P(first better than second).
    pub superiority: Option<Share>,
    /// Numbers of seeds, and how often so few would have named the other loss.
    pub reversals: Vec<(usize, f64)>,
    /// Trials of the two arms that diverged.
    pub diverged: usize,
}

impl<'a> Facts<'a> {
    pub fn of(study: &Study, assessment: &'a Assessment) -> Self {
        let arms = assessment.arms.map(|place| &study.arms[place]);
        let [a, b] = assessment.with_diverged.samples();
        let is_lower = assessment.claim.metric.better == Some(Direction::Lower);
        let (first, second) = if is_lower { (&b, &a) } else { (&a, &b) };
        let is_paired = assessment.claim.paired;
        let superiority = if is_paired {
            superiority_of_pairs(first, second, ALPHA)
        } else {
            superiority_of_samples(first, second, ALPHA)
        };
        let design = if is_paired {
            Design::Paired
        } else {
            Design::Unpaired
        };
        let most = a.len().min(b.len());
        let reversals = [1, 3, 5].into_iter().filter(|seeds| *seeds < most);
        let reversals = reversals.filter_map(|seeds| {
            let rate = reversal_rate(design, &a, &b, seeds, 0).ok()??;
            Some((seeds, rate))
        });
        Self {
            assessment,
            names: arms.map(Arm::name),
            sign_flip: (is_paired && most >= 2)
                .then(|| sign_flip_p(&a, &b, 0).ok())
                .flatten()
                .map(|p| (p, smallest_sign_flip_p(most))),
            correlation: is_paired
                .then(|| correlation(&a, &b).ok().flatten())
                .flatten(),
            superiority: superiority.ok().filter(|_| most >= 2),
            reversals: reversals.collect(),
            diverged: arms
                .iter()
                .flat_map(|arm| &arm.runs)
                .filter(|run| run.has_diverged())
                .count(),
        }
    }

    fn metric(&self) -> &'static Metric {
        self.assessment.claim.metric
    }

    fn decisive(&self) -> &'a Comparison {
        &self.assessment.with_diverged
    }

    /// The unit of differences: percentage points of a share.
    pub fn unit(&self) -> &'static str {
        match self.metric().unit {
            Unit::Share => "points",
            Unit::Nats => "nats",
            Unit::Number => "",
        }
    }

    fn seeds_still_needed(&self) -> Option<usize> {
        match self.decisive().verdict() {
            Some(Verdict::Inconclusive { seeds_still_needed }) => seeds_still_needed,
            _ => None,
        }
    }

    /// The verdict with its numbers.
    pub fn sentence(&self) -> String {
        let [a, b] = &self.names;
        let outcome = self.decisive().outcome;
        let relation = match outcome {
            Outcome::Given(Verdict::Win) => format!("{a} beats {b}"),
            Outcome::Given(Verdict::Loss) => format!("{a} loses to {b}"),
            Outcome::Given(Verdict::Equivalent) => format!(
                "{a} and {b} differ by less than the margin of {} {}",
                self.assessment.claim.margin,
                self.unit()
            ),
            Outcome::Given(Verdict::Inconclusive { .. }) => {
                format!("{a} against {b} is not decided")
            }
            Outcome::Withheld => format!("{a} against {b}: trials of the sweep are missing"),
        };
        let numbers = self.decisive().numbers.map_or(String::new(), |numbers| {
            format!(": {}", self.difference(&numbers))
        });
        let needed = match outcome {
            Outcome::Given(Verdict::Inconclusive { seeds_still_needed }) => {
                needed(seeds_still_needed, self.assessment.looked_at())
            }
            _ => String::new(),
        };
        let at = match self.assessment.claim.at {
            At::Tuned => ", both tuned",
            At::TunedFor(_) | At::Point(_) => "",
        };
        format!("{}: {relation}{at}{numbers}{needed}.", word(outcome))
    }

    /// Such as "accuracy 0.42 points higher [0.21, 0.63], 8 seeds".
    fn difference(&self, numbers: &Numbers) -> String {
        let metric = self.metric();
        let show = |value: f64| {
            if value.is_finite() {
                metric.show_in_unit(value)
            } else if value > 0.0 {
                "∞".to_owned()
            } else {
                "−∞".to_owned()
            }
        };
        let direction = if numbers.mean < 0.0 {
            "lower"
        } else {
            "higher"
        };
        let [low, high] = numbers.interval;
        let unit = match self.unit() {
            "" => String::new(),
            unit => format!(" {unit}"),
        };
        format!(
            "{} {}{unit} {direction}, 95 % interval of the difference [{}, {}], {} {}",
            metric.name,
            metric.show_in_unit(numbers.mean.abs()),
            show(low),
            show(high),
            self.assessment.looked_at(),
            if self.assessment.claim.paired {
                "seeds in pairs"
            } else {
                "seeds per loss, unpaired"
            }
        )
    }

    /// What else is known, a line each.
    pub fn details(&self) -> Vec<String> {
        let mut details = Vec::new();
        if let Some(numbers) = self.decisive().numbers {
            let mut line = format!("p {}", relation(numbers.p));
            if let Some((p, smallest)) = self.sign_flip {
                line += &format!("; exact sign-flip p {}", relation(p));
                if smallest > ALPHA {
                    line += &format!(
                        ", which cannot be below {:.3} with so few seeds",
                        smallest
                    );
                }
            }
            if let Some(Share {
                share,
                interval: [low, high],
            }) = self.superiority
            {
                line += &format!("; P(better) = {share:.2} [{low:.2}, {high:.2}]");
            }
            if let Some(correlation) = self.correlation {
                line += &format!("; correlation of the pairs {correlation:.2}");
            }
            details.push(line);
        }
        if !self.reversals.is_empty() {
            let seeds: Vec<String> = self.reversals.iter().map(|it| it.0.to_string()).collect();
            let rates: Vec<String> = self
                .reversals
                .iter()
                .map(|it| format!("{:.0} %", 100.0 * it.1))
                .collect();
            details.push(format!(
                "With {} of these seeds one would have named the other loss in {} of draws.",
                seeds.join(", "),
                rates.join(", ")
            ));
        }
        let without = word(self.assessment.without_diverged.outcome);
        if self.diverged > 0 {
            let differs = if without == word(self.decisive().outcome) {
                "the verdict is the same without them"
            } else {
                "without them the verdict differs"
            };
            details.push(format!(
                "{} of the trials diverged and count as chance; {differs}: {without}.",
                self.diverged
            ));
        }
        details
    }
}

/// The seeds that would decide a claim, beyond those there are.
fn needed(seeds: Option<usize>, present: usize) -> String {
    match seeds {
        Some(1) => "; about 1 more seed per loss would decide it".to_owned(),
        Some(seeds) => format!("; about {seeds} more seeds per loss would decide it"),
        None if present < 2 => "; at least two seeds are needed".to_owned(),
        None => "; more than 10,000 seeds would be needed".to_owned(),
    }
}

/// Such as `= 0.020`, or a bound.
fn relation(p: f64) -> String {
    if p < 0.001 {
        "< 0.001".to_owned()
    } else {
        format!("= {p:.3}")
    }
}
