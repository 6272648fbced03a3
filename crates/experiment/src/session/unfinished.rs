//! Why a sweep is not finished; `main` converts it to an exit code.

use std::path::Path;

use crate::exit::Exit;
use crate::records::TrialState;
use crate::store::{Damage, Stored};
use crate::terminal::tell;

/// Why a sweep is not finished although nothing is wrong with the program.
#[derive(Debug, thiserror::Error)]
pub enum Unfinished {
    #[error(
        "{failed} of {trials} trials failed; see the cause in each result.json under {store}, and rerun with --retry failed"
    )]
    Failed {
        failed: usize,
        trials: usize,
        store: String,
    },
    #[error(
        "{damaged} of {trials} trials are damaged and excluded; to retrain them and keep their folders under {store}/set-aside, rerun `experiment run` with --retry damaged"
    )]
    Damaged {
        damaged: usize,
        trials: usize,
        store: String,
    },
    #[error(
        "interrupted at step {step} of trial {trial}, with {left} of {trials} trials left; rerun this command to resume"
    )]
    Interrupted {
        trial: String,
        step: u64,
        left: usize,
        trials: usize,
    },
    #[error("interrupted at step {step} of training trial {trial} again; nothing was compared")]
    NotCompared { trial: String, step: u64 },
    #[error("interrupted with {left} of {trials} trials left; rerun this command to resume")]
    Stopped { left: usize, trials: usize },
    #[error(
        "a trial's process ended with the error above, with {left} of {trials} trials left; rerun this command to resume once it is fixed"
    )]
    Error {
        /// How that process ended.
        exit: Exit,
        left: usize,
        trials: usize,
    },
    #[error(
        "the processes of {died} of {trials} trials died, with {left} of {trials} trials left; rerun this command to resume from their checkpoints"
    )]
    Died {
        died: usize,
        left: usize,
        trials: usize,
    },
}

impl Unfinished {
    pub fn exit(&self) -> Exit {
        match self {
            Self::Failed { .. } | Self::Damaged { .. } | Self::Died { .. } => Exit::TrialsFailed,
            Self::Interrupted { .. } | Self::NotCompared { .. } | Self::Stopped { .. } => {
                Exit::Interrupted
            }
            Self::Error { exit, .. } => *exit,
        }
    }

    /// An error if trials of a sweep in the store `path` failed, or are damaged, which is reported for each.
    pub fn check(stored: &[Stored], path: &Path) -> Result<(), Self> {
        let damaged = stored.iter().filter_map(|stored| match stored {
            Stored::Damaged(damage) => Some(damage),
            Stored::Nothing | Stored::Ended(_) => None,
        });
        Self::check_damage(damaged, stored.len(), path)?;
        let ended = stored.iter().filter_map(Stored::ended);
        let failed = ended.filter(|result| result.state == TrialState::Failed);
        match failed.count() {
            0 => Ok(()),
            failed => Err(Self::Failed {
                failed,
                trials: stored.len(),
                store: path.display().to_string(),
            }),
        }
    }

    /// Names the trials of a store that are no longer what they were when they ended; an error if there are any.
    pub fn check_damage<'a>(
        damaged: impl Iterator<Item = &'a Damage>,
        trials: usize,
        path: &Path,
    ) -> Result<(), Self> {
        let told = damaged.map(|damage| tell(format_args!("error: {damage}")));
        match told.count() {
            0 => Ok(()),
            damaged => Err(Self::Damaged {
                damaged,
                trials: trials.max(damaged),
                store: path.display().to_string(),
            }),
        }
    }
}
