//! What makes a comparison unfair, or its verdicts weaker than they look.

use super::Study;
use super::tuning::{Edge, TunedLoss};

/// A sentence for each; `declared_after` trials of the study had ended when its claims were last changed.
pub fn warnings(study: &Study, declared_after: usize) -> Vec<String> {
    let mut warnings = edges(study);
    warnings.extend(never_trained(study));
    if declared_after > 0 && !study.sweep.claims.is_empty() {
        warnings.push(format!(
            "the claims, a fixed number of seeds, or the search space of a loss in a claim were changed when {declared_after} trials had already ended: verdicts on what was chosen after seeing results are too optimistic"
        ));
    }
    if study.sweep.tune.is_none() && !study.sweep.claims.is_empty() {
        warnings.push(
            "the settings were not tuned: a loss may lose at settings that suit the other; [tune] gives every loss the same budget".to_owned(),
        );
    }
    warnings
}

/// Losses of which every trial of the chosen settings diverged, so those of all settings did.
fn never_trained(study: &Study) -> Vec<String> {
    let never = study.tuned().filter(|tuned| {
        let chosen = tuned.chosen();
        chosen.is_some_and(|chosen| chosen.diverged() == chosen.runs.len())
    });
    never
        .map(|TunedLoss { loss, .. }| format!("every trial of {loss} in the tuning stage diverged: extend its grid by smaller values"))
        .collect()
}

fn edges(study: &Study) -> Vec<String> {
    let edges = study.tuned().flat_map(|tuned| {
        let edges = tuned.choice.into_iter().flat_map(|choice| &choice.edges);
        edges.map(move |edge| {
            let Edge {
                key,
                value,
                is_largest,
            } = edge;
            let (end, beyond) = if *is_largest {
                ("largest", "larger")
            } else {
                ("smallest", "smaller")
            };
            format!(
                "the best {} of {}, {value}, is the {end} tried: extend the grid by {beyond} values",
                key.name, tuned.loss
            )
        })
    });
    edges.collect()
}
