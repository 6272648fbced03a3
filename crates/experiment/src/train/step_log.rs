//! Losses and accuracies of the steps, read back from the device a few steps late.

use std::time::{Duration, Instant};

use anyhow::Result;
use burn::tensor::Tensor;

use super::{Ending, Observer};
use crate::measure::read_sums;
use crate::store::StepRecord;

/// A GPU computes ahead while its host prepares further steps; reading a value back makes it wait.
/// So values are read when this many steps are pending …
const READ_STEPS: usize = 32;
/// … or when this much time has passed, for networks that take long over a step.
const READ_INTERVAL: Duration = Duration::from_millis(500);

/// A step whose values are still on the device.
pub struct PendingStep {
    /// Steps done, this one included.
    pub step: u64,
    /// From 1.
    pub epoch: usize,
    pub images: usize,
    pub learning_rate: f64,
    /// As [`crate::measure::sums`] gives them.
    pub sums: Tensor<1>,
}

/// What the steps of one epoch add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EpochTotals {
    pub loss: f64,
    pub correct: f64,
    pub images: f64,
}

/// Turns pending steps into records for the observer.
pub struct StepLog {
    pending: Vec<PendingStep>,
    last_read: Instant,
    totals: EpochTotals,
}

impl StepLog {
    pub fn new() -> Self {
        Self {
            pending: Vec::new(),
            last_read: Instant::now(),
            totals: EpochTotals::default(),
        }
    }

    /// Takes a step in; gives the ending where training turns out to have diverged.
    pub fn push(
        &mut self,
        step: PendingStep,
        observer: &mut dyn Observer,
    ) -> Result<Option<Ending>> {
        self.pending.push(step);
        if self.pending.len() < READ_STEPS && self.last_read.elapsed() < READ_INTERVAL {
            return Ok(None);
        }
        self.read(observer)
    }

    /// Reads everything pending and gives the epoch's totals.
    pub fn end_epoch(
        &mut self,
        observer: &mut dyn Observer,
    ) -> Result<Result<EpochTotals, Ending>> {
        if let Some(ending) = self.read(observer)? {
            return Ok(Err(ending));
        }
        Ok(Ok(std::mem::take(&mut self.totals)))
    }

    fn read(&mut self, observer: &mut dyn Observer) -> Result<Option<Ending>> {
        let (steps, sums): (Vec<_>, Vec<_>) = self
            .pending
            .drain(..)
            .map(|pending| {
                (
                    (
                        pending.step,
                        pending.epoch,
                        pending.images,
                        pending.learning_rate,
                    ),
                    pending.sums,
                )
            })
            .unzip();
        if sums.is_empty() {
            return Ok(None);
        }
        for ((step, epoch, images, learning_rate), [loss, correct]) in
            steps.into_iter().zip(read_sums(sums)?)
        {
            let images = images as f64;
            observer.step(&StepRecord {
                step,
                epoch,
                loss: loss / images,
                accuracy: correct / images,
                learning_rate,
            })?;
            if !loss.is_finite() {
                return Ok(Some(Ending::Diverged {
                    step,
                    cause: format!("the training loss became {loss} at step {step}"),
                }));
            }
            self.totals.loss += loss;
            self.totals.correct += correct;
            self.totals.images += images;
        }
        self.last_read = Instant::now();
        Ok(None)
    }
}
