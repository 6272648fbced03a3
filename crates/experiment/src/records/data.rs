//! How much of a dataset was found.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How many of a dataset's official records were read, or generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataRecords {
    pub train: RecordCount,
    pub test: RecordCount,
}

/// The records of one split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordCount {
    pub found: usize,
    /// As many as the whole dataset has.
    pub official: usize,
}

impl DataRecords {
    pub fn is_complete(&self) -> bool {
        self.train.is_complete() && self.test.is_complete()
    }
}

impl RecordCount {
    pub fn is_complete(&self) -> bool {
        self.found == self.official
    }
}

impl fmt::Display for RecordCount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} of {}", self.found, self.official)
    }
}
