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
use crate::store::{Store, Stored};
use crate::study::{Run, Study, warnings};

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

/// The forecast of a study in the state of its store; `deviation` is the assumed standard deviation of a run where too few
/// have ended, in the unit of tables.
///
/// # Errors
/// When the device fails.
pub fn forecast(
    study: &Study,
    state: &State,
    store: Option<&Store>,
    device: &OpenDevice,
    deviation: f64,
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
    let at_most = study.arms_at_most() * study.sweep.seeds.at_most();
    stages.push(StageForecast::new(
        "comparison",
        at_most,
        &compared,
        state,
        store,
    ));
    let plan = store.and_then(Store::plan);
    let declared = plan.as_ref().and_then(|plan| plan.declared());
    Ok(Forecast {
        name: study.sweep.name.clone(),
        stages,
        cost: Cost::new(study, device)?,
        claims: power::of_claims(study, deviation),
        warnings: warnings(study, declared.map_or(0, |it| it.ended)),
    })
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
