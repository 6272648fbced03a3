//! One trial, trained for another process.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Result, anyhow};
use serde::{Deserialize, Serialize};

use super::device::open_device;
use super::images::{ImageLibrary, size};
use super::pace::Pace;
use super::signals;
use super::trial::{Outcome, record_failure, train_and_record};
use crate::child::{self, Task};
use crate::device::use_threads;
use crate::exit::{BadInput, Exit};
use crate::plan::Trial;
use crate::records::TrialState;
use crate::settings::BackendChoice;
use crate::store::{Retry, Store};
use crate::terminal::{Message, Progress};

/// The task of training a trial. It stops with a checkpoint when it is asked to.
#[derive(Debug, Serialize, Deserialize)]
pub struct TrainTrial {
    /// A sweep file of this one trial.
    pub settings_toml: String,
    pub backend: BackendChoice,
    pub threads: Option<usize>,
    /// As every path in a request, whatever its bytes.
    pub store: OsString,
    pub data_dir: Option<OsString>,
    pub checkpoint_interval: Duration,
    pub stale_after: Duration,
    pub retry: Option<Retry>,
    /// The heartbeat of a stale lease of the trial.
    pub stale_heartbeat: Option<SystemTime>,
    /// Why the process that trained it before has died: the trial is not trained, and fails of this.
    pub failure: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum TrialEvent {
    Progress(Message),
    /// It has a checkpoint from which it resumes after this step.
    Interrupted {
        step: u64,
    },
}

impl Task for TrainTrial {
    const NAME: &'static str = "train";
    type Event = TrialEvent;
}

/// Trains the trial that another process asks for.
pub fn train_for_parent(task: &TrainTrial) -> Result<Exit> {
    let stop = signals::stop_only()?;
    child::stop_with_parent(Arc::clone(&stop));
    let mut pace = Pace::new(stop, task.checkpoint_interval);
    let trial = Trial::from_settings_toml(&task.settings_toml)
        .ok_or_else(|| BadInput(anyhow!("child: expected the settings of one trial")))?;
    let store = Store::open_existing(Path::new(&task.store))?.with_stale_after(task.stale_after);
    if let Some(heartbeat) = task.stale_heartbeat {
        store.believe_stale(&trial.id, heartbeat)?;
    }
    let data_dir = task.data_dir.as_ref().map(PathBuf::from);
    let images =
        ImageLibrary::load(std::slice::from_ref(&trial), data_dir.as_deref())?.of(&trial)?;
    use_threads(task.threads)?;
    let device = open_device(task.backend, trial.train.precision)?;

    let mut progress =
        Progress::sent_by(|message| child::say::<TrainTrial>(TrialEvent::Progress(message)));
    progress.begin_trial(size(&trial, &images));
    pace.begin_trial();
    let mut next = |point| pace.next(point);
    let store = (&store, task.retry);
    let outcome = match &task.failure {
        Some(cause) => record_failure(&trial, &images, &device, store, cause),
        None => train_and_record(&trial, &images, &device, store, &mut progress, &mut next),
    };
    match outcome? {
        Outcome::Elsewhere(how) => {
            progress.leave_trial(&how);
            Ok(Exit::Done)
        }
        Outcome::Ended(result) => {
            progress.end_trial(&result);
            // The process that asked reports all that failed.
            Ok(match result.state {
                TrialState::Failed => Exit::TrialsFailed,
                TrialState::Done | TrialState::Diverged => Exit::Done,
            })
        }
        Outcome::Interrupted { step } => {
            child::say::<TrainTrial>(TrialEvent::Interrupted { step });
            Ok(Exit::Interrupted)
        }
    }
}
