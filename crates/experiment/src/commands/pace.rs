//! When a trial writes a checkpoint and when it stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::train::{Moment, Next};

/// A checkpoint each interval, and a stop at Ctrl-C.
pub struct Pace {
    /// Raised by Ctrl-C.
    pub stop: Arc<AtomicBool>,
    checkpoint_interval: Duration,
    last_checkpoint: Instant,
}

impl Pace {
    /// From now on the first Ctrl-C (or termination signal) stops after the step at hand, the second
    /// at once.
    pub fn new(checkpoint_interval: Duration) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag still down and only raises it.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop))
                .and_then(|_| flag::register(signal, Arc::clone(&stop)))
                .context("signals: the handler of Ctrl-C could not be installed")?;
        }
        Ok(Self {
            stop,
            checkpoint_interval,
            last_checkpoint: Instant::now(),
        })
    }

    /// The next checkpoint comes one interval from now.
    pub fn begin_trial(&mut self) {
        self.last_checkpoint = Instant::now();
    }

    pub fn next(&mut self, moment: Moment) -> Next {
        if self.stop.load(Ordering::Relaxed) {
            return Next::Stop;
        }
        let due = self.last_checkpoint.elapsed() >= self.checkpoint_interval;
        if due && matches!(moment, Moment::Step(_)) {
            self.last_checkpoint = Instant::now();
            return Next::Checkpoint;
        }
        Next::Continue
    }
}
