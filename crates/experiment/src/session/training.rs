//! Trains the missing trials of a session: in this process, one after the other, or in separate processes.

use std::num::NonZeroUsize;

use anyhow::Result;

use super::Session;
use super::device::{open_device, usable_precision};
use super::failure::without_panic;
use super::images::{ImageLibrary, size};
use super::jobs::train_in_processes;
use super::pace::Pace;
use super::trial::{Outcome, train_and_record};
use super::unfinished::Unfinished;
use crate::device::{OpenDevice, use_threads};
use crate::memory;
use crate::plan::Trial;
use crate::records::TrialState;
use crate::settings::{BackendChoice, PrecisionName};
use crate::store::Store;
use crate::terminal::{Progress, SweepProgress, TrialName, detail, inform};

/// The trials to train, their data, and the store for the results.
pub struct Training<'a> {
    pub session: &'a Session,
    pub trials: Vec<&'a Trial>,
    pub images: ImageLibrary,
    pub store: &'a Store,
    pub pace: Pace,
}

impl Training<'_> {
    /// Opens the device, prints what will be done, and does it; an error if it was interrupted.
    pub fn run(mut self) -> Result<()> {
        let session = self.session;
        use_threads(session.threads)?;
        let mut precisions = self.trials.iter().map(|trial| trial.train.precision);
        let mixed = precisions.find(|precision| *precision != PrecisionName::F32);
        let precision = mixed.unwrap_or(PrecisionName::F32);
        let device = open_device(session.backend, precision)?;
        inform(format_args!(
            "{}: {} of {} trials to train on {}, results in {}",
            session.name,
            self.trials.len(),
            session.trials.len(),
            device.description(),
            session.store.display(),
        ));
        detail(format_args!(
            "{}, {} threads",
            device.details(usable_precision(&device, precision)),
            rayon::current_num_threads()
        ));
        if session.jobs.get() > 1 {
            drop(device);
            return self.train_in_processes(&self.trials, session.jobs);
        }
        self.train_here(&device)
    }

    fn train_in_processes(&self, trials: &[&Trial], jobs: NonZeroUsize) -> Result<()> {
        let progress = self.progress(trials, jobs)?;
        train_in_processes(self.session, trials, jobs, progress, &self.pace.stop)
    }

    fn progress(&self, trials: &[&Trial], jobs: NonZeroUsize) -> Result<SweepProgress> {
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

    /// Trains one trial after the other in this process, as long as its device can be relied on.
    fn train_here(&mut self, device: &OpenDevice) -> Result<()> {
        let trials = self.trials.len();
        let mut progress = Progress::shown_in(self.progress(&self.trials, NonZeroUsize::MIN)?);
        for (trained, trial) in self.trials.iter().enumerate() {
            let images = self.images.of(trial)?;
            progress.begin_trial(size(trial, &images));
            self.pace.begin_trial();
            let mut next = |point| self.pace.next(point);
            match train_and_record(trial, &images, device, self.store, &mut progress, &mut next)? {
                Outcome::Ended(result) => {
                    progress.end_trial(&result);
                    // The next network may be another one, whose tensors have other sizes.
                    let megabytes = memory::release() as f64 / 1e6;
                    detail(format_args!("{megabytes:.1} MB of memory released"));
                    let left = &self.trials[trained + 1..];
                    let failed = result.state == TrialState::Failed;
                    if failed && device.backend == BackendChoice::Wgpu && !left.is_empty() {
                        drop(progress);
                        return self.train_without(device, left);
                    }
                }
                Outcome::Interrupted { step } => {
                    return Err(Unfinished::Interrupted {
                        trial: trial.id.clone(),
                        step,
                        left: trials - trained,
                        trials,
                    }
                    .into());
                }
            }
        }
        Ok(())
    }

    /// Trains `trials` after one failed on `device`, which may be lost with all that this process would
    /// do on it.
    fn train_without(&self, device: &OpenDevice, trials: &[&Trial]) -> Result<()> {
        inform(
            "note: the device may have failed, so the remaining trials run in separate processes",
        );
        // They need its memory; a device that is lost cannot give any back.
        let _ = without_panic(|| {
            device.device.memory_cleanup();
            Ok(())
        });
        self.train_in_processes(trials, NonZeroUsize::MIN)
    }
}
