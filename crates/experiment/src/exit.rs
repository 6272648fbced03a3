//! The program's exit codes.

use std::process::ExitCode;

/// The exit codes, for the shell, for the help text and for a process that waits for one of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done = 0,
    Unexpected = 1,
    BadInput = 2,
    TrialsFailed = 3,
    Data = 4,
    Different = 6,
    Refuted = 10,
    Open = 11,
    Interrupted = 75,
}

impl Exit {
    /// Each with its meaning. README.md has the same lines.
    pub const MEANINGS: [(Self, &'static str); 9] = [
        (Self::Done, "done; a diverged trial is a result too"),
        (Self::Unexpected, "unexpected, such as a full disk"),
        (Self::BadInput, "bad usage or settings"),
        (
            Self::TrialsFailed,
            "some trials failed, or were damaged after they ended",
        ),
        (Self::Data, "data is missing or damaged"),
        (
            Self::Different,
            "a trial that `verify` trained again has a different result",
        ),
        (Self::Refuted, "report --check: a claim is refuted"),
        (
            Self::Open,
            "report --check: a claim is not decided yet, and none is refuted",
        ),
        (
            Self::Interrupted,
            "interrupted; rerun the command to resume",
        ),
    ];

    /// The meaning of 130, which a signal leads to.
    pub const AT_ONCE: &str = "ended by a second Ctrl-C, without another checkpoint; rerun the command all the same (129 and 143 after SIGHUP and SIGTERM)";

    /// The meaning of the exit code of a process of this program; `None` for a code that it never returns.
    pub fn from_code(code: i32) -> Option<Self> {
        let known = Self::MEANINGS.into_iter().map(|(exit, _)| exit);
        known.into_iter().find(|exit| *exit as i32 == code)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The user's input is not what a command expects: place, expectation, found.
#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
pub struct BadInput(pub anyhow::Error);
