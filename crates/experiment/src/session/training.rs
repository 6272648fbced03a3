//! Trains the missing trials of a session: in this process, one after the other, or in separate processes.

use std::num::NonZeroUsize;

use anyhow::Result;

use super::Session;
use super::device::{open_device, usable_precision};
use super::failure::without_panic;
use super::images::{ImageLibrary, size};
use super::jobs::train_in_processes;
use super::pace::Pace;
use super::room::Room;
use super::trial::{Outcome, train_and_record};
use super::unfinished::Unfinished;
use crate::device::{OpenDevice, use_threads};
use crate::memory;
use crate::plan::Trial;
use crate::records::TrialState;
use crate::settings::{BackendChoice, PrecisionName};
use crate::store::Store;
use crate::study::{Stage, Study};
use crate::terminal::text::count;
use crate::terminal::{Progress, SweepProgress, TrialName, detail, inform};

/// What the trials of a session share: data, device, and the store for the results.
pub struct Training<'a> {
    pub session: &'a Session,
    pub images: ImageLibrary,
    pub store: &'a Store,
    pub pace: Pace,
    pub worker: Worker,
    pub room: Room,
}

/// What trains the next trials.
pub enum Worker {
    /// Nothing has been trained yet.
    Unopened,
    ThisProcess(Box<OpenDevice>),
    /// Separate processes, since there are several jobs, trials that may run out of memory, or a device that may have
    /// failed.
    Processes,
}

impl Training<'_> {
    /// Trains these trials of a study; an error if it was interrupted.
    pub fn train(&mut self, study: &Study, trials: &[Trial]) -> Result<()> {
        if matches!(self.worker, Worker::Unopened) {
            self.worker = self.open(study, trials)?;
        } else {
            let name = &self.session.sweep.name;
            let (stage, trials) = (stage(study), count(trials.len(), "trial"));
            inform(format_args!("{name}: {stage}{trials} to train"));
        }
        match std::mem::replace(&mut self.worker, Worker::Processes) {
            Worker::ThisProcess(device) if !self.may_be_short(trials, &device) => {
                self.worker = self.train_here(*device, trials)?;
                Ok(())
            }
            Worker::ThisProcess(_) | Worker::Unopened | Worker::Processes => {
                self.train_in_processes(trials, self.session.jobs)
            }
        }
    }

    /// Opens the device, and prints what will be done.
    fn open(&self, study: &Study, trials: &[Trial]) -> Result<Worker> {
        let session = self.session;
        use_threads(session.threads)?;
        let mut precisions = trials.iter().map(|trial| trial.train.precision);
        let mixed = precisions.find(|precision| *precision != PrecisionName::F32);
        let precision = mixed.unwrap_or(PrecisionName::F32);
        let device = open_device(session.backend, precision)?;
        inform(format_args!(
            "{}: {}{} of {} trials to train on {}, results in {}",
            session.sweep.name,
            stage(study),
            trials.len(),
            study.runs().len(),
            device.description(),
            session.store.display(),
        ));
        detail(format_args!(
            "{}, {} threads",
            device.details(usable_precision(&device, precision)),
            rayon::current_num_threads()
        ));
        Ok(if session.jobs.get() == 1 {
            Worker::ThisProcess(Box::new(device))
        } else {
            Worker::Processes
        })
    }

    /// Whether there may be too little memory for one of these trials.
    fn may_be_short(&mut self, trials: &[Trial], device: &OpenDevice) -> bool {
        let mut settings = trials.iter().map(|trial| &trial.train);
        let may_be_short = settings.any(|settings| self.room.may_be_short(settings, device));
        if may_be_short {
            detail("trials that may need more memory than there is train in separate processes");
        }
        may_be_short
    }

    fn train_in_processes(&self, trials: &[Trial], jobs: NonZeroUsize) -> Result<()> {
        let progress = self.progress(trials, jobs)?;
        let session = (self.session, self.store);
        train_in_processes(session, trials, jobs, progress, &self.pace.stop)
    }

    fn progress(&self, trials: &[Trial], jobs: NonZeroUsize) -> Result<SweepProgress> {
        let work = trials.iter().map(|trial| {
            let images = self.images.of(trial)?;
            Ok(size(trial, &images).work())
        });
        let work = work.collect::<Result<_>>()?;
        let names = trials.iter().map(|trial| TrialName {
            id: trial.id.clone(),
            label: trial.label(),
        });
        Ok(SweepProgress::new(names.collect(), work, jobs.get()))
    }

    /// Trains one trial after the other in this process, as long as its device can be relied on; what trains the next.
    fn train_here(&mut self, device: OpenDevice, trials: &[Trial]) -> Result<Worker> {
        let mut progress = Progress::shown_in(self.progress(trials, NonZeroUsize::MIN)?);
        for (trained, trial) in trials.iter().enumerate() {
            let images = self.images.of(trial)?;
            progress.begin_trial(size(trial, &images));
            self.pace.begin_trial();
            let mut next = |point| self.pace.next(point);
            match train_and_record(
                trial,
                &images,
                &device,
                (self.store, self.session.retry),
                &mut progress,
                &mut next,
            )? {
                Outcome::Elsewhere(how) => progress.leave_trial(&how),
                Outcome::Ended(result) => {
                    progress.end_trial(&result);
                    // The next network may be another one, whose tensors have other sizes.
                    let megabytes = memory::release() as f64 / 1e6;
                    detail(format_args!("{megabytes:.1} MB of memory released"));
                    if result.state == TrialState::Failed && device.backend == BackendChoice::Wgpu {
                        drop(progress);
                        self.train_without(&device, &trials[trained + 1..])?;
                        return Ok(Worker::Processes);
                    }
                }
                Outcome::Interrupted { step } => {
                    return Err(Unfinished::Interrupted {
                        trial: trial.id.clone(),
                        step,
                        left: trials.len() - trained,
                        trials: trials.len(),
                    }
                    .into());
                }
            }
        }
        Ok(Worker::ThisProcess(Box::new(device)))
    }

    /// Trains `trials` after one failed on `device`, which may be lost with all that this process would
    /// do on it.
    fn train_without(&self, device: &OpenDevice, trials: &[Trial]) -> Result<()> {
        // They need its memory; a device that is lost cannot give any back.
        let _ = without_panic(|| {
            device.device.memory_cleanup();
            Ok(())
        });
        if trials.is_empty() {
            return Ok(());
        }
        inform(
            "note: the device may have failed, so the remaining trials run in separate processes",
        );
        self.train_in_processes(trials, NonZeroUsize::MIN)
    }
}

/// The part of the sweep that comes next, before a number of trials.
fn stage(study: &Study) -> String {
    match (study.stage(), &study.tuning) {
        (Stage::Tuning, _) => "tuning, ".to_owned(),
        (Stage::Comparison, _) if study.is_until_decided() => format!(
            "comparison, {} of {} claims open, ",
            study.open_claims(),
            study.sweep.claims.len()
        ),
        (Stage::Comparison, Some(_)) => "comparison, ".to_owned(),
        (Stage::Comparison, None) => String::new(),
    }
}
