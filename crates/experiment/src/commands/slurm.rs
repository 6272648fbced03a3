//! `experiment slurm FILE -- SBATCH_FLAGS`

use std::num::NonZeroUsize;

use anyhow::Result;
use clap::Args;

use super::submission::{Submission, SubmissionArguments};
use crate::cluster::Slurm;
use crate::terminal::print;

/// Submit a sweep to Slurm: a job array of workers that share its trials, and a report after it
#[derive(Debug, Args)]
pub struct SlurmArguments {
    #[command(flatten)]
    submission: SubmissionArguments,
    /// Most workers at a time [default: a worker per trial, as far as Slurm allows]
    #[arg(long, value_name = "N", value_parser = super::whole_number::<NonZeroUsize>(1..=1_000_000))]
    workers: Option<NonZeroUsize>,
    /// After the workers, submit what is left, for clusters that cancel jobs instead of requeueing them
    #[arg(long = "continue")]
    continues: bool,
    /// Steps that were done when the job that runs this was submitted
    #[arg(long, hide = true, value_name = "N")]
    steps_before: Option<u64>,
    /// Flags of sbatch, such as --time=60 --gres=gpu:1
    #[arg(last = true, value_name = "SBATCH_FLAGS")]
    flags: Vec<String>,
}

pub fn run(arguments: &SlurmArguments) -> Result<()> {
    Slurm::check_flags(&arguments.flags)?;
    let submission = arguments.submission.read()?;
    let steps = steps_done(&submission)?;
    if submission.to_train.is_empty() {
        return submission.nothing_to_train();
    }
    if arguments.steps_before.is_some_and(|before| steps <= before) {
        return print(
            "no trial went on since the last submission: nothing is submitted; see the logs beside the scripts\n",
        );
    }
    let most = match Slurm::most_tasks() {
        Err(_) if arguments.submission.print => usize::MAX,
        most => most?,
    };
    let most = arguments
        .workers
        .map_or(most, |workers| most.min(workers.get()));
    submission.submit(&Slurm {
        job: submission.job("slurm", &arguments.flags)?,
        tasks: submission.to_train.len().min(most),
        continues_after: arguments.continues.then_some(steps),
    })
}

/// Steps that the trials of a study have done, as far as they are on disk.
fn steps_done(submission: &Submission) -> Result<u64> {
    let mut steps = 0;
    for run in submission.study.runs() {
        steps += match (&run.result, &submission.store) {
            (Some(result), _) => result.step,
            (None, Some(store)) if store.has_begun(&run.trial.id) => {
                store.trial(&run.trial.id)?.trial.step
            }
            (None, _) => 0,
        };
    }
    Ok(steps)
}
