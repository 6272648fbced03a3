//! The progress of a trial while it is trained, for the user or for the process that trains the sweep.

use std::time::{Duration, Instant};

use super::estimate::{Estimate, Work};
use super::meter::{Meter, TrialSize};
use super::status::{Phase, TrialStatus};
use super::sweep_progress::{Importance, Message, SweepProgress};
use super::text::{duration, rounded, thousands};
use super::tuning;
use crate::records::{EpochRecord, StepRecord, StopPoint, TrialResult, TrialState};

/// Without bars, a line is printed if an epoch takes longer than this.
const LINE_INTERVAL: Duration = Duration::from_mins(1);
/// How often progress is sent to another process.
const MESSAGE_INTERVAL: Duration = Duration::from_millis(250);

/// Progress of the trials that this process trains, one after the other.
pub struct Progress {
    listener: Listener,
    trials_begun: usize,
    meter: Meter,
    epoch: usize,
    epochs: usize,
    score: String,
    step: String,
    last_point: Instant,
    last_line: Instant,
}

/// The receiver of progress.
enum Listener {
    User(SweepProgress),
    Process(Box<dyn FnMut(Message)>, Pending),
}

/// Progress not reported yet.
struct Pending {
    done: Work,
    measured: Estimate,
    last_message: Instant,
}

impl Progress {
    pub fn shown_in(sweep: SweepProgress) -> Self {
        Self::told_to(Listener::User(sweep))
    }

    /// Given to `send`, for the process that started this one.
    pub fn sent_by(send: impl FnMut(Message) + 'static) -> Self {
        tuning::watch();
        let pending = Pending {
            done: Work::default(),
            measured: Estimate::default(),
            last_message: Instant::now(),
        };
        Self::told_to(Listener::Process(Box::new(send), pending))
    }

    fn told_to(listener: Listener) -> Self {
        Self {
            listener,
            trials_begun: 0,
            meter: Meter::new(TrialSize::default()),
            epoch: 1,
            epochs: 0,
            score: String::new(),
            step: String::new(),
            last_point: Instant::now(),
            last_line: Instant::now(),
        }
    }

    pub fn begin_trial(&mut self, size: TrialSize) {
        self.trials_begun += 1;
        self.meter = Meter::new(size);
        (self.epoch, self.epochs) = (1, size.epochs);
        self.score.clear();
        self.step.clear();
        self.last_point = Instant::now();
        self.last_line = Instant::now();
        if let Listener::User(sweep) = &self.listener {
            sweep.begin(self.trials_begun - 1);
        }
        self.show();
    }

    /// The trial resumes after this step.
    pub fn resume(&mut self, step: u64, epoch: usize) {
        let done = self.meter.resume(step, epoch);
        self.epoch = epoch;
        self.work(done, &Estimate::default());
        self.milestone(&format!(
            "resuming after step {step} in epoch {epoch}/{}",
            self.epochs
        ));
        self.show();
    }

    /// Training has come to `point`.
    pub fn pass(&mut self, point: StopPoint) {
        let time = self.last_point.elapsed();
        self.last_point = Instant::now();
        // Tuning takes minutes, once.
        let time = (!tuning::done()).then_some(time);
        let (done, measured) = self.meter.pass(point, time);
        self.work(done, &measured);
        self.show();
        let quiet_for = self.last_line.elapsed();
        if quiet_for >= LINE_INTERVAL {
            let phase = match self.meter.phase {
                Phase::Training => format!("image {}", self.images()),
                phase => format!("{} image {}", phase.name(), self.images()),
            };
            let loss = match self.step.as_str() {
                "" => String::new(),
                step => format!(": {step}"),
            };
            let text = format!("epoch {}/{}, {phase}{loss}", self.epoch, self.epochs);
            self.tell(Importance::Step, text);
        }
    }

    /// Of the phase: done and all.
    fn images(&self) -> String {
        let Meter { done, images, .. } = self.meter;
        format!("{}/{}", thousands(done), thousands(images))
    }

    pub fn step(&mut self, record: &StepRecord) {
        self.epoch = record.epoch;
        self.step = format!(
            "loss {:.4}, accuracy {:.0} %",
            record.train_loss,
            100.0 * record.train_accuracy
        );
        self.show();
    }

    pub fn epoch(&mut self, record: &EpochRecord) {
        self.meter.end_epoch(record.epoch);
        let split = record.evaluated_on.name();
        let skipped = match record.steps_skipped {
            None | Some(0) => String::new(),
            Some(steps) => format!(", {steps} steps skipped so far"),
        };
        self.score = format!("{split} {:.2} %", 100.0 * record.eval_accuracy);
        let text = format!(
            "epoch {}/{}: train loss {:.4} accuracy {:.2} %, {split} loss {:.4} accuracy {:.2} %, {} images/s{skipped}",
            record.epoch,
            self.epochs,
            record.train_loss,
            100.0 * record.train_accuracy,
            record.eval_loss,
            100.0 * record.eval_accuracy,
            rounded(record.images_per_second),
        );
        self.tell(Importance::Step, text);
        self.show();
    }

    /// A checkpoint of so many bytes was written.
    pub fn checkpoint(&mut self, bytes: usize) {
        let text = format!("checkpoint of {} bytes written", thousands(bytes as u64));
        self.tell(Importance::Detail, text);
    }

    /// The trial that has begun is trained by another process.
    pub fn leave_trial(&mut self, how: &str) {
        self.tell(Importance::Detail, how.to_owned());
        if let Listener::User(sweep) = &self.listener {
            sweep.interrupt(self.trials_begun - 1);
        }
    }

    pub fn end_trial(&mut self, result: &TrialResult) {
        let scores = [("test", &result.test), ("validation", &result.validation)];
        let mut scores = scores
            .into_iter()
            .filter_map(|(split, score)| Some((split, score.as_ref()?)));
        let ending = match (result.state, scores.next(), &result.cause) {
            (TrialState::Done, Some((split, score)), _) => {
                format!("done: {split} accuracy {:.2} %", 100.0 * score.accuracy())
            }
            (TrialState::Diverged, _, Some(cause)) => format!("diverged: {cause}"),
            (_, _, cause) => format!("failed: {}", cause.as_deref().unwrap_or("unknown cause")),
        };
        let time = duration(Duration::from_secs_f64(result.time_s_total));
        self.milestone(&format!("{ending} ({time})"));
        if let Listener::User(sweep) = &self.listener {
            sweep.end(self.trials_begun - 1);
        }
    }

    /// A line about the trial that the user must see.
    pub fn line(&mut self, text: &str) {
        self.tell(Importance::Warning, text.to_owned());
    }

    fn milestone(&mut self, text: &str) {
        self.tell(Importance::Milestone, text.to_owned());
    }

    fn tell(&mut self, importance: Importance, text: String) {
        if importance != Importance::Detail {
            self.last_line = Instant::now();
        }
        let line = Message::Line { importance, text };
        match &mut self.listener {
            Listener::User(sweep) => sweep.hear(self.trials_begun - 1, &line),
            Listener::Process(send, pending) => {
                // The time left that the other process tells with it is to be right.
                send(pending.take());
                send(line);
            }
        }
    }

    fn work(&mut self, done: Work, measured: &Estimate) {
        match &mut self.listener {
            Listener::User(sweep) => {
                let measured = *measured;
                sweep.hear(self.trials_begun - 1, &Message::Worked { done, measured });
            }
            Listener::Process(send, pending) => {
                pending.done = pending.done + done;
                pending.measured.merge(measured);
                if pending.last_message.elapsed() >= MESSAGE_INTERVAL {
                    send(pending.take());
                }
            }
        }
    }

    fn show(&self) {
        if let Listener::User(sweep) = &self.listener {
            let status = TrialStatus {
                label: String::new(),
                epoch: self.epoch,
                epochs: self.epochs,
                score: self.score.clone(),
                phase: self.meter.phase,
                done: self.meter.done,
                images: self.meter.images,
                images_per_second: self.meter.measured.trained.images_per_second(),
                step: self.step.clone(),
            };
            sweep.show(self.trials_begun - 1, status);
        }
    }
}

impl Pending {
    fn take(&mut self) -> Message {
        self.last_message = Instant::now();
        Message::Worked {
            done: std::mem::take(&mut self.done),
            measured: std::mem::take(&mut self.measured),
        }
    }
}
