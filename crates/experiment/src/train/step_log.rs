//! Losses and accuracies of the steps, read back from the device a few steps late.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anyhow::Result;
use burn::tensor::Tensor;

use super::{Ending, TrainingControl};
use crate::measure::{read_sums, read_values};
use crate::records::StepRecord;

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
    /// `[1]`, where it is measured.
    pub gradient_norm: Option<Tensor<1>>,
}

/// The totals of the steps of one epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EpochTotals {
    pub loss: f64,
    pub correct: f64,
    pub images: f64,
    /// The sum of the gradient's norms at the steps where it was measured and finite, and how many they are.
    pub gradient_norm: f64,
    pub gradient_norms: f64,
}

impl EpochTotals {
    /// The mean norm, if there is one.
    pub fn mean_gradient_norm(&self) -> Option<f64> {
        let mean = self.gradient_norm / self.gradient_norms;
        mean.is_finite().then_some(mean)
    }
}

/// Turns an epoch's pending steps into records for the control.
pub struct StepLog {
    pending: Vec<PendingStep>,
    last_read: Instant,
    /// Of the steps read.
    pub totals: EpochTotals,
}

impl StepLog {
    /// Continues from the totals of the previous steps.
    pub fn new(totals: EpochTotals) -> Self {
        Self {
            pending: Vec::new(),
            last_read: Instant::now(),
            totals,
        }
    }

    /// Adds a step; stops if training turns out to have diverged.
    pub fn push(
        &mut self,
        step: PendingStep,
        control: &mut dyn TrainingControl,
    ) -> Result<ControlFlow<Ending>> {
        self.pending.push(step);
        if self.pending.len() < READ_STEPS && self.last_read.elapsed() < READ_INTERVAL {
            return Ok(ControlFlow::Continue(()));
        }
        self.read(control)
    }

    /// Reads everything pending; stops if training turns out to have diverged.
    pub fn read(&mut self, control: &mut dyn TrainingControl) -> Result<ControlFlow<Ending>> {
        self.last_read = Instant::now();
        let pending = std::mem::take(&mut self.pending);
        if pending.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        let sums = pending.iter().map(|step| step.sums.clone()).collect();
        let norms: Vec<_> = (pending.iter())
            .filter_map(|step| step.gradient_norm.clone())
            .collect();
        let sums = read_sums(sums)?;
        let norms = if norms.is_empty() {
            Vec::new()
        } else {
            read_values(Tensor::cat(norms, 0))?
        };
        let mut norms = norms.into_iter();
        for (step, [loss, correct]) in pending.iter().zip(sums) {
            let images = step.images as f64;
            control.step(&StepRecord {
                step: step.step,
                epoch: step.epoch,
                train_loss: loss / images,
                train_accuracy: correct / images,
                learning_rate: step.learning_rate,
            })?;
            if !loss.is_finite() {
                let step = step.step;
                return Ok(ControlFlow::Break(Ending::Diverged {
                    step,
                    cause: format!("the training loss became {loss} at step {step}"),
                }));
            }
            self.totals.loss += loss;
            self.totals.correct += correct;
            self.totals.images += images;
            let norm = (step.gradient_norm.as_ref()).and_then(|_| norms.next());
            if let Some(norm) = norm.filter(|norm| norm.is_finite()) {
                self.totals.gradient_norm += f64::from(norm);
                self.totals.gradient_norms += 1.0;
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}
