//! The settings of a trial: the table of keys, their names, ranges and conditions, and the resulting settings.

mod conflicts;
mod kinds;
mod names;
mod train;

pub use self::conflicts::{Conflict, conflicts};
pub use self::kinds::{Kind, Setting};
pub use self::names::{AugmentationName, BackendChoice, PrecisionName, ScheduleName};
pub use self::train::{OptimizerName, TRAIN_KEYS, TrainKey, TrainSettings};

/// Where and how a sweep runs; nothing here affects the results or a trial's id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExecutionSettings {
    pub backend: BackendChoice,
    /// Threads of the CPU backends; all cores where `None`.
    pub threads: Option<usize>,
}
