//! Why a sweep is not finished: what `main` makes of it is an exit code.

/// Why a sweep is not finished although nothing is wrong with the program.
#[derive(Debug, thiserror::Error)]
pub enum Unfinished {
    #[error(
        "{failed} of {trials} trials failed; see the cause in each result.json under {store}, and run again with --retry failed"
    )]
    Failed {
        failed: usize,
        trials: usize,
        store: String,
    },
    #[error(
        "{damaged} of {trials} trials are damaged and left out; to train them again and keep their folders under {store}/set-aside, run again with --retry damaged"
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
    #[error("interrupted with {left} of {trials} trials left; rerun this command to resume")]
    Stopped { left: usize, trials: usize },
    #[error(
        "a trial's process ended with the error above, with {left} of {trials} trials left; rerun this command to resume once it is fixed"
    )]
    Error {
        /// The exit code of that process.
        code: i32,
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
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Failed { .. } | Self::Damaged { .. } | Self::Died { .. } => 3,
            Self::Interrupted { .. } | Self::Stopped { .. } => 75,
            // Exit codes are 8 bits wide.
            Self::Error { code, .. } => *code as u8,
        }
    }
}
