//! What is said of an assessed claim: its verdict in a sentence, and the numbers that it rests on.

use statistics::{
    Design, Share, Verdict, correlation, reversal_rate, sign_flip_p, smallest_sign_flip_p,
    superiority_of_pairs, superiority_of_samples, wilson,
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
    /// Numbers of seeds, and how often so few would have named the other loss.
    pub reversals: Vec<(usize, f64)>,
    /// Trials of the two arms that have ended, and how many of them diverged.
    pub ended: usize,
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
            labels: arms.map(|arm| arm.label.clone()),
            sign_flip: (is_paired && most >= 2)
                .then(|| sign_flip_p(&a, &b, 0).ok())
                .flatten()
                .map(|p| (p, smallest_sign_flip_p(most))),
            correlation: is_paired
                .then(|| correlation(&a, &b).ok().flatten())
                .flatten(),
            superiority: superiority.ok().filter(|_| most >= 2),
            reversals: reversals.collect(),
            ended: count(arms, Run::has_ended),
            diverged: count(arms, Run::has_diverged),
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
                    line += &format!(", which cannot be below {smallest:.3} with so few seeds");
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
            let rate = wilson(self.diverged, self.ended, ALPHA).expect("some ended");
            details.push(format!(
                "{} of {} trials diverged ({:.0} %, 95 % interval [{:.0}, {:.0}]) and count as chance; {differs}: {without}.",
                self.diverged,
                self.ended,
                100.0 * rate.share,
                100.0 * rate.interval[0],
                100.0 * rate.interval[1],
            ));
        }
        details
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

/// The runs of both arms of which something is true.
fn count(arms: [&Arm; 2], is_counted: fn(&Run) -> bool) -> usize {
    let runs = arms.iter().flat_map(|arm| &arm.runs);
    runs.filter(|run| is_counted(run)).count()
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
