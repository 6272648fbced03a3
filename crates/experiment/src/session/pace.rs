//! Decides when a trial writes a checkpoint and when it stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::records::StopPoint;
use crate::train::Next;

/// A checkpoint each interval and after each epoch, and a stop at Ctrl-C.
pub struct Pace {
    /// Raised when training is to stop after the current step.
    pub stop: Arc<AtomicBool>,
    checkpoint_interval: Duration,
    last_checkpoint: Instant,
}

impl Pace {
    pub fn new(stop: Arc<AtomicBool>, checkpoint_interval: Duration) -> Self {
        Self {
            stop,
            checkpoint_interval,
            last_checkpoint: Instant::now(),
        }
    }

    /// The next checkpoint comes one interval from now.
    pub fn begin_trial(&mut self) {
        self.last_checkpoint = Instant::now();
    }

    pub fn next(&mut self, point: StopPoint) -> Next {
        if self.stop.load(Ordering::Relaxed) {
            return Next::Stop;
        }
        let is_due = match point {
            StopPoint::Step(_) => self.last_checkpoint.elapsed() >= self.checkpoint_interval,
            StopPoint::Evaluation(_) => false,
            StopPoint::Epoch(_) => true,
        };
        if is_due {
            self.last_checkpoint = Instant::now();
            return Next::Checkpoint;
        }
        Next::Continue
    }
}
