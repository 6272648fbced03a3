//! Before a sweep runs: how many trials, how much time and disk, and what its seeds can decide.

mod cost;
mod power;
mod progress;
mod stages;

use anyhow::Result;
use serde::Serialize;

pub use self::cost::Cost;
pub use self::power::{Power, SeedsForecast};
pub use self::progress::{RunningTrial, SweepState};
pub use self::stages::{StageForecast, stages};
use crate::device::OpenDevice;
use crate::session::State;
use crate::store::{Plan, Store};
use crate::study::{Study, digest, warnings};

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

/// The forecast of a study in the state of its store; `deviation` is the standard deviation of a run that is assumed where too few
/// have ended, in the unit of tables.
///
/// # Errors
/// When the store cannot be read, or the device fails.
pub fn forecast(
    study: &Study,
    state: &State,
    store: Option<&Store>,
    device: &OpenDevice,
    deviation: Option<f64>,
) -> Result<Forecast> {
    let ended = study.runs().iter().filter(|run| run.has_ended()).count();
    let plan = store.and_then(Store::plan);
    let declared_after = plan.map_or(0, |plan| declared_after(study, &plan, ended));
    Ok(Forecast {
        name: study.sweep.name.clone(),
        stages: stages(study, state, store)?,
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
