//! What the commands that train have in common.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::session::{Part, Session};
use crate::settings::BackendChoice;
use crate::store::{Retry, STALE_AFTER};
use crate::sweep::Sweep;

/// Maximum seconds of training that a trial loses to a kill or a power failure.
const CHECKPOINT_INTERVAL: u64 = 60;

/// How to train.
#[derive(Debug, Args)]
pub struct TrainingArguments {
    /// Backend to use; overrides the file
    #[arg(long)]
    pub backend: Option<BackendChoice>,
    /// Number of threads of the CPU backends; overrides the file
    #[arg(long, value_name = "N", value_parser = super::thread_count())]
    pub threads: Option<u16>,
    /// Folder of the dataset's files, or its parent; by default `EXPERIMENT_DATA` or the user's data folder
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Retrain trials that failed, or that were damaged after they ended; the old files are kept under set-aside/
    #[arg(long, value_name = "STATE")]
    pub retry: Option<Retry>,
    /// Number of trials to train in parallel, each in a separate process; for networks that leave the device idle
    #[arg(long, value_name = "N", default_value = "1", value_parser = super::whole_number::<NonZeroUsize>(1..=1024))]
    pub jobs: NonZeroUsize,
    /// Seconds from one checkpoint of a trial to the next; tests cannot wait a minute
    #[arg(long, hide = true, value_name = "SECONDS", default_value_t = CHECKPOINT_INTERVAL)]
    checkpoint_interval: u64,
    /// Seconds without a sign of life after which the trial of another process is taken over; tests cannot wait minutes
    #[arg(long, hide = true, value_name = "SECONDS", default_value_t = STALE_AFTER.as_secs())]
    stale_after: u64,
}

impl TrainingArguments {
    /// The same arguments for a worker that is started elsewhere, without what is done once.
    pub fn of_worker(&self) -> Vec<String> {
        let absolute = |folder: &PathBuf| std::path::absolute(folder).unwrap_or(folder.clone());
        let data_dir = self.data_dir.as_ref().map(absolute);
        let jobs = Some(self.jobs).filter(|jobs| *jobs != NonZeroUsize::MIN);
        let arguments = [
            ("--backend", self.backend.map(|it| it.to_string())),
            ("--threads", self.threads.map(|it| it.to_string())),
            ("--data-dir", data_dir.map(|it| it.display().to_string())),
            ("--jobs", jobs.map(|it| it.to_string())),
        ];
        let given = arguments
            .into_iter()
            .filter_map(|(name, value)| Some([name.to_owned(), value?]));
        given.flatten().collect()
    }

    /// The training of a part of `sweep`, read from `text`, into `store`.
    pub fn session(&self, sweep: Sweep, text: String, store: PathBuf, part: Part) -> Session {
        let threads = self.threads.map(usize::from);
        Session {
            part,
            store,
            data_dir: self.data_dir.clone(),
            backend: self.backend.unwrap_or(sweep.execution.backend),
            threads: threads.or(sweep.execution.threads),
            threads_of_a_job: threads,
            jobs: self.jobs,
            retry: self.retry,
            checkpoint_interval: Duration::from_secs(self.checkpoint_interval),
            stale_after: Duration::from_secs(self.stale_after),
            sweep,
            text,
        }
    }
}
