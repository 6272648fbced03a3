//! What a trial tells: plain data, as the files of a store and other processes have it.

mod correctness;
mod data;
mod environment;
#[cfg(test)]
pub mod examples;
mod gradients;
mod picture;
mod result;
mod score;
mod training;

pub use self::correctness::Correctness;
pub use self::data::{DataRecords, RecordCount};
pub use self::environment::{Computation, Determinism, Environment};
pub use self::gradients::{BINS, GradientSample};
pub use self::picture::Picture;
pub use self::result::{STORE_VERSION, TrialResult, TrialState};
pub use self::score::Score;
pub use self::training::{EpochRecord, Split, StepRecord, StopPoint};
