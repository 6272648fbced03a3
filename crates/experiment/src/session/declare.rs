//! What a store keeps of a sweep before its trials: the file, its claims and the trials known so far.

use std::collections::HashSet;

use anyhow::Result;

use crate::store::{Declaration, Plan, Store};
use crate::study::{Study, digest};
use crate::terminal::tell;

/// Stores the plan of a study, whose sweep file has this text, and removes files that a kill left of ended trials.
pub fn declare(store: &Store, study: &Study, text: &str) -> Result<()> {
    let runs = study.runs();
    if let Some(damage) = store.plan_damage() {
        tell(format_args!(
            "warning: {damage}; a new one is written, and the history of changed claims is lost"
        ));
    }
    let earlier = store.plan();
    let name = &study.sweep.name;
    let mut plan = Plan {
        name: name.clone(),
        trials: runs.iter().map(|run| run.trial.id.clone()).collect(),
        declarations: (earlier.as_ref()).map_or(Vec::new(), |plan| plan.declarations.clone()),
    };
    plan.declare(Declaration {
        name: name.clone(),
        sha256: digest(&study.sweep),
        ended: ended(store, &plan, earlier.as_ref()),
        sweep: text.to_owned(),
    });
    store.save_plan(&plan)?;
    let ended = runs.iter().filter(|run| run.result.is_some());
    Ok(store.tidy(ended.map(|run| run.trial.id.as_str()))?)
}

/// The trials of a sweep that have a result, those included that were part of it before its file was changed.
fn ended(store: &Store, plan: &Plan, earlier: Option<&Plan>) -> usize {
    let earlier = earlier.filter(|earlier| earlier.name == plan.name);
    let earlier = earlier.iter().flat_map(|earlier| &earlier.trials);
    let trials: HashSet<&String> = plan.trials.iter().chain(earlier).collect();
    trials.iter().filter(|id| store.has_result(id)).count()
}
