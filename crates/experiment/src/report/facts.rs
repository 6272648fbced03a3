//! What is said of an assessed claim: its verdict in a sentence, and the numbers that it rests on.

use statistics::{
    Share, Verdict, correlation, reversal_rate, sign_flip_p, smallest_sign_flip_p, superiority,
    wilson,
};

use crate::measure::{Direction, Metric, Unit};
use crate::study::{ALPHA, Arm, Assessment, Comparison, Numbers, Outcome, Run, Study};
use crate::sweep::At;

/// A claim with everything that is said of it.
pub struct Facts<'a> {
    pub assessment: &'a Assessment,
    /// The two arms, with the settings where they are not the same in all arms.
    pub names: [String; 2],
    /// The two losses.
    labels: [String; 2],
    /// Exact p of the sign-flip test, and the smallest that so many pairs can have.
    pub sign_flip: Option<(f64, f64)>,
    pub correlation: Option<f64>,
    /// P(first better than second).
    pub superiority: Option<Share>,
    /// Whether seeds are added until the claim is decided.
    pub until_decided: bool,
    /// Numbers of seeds, and how often so few would have named the other loss.
    pub reversals: Vec<(usize, f64)>,
    /// Trials of each arm that have ended, and how many of them diverged.
    pub ended: [usize; 2],
    pub diverged: [usize; 2],
}

impl<'a> Facts<'a> {
    pub fn of(study: &Study, assessment: &'a Assessment) -> Self {
        let arms = assessment.arms.map(|place| &study.arms[place]);
        let [a, b] = assessment.with_diverged.samples();
        let is_lower = assessment.claim.metric.better == Some(Direction::Lower);
        let (first, second) = if is_lower { (&b, &a) } else { (&a, &b) };
        let (design, is_paired) = (assessment.claim.design, assessment.claim.is_paired());
        let most = a.len().min(b.len());
        let is_withheld = assessment.with_diverged.outcome == Outcome::Withheld;
        let reversals = [1, 3, 5].into_iter();
        let reversals = reversals.filter(|seeds| *seeds < most && !is_withheld);
        let reversals = reversals.filter_map(|seeds| {
            let rate = reversal_rate(design, &a, &b, seeds, 0).ok()??;
            Some((seeds, rate))
        });
        Self {
            assessment,
            names: arms.map(Arm::name),
            labels: arms.map(|arm| arm.label.clone()),
            // It is a test of a number of seeds that is fixed in advance.
            sign_flip: (is_paired && most >= 2 && !study.is_until_decided() && !is_withheld)
                .then(|| sign_flip_p(&a, &b, 0).ok())
                .flatten()
                .map(|p| (p, smallest_sign_flip_p(most))),
            correlation: (is_paired && !is_withheld)
                .then(|| correlation(&a, &b).ok().flatten())
                .flatten(),
            superiority: superiority(design, first, second, ALPHA)
                .ok()
                .filter(|_| most >= 2 && !is_withheld),
            until_decided: study.is_until_decided(),
            reversals: reversals.collect(),
            ended: arms.map(|arm| count(arm, Run::has_ended)),
            diverged: arms.map(|arm| count(arm, Run::has_diverged)),
        }
    }

    pub fn metric(&self) -> &'static Metric {
        self.assessment.claim.metric
    }

    pub fn decisive(&self) -> &'a Comparison {
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

    /// The unit as it follows a number.
    fn spaced_unit(&self) -> String {
        match self.unit() {
            "" => String::new(),
            unit => format!(" {unit}"),
        }
    }

    pub fn seeds_still_needed(&self) -> Option<usize> {
        match self.decisive().verdict() {
            Some(Verdict::Inconclusive { seeds_still_needed }) => seeds_still_needed,
            _ => None,
        }
    }

    /// The verdict with its numbers.
    pub fn sentence(&self) -> String {
        let [a, b] = match self.assessment.claim.at {
            At::Tuned => &self.labels,
            At::TunedFor(_) | At::Point(_) => &self.names,
        };
        let outcome = self.decisive().outcome;
        let relation = match outcome {
            Outcome::Given(Verdict::Win) => format!("{a} beats {b}"),
            Outcome::Given(Verdict::Loss) => format!("{a} loses to {b}"),
            Outcome::Given(Verdict::Equivalent) => format!(
                "{a} and {b} differ by less than the margin of {}{}",
                self.assessment.claim.margin,
                self.spaced_unit()
            ),
            Outcome::Given(Verdict::Inconclusive { .. }) => {
                format!("{a} vs {b}: undecided")
            }
            Outcome::Withheld => format!("{a} vs {b}: some trials have not ended"),
        };
        // A verdict says which of the two is meant.
        let with = match outcome {
            Outcome::Given(Verdict::Win | Verdict::Loss) => String::new(),
            _ => format!(" with {a}"),
        };
        let numbers = self.decisive().numbers.map_or(String::new(), |numbers| {
            format!(": {}", self.difference(&numbers, &with))
        });
        let needed = match outcome {
            Outcome::Given(Verdict::Inconclusive { seeds_still_needed }) => {
                self.needed(seeds_still_needed)
            }
            _ => String::new(),
        };
        let at = match self.assessment.claim.at {
            At::Tuned => ", both tuned",
            At::TunedFor(_) | At::Point(_) => "",
        };
        format!("{}: {relation}{at}{numbers}{needed}.", word(outcome))
    }

    /// Such as "accuracy 0.42 points higher with focal, 95 % interval of the difference [0.21, 0.63], 8 seeds in pairs".
    fn difference(&self, numbers: &Numbers, with: &str) -> String {
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
        let unit = self.spaced_unit();
        format!(
            "{} {}{unit} {direction}{with}, 95 % interval of the difference [{}, {}], {} {}",
            metric.name,
            metric.show_in_unit(numbers.mean.abs()),
            show(low),
            show(high),
            self.decisive().values[0].len(),
            if self.assessment.claim.is_paired() {
                "seeds in pairs"
            } else {
                "seeds per loss, unpaired"
            }
        )
    }

    /// The seeds that would decide the claim, where there is an estimate.
    fn needed(&self, seeds: Option<usize>) -> String {
        let [a, b] = &self.decisive().values;
        let present = a.len().min(b.len());
        match seeds {
            None if present < 2 && present < self.assessment.looked_at() => {
                "; too few trials have a value of the metric".to_owned()
            }
            None if present < 2 => "; at least two seeds are needed".to_owned(),
            None => "; more than 10,000 seeds per loss would be needed".to_owned(),
            Some(1) if self.until_decided => {
                "; if mean and spread stay so, about 1 more seed per loss would decide it"
                    .to_owned()
            }
            Some(seeds) if self.until_decided => {
                format!(
                    "; if mean and spread stay so, about {seeds} more seeds per loss would decide it"
                )
            }
            // Seeds that are added because of a result are not fixed in advance.
            Some(seeds) => format!(
                "; a new comparison with {} seeds per loss would decide it with a probability of 80 %",
                present + seeds
            ),
        }
    }

    /// What else is known, a line each.
    pub fn details(&self) -> Vec<String> {
        let mut details = Vec::new();
        if let Some(numbers) = self.decisive().numbers {
            let mut line = format!("against no difference: p {}", relation(numbers.p));
            if let Some((p, smallest)) = self.sign_flip {
                line += &format!("; exact sign-flip p {}", relation(p));
                if smallest > ALPHA {
                    line += &format!(", which cannot be below {smallest:.3} with so few seeds");
                }
            }
            if let Some(Share {
                share,
                interval: [low, high],
            }) = self.superiority
            {
                line += &format!("; P(better) = {share:.2}");
                if !self.until_decided {
                    line += &format!(" [{low:.2}, {high:.2}]");
                }
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
            let word = if seeds == ["1"] { "seed" } else { "seeds" };
            details.push(format!(
                "{} random {word} of these would have favoured the other loss in {} of draws.",
                seeds.join(", "),
                rates.join(", ")
            ));
        }
        details.extend(self.divergence());
        details
    }

    /// How often trials diverged, and what that means for the verdict; `None` if none did.
    fn divergence(&self) -> Option<String> {
        if self.diverged == [0; 2] {
            return None;
        }
        let rates = [0, 1].map(|arm| {
            let (diverged, ended) = (self.diverged[arm], self.ended[arm]);
            let interval = wilson(diverged, ended, ALPHA).map_or(String::new(), |share| {
                let [low, high] = share.interval.map(|end| 100.0 * end);
                format!(
                    " ({:.0} %, 95 % interval [{low:.0}, {high:.0}])",
                    100.0 * share.share
                )
            });
            format!(
                "{diverged} of {ended} trials of {}{interval}",
                self.names[arm]
            )
        });
        let counted = if self.metric().chance.is_some() {
            "they are scored at chance level"
        } else {
            "they are left out, since the metric has no chance level"
        };
        let without = word(self.assessment.without_diverged.outcome);
        let differs = if without == word(self.decisive().outcome) {
            "the verdict is the same without them"
        } else {
            "without them the verdict differs"
        };
        Some(format!(
            "{} and {} diverged; {counted}, and {differs}: {without}.",
            rates[0], rates[1]
        ))
    }
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

/// The runs of an arm of which something is true.
fn count(arm: &Arm, is_counted: fn(&Run) -> bool) -> usize {
    arm.runs.iter().filter(|run| is_counted(run)).count()
}

/// Such as `= 0.020`, or a bound.
fn relation(p: f64) -> String {
    if p < 0.001 {
        "< 0.001".to_owned()
    } else {
        format!("= {p:.3}")
    }
}
