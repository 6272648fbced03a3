//! `experiment hq FILE -- HQ_FLAGS`

use std::num::NonZeroUsize;

use anyhow::Result;
use clap::Args;

use super::submission::{Submission, SubmissionArguments};
use crate::cluster::{HyperQueue, Tasks};

/// Submit a sweep to HyperQueue: a task array with a task per trial
#[derive(Debug, Args)]
pub struct HqArguments {
    #[command(flatten)]
    submission: SubmissionArguments,
    /// Number of workers that share the trials, instead of a task per trial
    #[arg(long, value_name = "N", value_parser = super::whole_number::<NonZeroUsize>(1..=1_000_000))]
    workers: Option<NonZeroUsize>,
    /// Flags of `hq submit`, such as --cpus=2 --crash-limit=unlimited
    #[arg(last = true, value_name = "HQ_FLAGS")]
    flags: Vec<String>,
}

pub fn run(arguments: &HqArguments) -> Result<()> {
    HyperQueue::check_flags(&arguments.flags)?;
    let submission = arguments.submission.read()?;
    if submission.to_train.is_empty() {
        return submission.nothing_to_train();
    }
    if !arguments.submission.print {
        HyperQueue::check_server()?;
    }
    submission.submit(&HyperQueue {
        job: submission.job("hq", &arguments.flags)?,
        tasks: tasks(&submission, arguments.workers.map(NonZeroUsize::get)),
    })
}

/// A task per trial, unless which trials there are depends on the results of others.
fn tasks(submission: &Submission, workers: Option<usize>) -> Tasks {
    let (study, to_train) = (&submission.study, &submission.to_train);
    if workers.is_none() && study.has_fixed_trials() {
        let runs = study.runs().into_iter().enumerate();
        let left = runs.filter(|(_, run)| to_train.iter().any(|trial| trial.id == run.trial.id));
        return Tasks::Trials(left.map(|(index, _)| index).collect());
    }
    let most = to_train.len();
    Tasks::Workers(workers.map_or(most, |workers| workers.min(most)))
}
