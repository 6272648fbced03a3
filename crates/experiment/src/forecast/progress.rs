//! Where a sweep is while processes train it: what each of them does, and the time left.

use serde::Serialize;

use super::stages::{StageForecast, stages};
use crate::records::TrialResult;
use crate::session::{State, expected_size};
use crate::settings::TrainSettings;
use crate::store::{Store, StoreError};
use crate::study::{Run, Study};

/// A sweep in a store that processes may be writing to.
#[derive(Debug, Serialize)]
pub struct SweepState {
    pub name: String,
    pub stages: Vec<StageForecast>,
    pub running: Vec<RunningTrial>,
    /// Until the processes that run now have trained every trial without a result, at the speed of those that ended; with
    /// seeds until decided, at most. `None` before one has ended or while none runs.
    pub time_s_left: Option<f64>,
}

/// A trial that a process trains.
#[derive(Debug, Serialize)]
pub struct RunningTrial {
    pub id: String,
    pub label: String,
    /// Name of the machine; empty where the system does not tell.
    pub host: String,
    pub pid: u32,
    /// When the process took its lease: UTC, RFC 3339.
    pub time_taken: String,
    /// Steps on disk, of all.
    pub step: u64,
    pub steps: u64,
}

impl SweepState {
    pub fn of(study: &Study, state: &State, store: &Store) -> Result<Self, StoreError> {
        let mut running = Vec::new();
        for run in study.runs() {
            if run.result.is_none()
                && let Some(holder) = store.holder(&run.trial.id)?
            {
                running.push(RunningTrial {
                    id: run.trial.id.clone(),
                    label: run.trial.label(),
                    host: holder.host,
                    pid: holder.pid,
                    time_taken: holder.time_taken,
                    step: store.trial(&run.trial.id)?.trial.step,
                    steps: steps(&run.trial.train),
                });
            }
        }
        Ok(Self {
            name: study.sweep.name.clone(),
            stages: stages(study, state, Some(store))?,
            time_s_left: time_left(study, &running),
            running,
        })
    }
}

fn time_left(study: &Study, running: &[RunningTrial]) -> Option<f64> {
    let runs = study.runs();
    let ended = runs.iter().filter_map(|run: &&Run| {
        let result: &TrialResult = run.result.as_ref()?;
        let share = result.step as f64 / steps(&run.trial.train) as f64;
        Some((share * images(&run.trial.train), result.time_s_total))
    });
    let (trained, time) = ended.fold((0.0, 0.0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
    let left: f64 = (study.left().iter())
        .map(|(settings, trials)| *trials as f64 * images(settings))
        .sum();
    if trained == 0.0 || (running.is_empty() && left > 0.0) {
        return None;
    }
    let of_id = |trial: &RunningTrial| runs.iter().find(|run| run.trial.id == trial.id);
    let begun: f64 = (running.iter())
        .filter_map(|trial| {
            let images = images(&of_id(trial)?.trial.train);
            Some(images * trial.step as f64 / trial.steps as f64)
        })
        .sum();
    Some((left - begun).max(0.0) * time / trained / running.len().max(1) as f64)
}

/// Of training; evaluations take about the same share of every trial of a sweep.
fn images(settings: &TrainSettings) -> f64 {
    let size = expected_size(settings);
    size.epochs as f64 * size.train as f64
}

fn steps(settings: &TrainSettings) -> u64 {
    let size = expected_size(settings);
    size.epochs as u64 * size.train.div_ceil(size.batch_size)
}
