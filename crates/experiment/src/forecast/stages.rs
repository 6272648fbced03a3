//! How many trials of each stage of a sweep are in which state.

use serde::Serialize;

use crate::records::TrialState;
use crate::session::State;
use crate::store::{Store, StoreError, Stored};
use crate::study::{Run, Study};

/// The trials of a stage.
#[derive(Debug, Default, Serialize)]
pub struct StageForecast {
    pub stage: &'static str,
    /// All of them; with seeds until decided, the most that there can be.
    pub trials: usize,
    pub done: usize,
    pub diverged: usize,
    pub failed: usize,
    pub damaged: usize,
    /// Trained by a process now, as far as can be told.
    pub running: usize,
    /// Begun by a process that has ended.
    pub interrupted: usize,
    /// The others.
    pub new: usize,
}

/// The stages of a study in the state of its store.
pub fn stages(
    study: &Study,
    state: &State,
    store: Option<&Store>,
) -> Result<Vec<StageForecast>, StoreError> {
    let mut stages = Vec::new();
    if let Some(tuning) = &study.tuning {
        let runs = tuning.runs();
        stages.push(stage("tuning", runs.len(), &runs, state, store)?);
    }
    let compared: Vec<&Run> = study.arms.iter().flat_map(|arm| &arm.runs).collect();
    let at_most = study.compared_at_most();
    stages.push(stage("comparison", at_most, &compared, state, store)?);
    Ok(stages)
}

fn stage(
    stage: &'static str,
    trials: usize,
    runs: &[&Run],
    state: &State,
    store: Option<&Store>,
) -> Result<StageForecast, StoreError> {
    let mut counts = StageForecast {
        stage,
        trials,
        ..StageForecast::default()
    };
    for run in runs {
        let id = &run.trial.id;
        match (state.stored(id), store) {
            (Stored::Nothing, Some(store)) if store.has_begun(id) => match store.holder(id)? {
                Some(_) => counts.running += 1,
                None => counts.interrupted += 1,
            },
            (Stored::Nothing, _) => {}
            (Stored::Damaged(_), _) => counts.damaged += 1,
            (Stored::Ended(result), _) => match result.state {
                TrialState::Done => counts.done += 1,
                TrialState::Diverged => counts.diverged += 1,
                TrialState::Failed => counts.failed += 1,
            },
        }
    }
    let StageForecast {
        done,
        diverged,
        failed,
        damaged,
        running,
        interrupted,
        ..
    } = counts;
    let known = done + diverged + failed + damaged + running + interrupted;
    counts.new = trials.saturating_sub(known);
    Ok(counts)
}
