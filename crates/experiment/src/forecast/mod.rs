//! Before a sweep runs: how many trials, how much time and disk, and what its seeds can decide.

mod cost;
mod power;

use anyhow::Result;
use serde::Serialize;

pub use self::cost::Cost;
pub use self::power::{Power, SeedsForecast};
use crate::device::OpenDevice;
use crate::records::TrialState;
use crate::session::State;
use crate::store::{Plan, Store, Stored};
use crate::study::{Run, Study, digest, warnings};

/// What is known of a sweep before it ends.
#[derive(Debug, Serialize)]
pub struct Forecast {
    pub name: String,
    pub stages: Vec<StageForecast>,
    pub cost: Cost,
    /// One per claim.
    pub claims: Vec<Power>,
    /// What makes the comparison unfair.
    pub warnings: Vec<String>,
}

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
    /// Begun, and not ended: being trained, or interrupted.
    pub begun: usize,
    /// The others.
    pub new: usize,
}

/// The forecast of a study in the state of its store; `deviation` is the standard deviation of a run that is assumed where too few
/// have ended, in the unit of tables.
///
/// # Errors
/// When the device fails.
pub fn forecast(
    study: &Study,
    state: &State,
    store: Option<&Store>,
    device: &OpenDevice,
    deviation: Option<f64>,
) -> Result<Forecast> {
    let tuning: Vec<&Run> = study.tuning.iter().flat_map(|it| it.runs()).collect();
    let compared: Vec<&Run> = study.arms.iter().flat_map(|arm| &arm.runs).collect();
    let mut stages = Vec::new();
    if study.tuning.is_some() {
        stages.push(StageForecast::new(
            "tuning",
            tuning.len(),
            &tuning,
            state,
            store,
        ));
    }
    let at_most = study.compared_at_most();
    stages.push(StageForecast::new(
        "comparison",
        at_most,
        &compared,
        state,
        store,
    ));
    let ended = study.runs().iter().filter(|run| run.has_ended()).count();
    let plan = store.and_then(Store::plan);
    let declared_after = plan.map_or(0, |plan| declared_after(study, &plan, ended));
    Ok(Forecast {
        name: study.sweep.name.clone(),
        stages,
        cost: Cost::new(study, device)?,
        claims: power::of_claims(study, deviation),
        warnings: warnings(study, declared_after),
    })
}

/// How many trials had ended when the claims were last changed, if the sweep were run now.
fn declared_after(study: &Study, plan: &Plan, ended: usize) -> usize {
    match plan.declared_by(&study.sweep.name) {
        Some(last) if last.sha256 == digest(&study.sweep) => last.ended,
        _ => ended,
    }
}

impl StageForecast {
    fn new(
        stage: &'static str,
        trials: usize,
        runs: &[&Run],
        state: &State,
        store: Option<&Store>,
    ) -> Self {
        let mut counts = Self {
            stage,
            trials,
            ..Self::default()
        };
        for run in runs {
            let id = &run.trial.id;
            match state.stored(id) {
                Stored::Nothing if store.is_some_and(|store| store.has_begun(id)) => {
                    counts.begun += 1;
                }
                Stored::Nothing => {}
                Stored::Damaged(_) => counts.damaged += 1,
                Stored::Ended(result) => match result.state {
                    TrialState::Done => counts.done += 1,
                    TrialState::Diverged => counts.diverged += 1,
                    TrialState::Failed => counts.failed += 1,
                },
            }
        }
        let known = counts.done + counts.diverged + counts.failed + counts.damaged + counts.begun;
        counts.new = trials.saturating_sub(known);
        counts
    }
}
