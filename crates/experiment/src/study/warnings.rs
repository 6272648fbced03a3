//! What makes a comparison unfair, or its verdicts weaker than they look.

use super::Study;
use super::tuning::Edge;

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
    let choices =
        (study.tuning.iter()).filter_map(|tuning| Some((tuning, tuning.choices.as_ref()?)));
    let chosen = choices.flat_map(|(tuning, choices)| {
        let candidates = tuning.candidates.iter().zip(choices);
        candidates.map(|(candidates, choice)| &candidates[choice.candidate])
    });
    let losses = study.sweep.losses.iter().zip(chosen);
    losses
        .filter(|(_, chosen)| chosen.diverged() == chosen.runs.len())
        .map(|(loss, _)| format!("every trial of {loss} in the tuning stage diverged: extend its grid by smaller values"))
        .collect()
}

fn edges(study: &Study) -> Vec<String> {
    let choices = (study.tuning.iter()).flat_map(|tuning| tuning.choices.iter().flatten());
    let choices = study.sweep.losses.iter().zip(choices);
    let edges = choices.flat_map(|(loss, choice)| {
        choice.edges.iter().map(move |edge| {
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
                "the best {} of {loss}, {value}, is the {end} tried: extend the grid by {beyond} values",
                key.name
            )
        })
    });
    edges.collect()
}
