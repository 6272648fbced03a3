//! Runs a sweep: which trials to train, on which device, in which process, and how it ended.

mod again;
mod declare;
mod device;
mod failure;
mod images;
mod job;
mod jobs;
mod pace;
mod room;
mod signals;
mod todo;
mod training;
mod trial;
mod unfinished;
mod waiting;

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

pub use self::declare::declare;
#[cfg(feature = "wgpu")]
pub use self::device::best_adapter;
pub use self::device::{open_device, usable_precision, warn_of_scalar_instructions};
use self::images::ImageLibrary;
pub use self::images::expected_size;
pub use self::job::{TrainTrial, train_for_parent};
use self::pace::Pace;
use self::room::Room;
pub use self::todo::State;
use self::training::{Training, Worker};
pub use self::unfinished::Unfinished;
use self::waiting::{Waiting, are_in_hands, free};
use crate::plan::Trial;
use crate::settings::BackendChoice;
use crate::store::{Plan, Retry, Store, Stored};
use crate::study::{Run, Study};
use crate::sweep::Sweep;

/// The part of a sweep that a process trains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// All that no other process trains, and what follows from the others' trials, for which it waits.
    Whole,
    /// As the whole, but it ends before the others' trials if nothing follows from them.
    Free,
    /// One trial that no other process trains.
    Next,
    /// The trial with this id, for which it waits while another process trains it.
    Trial(String),
}

/// A sweep to run, and how to run it.
#[derive(Debug)]
pub struct Session {
    pub part: Part,
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
    /// How long another process that trains a trial can show no sign of life.
    pub stale_after: Duration,
}

/// A sweep as the store has it.
#[derive(Debug)]
pub struct Carried {
    pub study: Study,
    /// Trials of the sweep that had ended when its claims were last changed.
    pub declared_after: usize,
    /// What the store has of each trial of the study, in its order.
    pub stored: Vec<Stored>,
    /// The ids of the trials that this process has trained.
    pub trained: HashSet<String>,
}

impl Part {
    fn has(&self, trial: &Trial) -> bool {
        match self {
            Self::Whole | Self::Free | Self::Next => true,
            Self::Trial(id) => *id == trial.id,
        }
    }
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
        let mut to_train = state.missing(&study, self.retry);
        to_train.retain(|trial| self.part.has(trial));
        if to_train.is_empty() {
            // A finished store may be read-only.
            if let Ok(store) = Store::create_or_open(&self.store) {
                self.keep_plan(&store, &study).ok();
            }
            return Ok(Carried::of(study, store.as_ref(), &state, HashSet::new()));
        }
        let left: usize = study.left().iter().map(|(_, trials)| trials).sum();
        confirm(left.max(to_train.len()))?;
        // Before anything is made: a store without data would be a folder without a trial.
        let images = ImageLibrary::load(&to_train, self.data_dir.as_deref())?;
        images.check_same_data(&study.runs())?;
        let store = Store::create_or_open(&self.store)?.with_stale_after(self.stale_after);
        self.train(images, &store)
    }

    /// Trains what is due and no other process trains, until nothing is due: what comes next depends on the results.
    fn train(&self, images: ImageLibrary, store: &Store) -> Result<Carried> {
        let mut training = Training {
            session: self,
            images,
            store,
            pace: Pace::new(signals::stop_or_leave()?, self.checkpoint_interval),
            worker: Worker::Unopened,
            room: Room::default(),
        };
        // Another process may have trained some of them meanwhile.
        let mut state = State::of(Some(store));
        let mut tried = HashSet::new();
        let mut waiting = Waiting::default();
        loop {
            let study = state.study(&self.sweep)?;
            self.keep_plan(store, &study)?;
            training.images.check_same_data(&study.runs())?;
            let mut due = state.missing(&study, self.retry);
            due.retain(|trial| !tried.contains(&trial.id) && self.part.has(trial));
            let mut free = free(store, &due)?;
            let waits = match self.part {
                Part::Whole | Part::Trial(_) => true,
                Part::Free => study.can_grow(),
                Part::Next => false,
            };
            let is_over = free.is_empty() && !waits && are_in_hands(store, &due)?;
            if due.is_empty() || is_over {
                return Ok(Carried::of(study, Some(store), &state, tried));
            }
            if free.is_empty() {
                waiting.wait(store, &due, &training.pace.stop)?;
                continue;
            }
            if self.part == Part::Next {
                free.truncate(1);
            }
            training.train(&study, &free)?;
            let ended = free.into_iter().map(|trial| trial.id);
            tried.extend(ended.filter(|id| store.has_result(id)));
            if self.part == Part::Next && !tried.is_empty() {
                let study = state.study(&self.sweep)?;
                return Ok(Carried::of(study, Some(store), &state, tried));
            }
        }
    }
}

impl Session {
    /// Keeps the plan of the sweep, unless this process is a worker and the plan was changed meanwhile.
    fn keep_plan(&self, store: &Store, study: &Study) -> Result<()> {
        let plan = store.plan();
        let declared = plan.as_ref().and_then(Plan::declared);
        let is_changed = declared.is_some_and(|declared| declared.sweep != self.text);
        if self.part != Part::Whole && is_changed {
            return Ok(());
        }
        declare(store, study, &self.text)
    }
}

impl Carried {
    fn of(study: Study, store: Option<&Store>, state: &State, trained: HashSet<String>) -> Self {
        let stored = study.runs().into_iter();
        let stored = stored.map(|Run { trial, .. }| state.stored(&trial.id).clone());
        let stored = stored.collect();
        let plan = store.and_then(Store::plan);
        let declared = plan.as_ref().and_then(Plan::declared);
        Self {
            declared_after: declared.map_or(0, |declaration| declaration.ended),
            stored,
            study,
            trained,
        }
    }
}
