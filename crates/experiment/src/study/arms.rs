//! What is compared: losses, each at settings.

use super::run::Run;
use super::tuning::{Choice, Tuning};
use crate::plan::{Trial, point_text};
use crate::settings::{TrainKey, TrainSettings};
use crate::sweep::{At, Sweep};

/// A loss at settings, over the seeds of the comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Arm {
    /// Its place in the sweep.
    pub loss: usize,
    /// The loss as tables show it.
    pub label: String,
    pub settings: TrainSettings,
    /// The values of the keys of which the file has several, such as `learning_rate = 0.1`; may be empty.
    pub point: String,
    /// In the planned order of the seeds; with seeds until decided, as far as the first that has not ended.
    pub runs: Vec<Run>,
}

impl Arm {
    fn new<E>(
        sweep: &Sweep,
        loss: usize,
        settings: TrainSettings,
        run_of: &mut impl FnMut(Trial) -> Result<Run, E>,
    ) -> Result<Self, E> {
        let keys = keys(sweep);
        let tuning_seeds = sweep.tune.as_ref().map_or(&[][..], |tune| &tune.seeds);
        let mut runs = Vec::new();
        for seed in sweep.seeds.planned(tuning_seeds) {
            let trial = Trial::at(settings.clone(), sweep.losses[loss].clone(), seed, keys);
            let run = run_of(trial)?;
            let is_last = sweep.seeds.are_until_decided() && !run.has_ended();
            runs.push(run);
            if is_last {
                break;
            }
        }
        Ok(Self {
            loss,
            label: sweep.losses[loss].to_string(),
            point: point_text(keys, &settings),
            settings,
            runs,
        })
    }

    /// The loss, and its settings where others are compared with the same loss.
    pub fn name(&self) -> String {
        if self.point.is_empty() {
            self.label.clone()
        } else {
            format!("{} at {}", self.label, self.point)
        }
    }

    /// Seeds that have ended, without a gap from the first.
    pub fn ended(&self) -> usize {
        self.runs.iter().take_while(|run| run.has_ended()).count()
    }
}

/// The arms of a sweep, and for each claim the places of the two that it compares: an arm of every point of the grid and
/// every loss, or of every loss at its tuned settings and of whatever else the claims name. None as long as the tuning
/// stage is not complete.
pub(super) fn arms<E>(
    sweep: &Sweep,
    tuning: Option<&Tuning>,
    run_of: &mut impl FnMut(Trial) -> Result<Run, E>,
) -> Result<(Vec<Arm>, Vec<[usize; 2]>), E> {
    let choices = match tuning {
        None => &[][..],
        Some(Tuning {
            choices: Some(choices),
            ..
        }) => choices,
        Some(_) => return Ok((Vec::new(), Vec::new())),
    };
    let losses = 0..sweep.losses.len();
    let points = sweep.points.iter();
    let mut compared: Vec<(usize, TrainSettings)> = points
        .flat_map(|point| losses.clone().map(|loss| (loss, point.clone())))
        .collect();
    let tuned = choices.iter().enumerate();
    compared.extend(tuned.map(|(loss, choice)| (loss, choice.settings.clone())));
    let claims = sweep.claims.iter().map(|claim| {
        claim.losses.map(|loss| {
            let arm = (loss, settings_of(&claim.at, loss, choices));
            let known = compared.iter().position(|known| *known == arm);
            known.unwrap_or_else(|| {
                compared.push(arm);
                compared.len() - 1
            })
        })
    });
    let places = claims.collect();
    let arms = compared.into_iter();
    let arms = arms.map(|(loss, settings)| Arm::new(sweep, loss, settings, run_of));
    Ok((arms.collect::<Result<_, E>>()?, places))
}

/// The settings at which a claim compares a loss.
fn settings_of(at: &At, loss: usize, choices: &[Choice]) -> TrainSettings {
    match at {
        At::Tuned => choices[loss].settings.clone(),
        At::TunedFor(other) => choices[*other].settings.clone(),
        At::Point(point) => (**point).clone(),
    }
}

/// The keys of which a sweep has several values.
fn keys(sweep: &Sweep) -> &[&'static TrainKey] {
    match &sweep.tune {
        Some(tune) => &tune.keys,
        None => &sweep.axes,
    }
}
