//! Assessed claims → text for people, and a row each for programs.

use serde_json::{Value, json};

use super::export::DataFrame;
use super::facts::{Facts, word};
use crate::study::{ALPHA, Numbers, Study};

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
    let claims = if claims == 1 {
        "1 claim".to_owned()
    } else {
        format!("{claims} claims")
    };
    format!("Verdicts on {claims}: withheld until the tuning stage is complete.\n\n")
}

/// How the verdicts came about.
pub fn procedure(study: &Study) -> String {
    let claims = match study.sweep.claims.len() {
        1 => "1 claim".to_owned(),
        count => format!("{count} claims"),
    };
    if study.is_until_decided() {
        format!(
            "Verdicts: seeds added until decided; e-process of the t statistic, valid whenever one looks. {claims}, Holm's adjustment, α = {ALPHA}; intervals and p values are of each claim alone.\n"
        )
    } else {
        format!(
            "Verdicts: number of seeds fixed in advance; t test of the difference, two one-sided tests for equivalence. {claims}, Holm's adjustment, α = {ALPHA}; intervals and p values are of each claim alone.\n"
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
    frame.push("paired", &rows, |it| it.assessment.claim.is_paired());
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
