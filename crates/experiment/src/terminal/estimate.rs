//! Estimates the remaining time of a sweep from the mean time of the work done.

use std::iter::Sum;
use std::ops::Add;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Images that go through a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    pub trained: u64,
    /// In the evaluation after each epoch and in the final test.
    pub evaluated: u64,
}

/// Images and the time that they took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    pub images: u64,
    pub time: Duration,
}

/// Mean times per image, and with them the time of work to come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    pub trained: Measured,
    pub evaluated: Measured,
}

/// A training step computes the network forward once and two products of the same size backward, an
/// evaluation only the first. So much is assumed until an evaluation was measured.
const EVALUATION_OF_TRAINING: f64 = 1.0 / 3.0;

impl Work {
    pub fn saturating_sub(self, done: Self) -> Self {
        Self {
            trained: self.trained.saturating_sub(done.trained),
            evaluated: self.evaluated.saturating_sub(done.evaluated),
        }
    }
}

impl Add for Work {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            trained: self.trained + other.trained,
            evaluated: self.evaluated + other.evaluated,
        }
    }
}

impl Sum for Work {
    fn sum<I: Iterator<Item = Self>>(works: I) -> Self {
        works.fold(Self::default(), Self::add)
    }
}

impl Measured {
    pub fn add(&mut self, images: u64, time: Duration) {
        self.images += images;
        self.time += time;
    }

    pub fn images_per_second(&self) -> Option<f64> {
        let seconds = self.time.as_secs_f64();
        (self.images > 0 && seconds > 0.0).then(|| self.images as f64 / seconds)
    }

    fn seconds_per_image(&self) -> Option<f64> {
        (self.images > 0).then(|| self.time.as_secs_f64() / self.images as f64)
    }
}

impl Estimate {
    pub fn merge(&mut self, other: &Self) {
        self.trained.add(other.trained.images, other.trained.time);
        self.evaluated
            .add(other.evaluated.images, other.evaluated.time);
    }

    /// The time that `work` takes, one image after the other; `None` while nothing was measured that tells.
    pub fn time_for(&self, work: Work) -> Option<Duration> {
        let trained = self.trained.seconds_per_image();
        let evaluated = self.evaluated.seconds_per_image();
        let evaluated = evaluated.or(trained.map(|time| time * EVALUATION_OF_TRAINING));
        let seconds = |images: u64, per_image: Option<f64>| match images {
            0 => Some(0.0),
            images => per_image.map(|per_image| images as f64 * per_image),
        };
        let seconds = seconds(work.trained, trained)? + seconds(work.evaluated, evaluated)?;
        Duration::try_from_secs_f64(seconds).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(images: u64, seconds: u64) -> Measured {
        Measured {
            images,
            time: Duration::from_secs(seconds),
        }
    }

    const WORK: Work = Work {
        trained: 3000,
        evaluated: 600,
    };

    #[test]
    fn the_time_is_unknown_until_training_was_measured() {
        assert_eq!(Estimate::default().time_for(WORK), None);
        let evaluated = Estimate {
            evaluated: measured(100, 1),
            ..Estimate::default()
        };
        assert_eq!(evaluated.time_for(WORK), None);
        let only_a_test = Work { trained: 0, ..WORK };
        assert_eq!(
            evaluated.time_for(only_a_test),
            Some(Duration::from_secs(6))
        );
    }

    #[test]
    fn an_evaluation_counts_a_third_of_training_until_it_was_measured() {
        let mut estimate = Estimate {
            trained: measured(100, 1),
            ..Estimate::default()
        };
        assert_eq!(estimate.time_for(WORK), Some(Duration::from_secs(30 + 2)));
        estimate.evaluated = measured(100, 2);
        assert_eq!(estimate.time_for(WORK), Some(Duration::from_secs(30 + 12)));
    }

    #[test]
    fn no_work_takes_no_time_and_a_mean_weighs_by_images() {
        assert_eq!(
            Estimate::default().time_for(Work::default()),
            Some(Duration::ZERO)
        );
        let mut estimate = Estimate::default();
        for (images, seconds) in [(900, 1), (100, 9)] {
            estimate.merge(&Estimate {
                trained: measured(images, seconds),
                evaluated: measured(images, seconds),
            });
        }
        assert_eq!(estimate.time_for(WORK), Some(Duration::from_secs(36)));
        assert_eq!(estimate.trained.images_per_second(), Some(100.0));
    }
}
