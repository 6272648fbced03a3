//! Runs a sweep: which trials to train, on which device, in which process, and how it ended.

mod again;
mod device;
mod failure;
mod images;
mod job;
mod jobs;
mod pace;
mod signals;
mod todo;
mod training;
mod trial;
mod unfinished;

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

#[cfg(feature = "wgpu")]
pub use self::device::best_adapter;
pub use self::device::{open_device, usable_precision, warn_of_scalar_instructions};
use self::images::ImageLibrary;
pub use self::images::expected_size;
pub use self::job::{TrainTrial, train_for_parent};
use self::pace::Pace;
pub use self::todo::{Retry, State};
use self::training::{Training, Worker};
pub use self::unfinished::Unfinished;
use crate::settings::BackendChoice;
use crate::store::{Declaration, Plan, Store, Stored};
use crate::study::{Run, Study, digest};
use crate::sweep::Sweep;
use crate::terminal::tell;

/// A sweep to run, and how to run it.
#[derive(Debug)]
pub struct Session {
    pub sweep: Sweep,
    /// The text of the sweep file.
    pub text: String,
    /// Folder of the results.
    pub store: PathBuf,
    /// Folder of the dataset's files, or its parent; where they are searched otherwise where `None`.
    pub data_dir: Option<PathBuf>,
    pub backend: BackendChoice,
    /// Threads of the CPU backends; all cores where `None`.
    pub threads: Option<usize>,
    /// The same of each of several jobs; they share the cores where `None`.
    pub threads_of_a_job: Option<usize>,
    /// Trials at a time, in separate processes if more than one.
    pub jobs: NonZeroUsize,
    pub retry: Option<Retry>,
    pub checkpoint_interval: Duration,
}

/// A sweep as the store has it.
#[derive(Debug)]
pub struct Carried {
    pub study: Study,
    /// Trials of the sweep that had ended when its claims were last changed.
    pub declared_after: usize,
    /// What the store has of each trial of the study, in its order.
    pub stored: Vec<Stored>,
}

impl Session {
    /// Trains the trials that have no result yet, stage by stage; returns what the store contains in the end. `confirm`
    /// is told the number of trials to train, and may refuse: with seeds until decided or before a tuning stage is
    /// complete, the most that there can be.
    ///
    /// # Errors
    /// [`Unfinished`] if it was interrupted, and anything that prevents training. A failed trial is not an error.
    pub fn carry_out(&self, confirm: impl FnOnce(usize) -> Result<()>) -> Result<Carried> {
        let store = Store::open_if_there(&self.store)?;
        let mut state = State::of(store.as_ref());
        let study = state.study(&self.sweep)?;
        let to_train = state.missing(&study, self.retry);
        if to_train.is_empty() {
            // A finished store may be read-only, or another process may be writing others of its trials.
            if let Ok(store) = Store::create_or_open(&self.store) {
                self.keep_plan(&store, &study).ok();
            }
            return Ok(Carried::of(study, store.as_ref(), &state));
        }
        let left: usize = study.left().iter().map(|(_, trials)| trials).sum();
        confirm(left.max(to_train.len()))?;
        // Before anything is made: a store without data would be a folder without a trial.
        let images = ImageLibrary::load(&to_train, self.data_dir.as_deref())?;
        images.check_same_data(&study.runs())?;
        let store = Store::create_or_open(&self.store)?;
        self.train(images, &store)
    }

    /// Trains what is due, until nothing is: what comes next depends on the results.
    fn train(&self, images: ImageLibrary, store: &Store) -> Result<Carried> {
        let mut training = Training {
            session: self,
            images,
            store,
            pace: Pace::new(signals::stop_or_leave()?, self.checkpoint_interval),
            worker: Worker::Unopened,
        };
        // Another process may have trained some of them meanwhile.
        let mut state = State::of(Some(store));
        let mut tried = HashSet::new();
        loop {
            let study = state.study(&self.sweep)?;
            self.keep_plan(store, &study)?;
            let mut due = state.missing(&study, self.retry);
            due.retain(|trial| tried.insert(trial.id.clone()));
            if due.is_empty() {
                return Ok(Carried::of(study, Some(store), &state));
            }
            training.train(&study, &due)?;
        }
    }

    /// Stores the plan of the sweep, and removes files that a kill left of ended trials.
    fn keep_plan(&self, store: &Store, study: &Study) -> Result<()> {
        let runs = study.runs();
        if let Some(damage) = store.plan_damage() {
            tell(format_args!(
                "warning: {damage}; it is written again, without the earlier changes of the claims"
            ));
        }
        let earlier = store.plan();
        let mut plan = Plan {
            name: self.sweep.name.clone(),
            trials: runs.iter().map(|run| run.trial.id.clone()).collect(),
            declarations: (earlier.as_ref()).map_or(Vec::new(), |plan| plan.declarations.clone()),
        };
        plan.declare(Declaration {
            name: self.sweep.name.clone(),
            sha256: digest(&self.sweep),
            ended: ended(store, &plan, earlier.as_ref()),
            sweep: self.text.clone(),
        });
        store.save_plan(&plan)?;
        // A kill can come between a result and the removal of its checkpoint.
        for run in runs.iter().filter(|run| run.result.is_some()) {
            store.remove_checkpoint(&run.trial.id)?;
        }
        Ok(())
    }
}

/// The trials of a sweep that have a result, those included that were part of it before its file was changed.
fn ended(store: &Store, plan: &Plan, earlier: Option<&Plan>) -> usize {
    let earlier = earlier.filter(|earlier| earlier.name == plan.name);
    let earlier = earlier.iter().flat_map(|earlier| &earlier.trials);
    let trials: HashSet<&String> = plan.trials.iter().chain(earlier).collect();
    trials.iter().filter(|id| store.has_result(id)).count()
}

impl Carried {
    fn of(study: Study, store: Option<&Store>, state: &State) -> Self {
        let stored = study.runs().into_iter();
        let stored = stored.map(|Run { trial, .. }| state.stored(&trial.id).clone());
        let stored = stored.collect();
        let plan = store.and_then(Store::plan);
        let declared = plan.as_ref().and_then(Plan::declared);
        Self {
            declared_after: declared.map_or(0, |declaration| declaration.ended),
            stored,
            study,
        }
    }
}
