#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
// Formulas such as f_y − mean_k f_k are mathematics, not code.
#![allow(clippy::doc_markdown)]
// What is exact in the mathematics is tested to be exact.
#![cfg_attr(test, allow(clippy::float_cmp))]

mod all_classes;
mod binary_cross_entropy;
mod config;
mod cross_entropy;
mod encouraging;
mod entry;
mod error;
mod focal;
mod generalized_cross_entropy;
mod interval;
mod log_odds;
mod loss;
mod macros;
mod mean_absolute_error;
mod mean_squared_error;
mod parameter;
mod poly1;
#[cfg(feature = "serde")]
mod serialization;
mod stable;
mod sum;
mod symmetric_cross_entropy;
mod targets;

pub use all_classes::{Activation, Classes};
pub use binary_cross_entropy::BinaryCrossEntropy;
pub use config::LossConfig;
pub use cross_entropy::CrossEntropy;
pub use encouraging::{Encouraging, Tail};
pub use entry::{LossEntry, Recommendation};
pub use error::LossError;
pub use focal::Focal;
pub use generalized_cross_entropy::GeneralizedCrossEntropy;
pub use interval::Interval;
pub use loss::Loss;
pub use mean_absolute_error::MeanAbsoluteError;
pub use mean_squared_error::MeanSquaredError;
pub use parameter::{Kind, Parameter, UncheckedValue, Value};
pub use poly1::Poly1;
pub use symmetric_cross_entropy::SymmetricCrossEntropy;
pub use targets::{Context, Targets};

/// All losses: names in TOML, the command line's list, documentation, curves and the
/// property tests all use this table. To add a loss, add one file, and here its `mod`, its
/// `pub use` and its row.
pub static LOSSES: &[LossEntry] = &[
    CrossEntropy::ENTRY,
    Encouraging::ENTRY,
    MeanSquaredError::ENTRY,
    MeanAbsoluteError::ENTRY,
    BinaryCrossEntropy::ENTRY,
    Focal::ENTRY,
    Poly1::ENTRY,
    GeneralizedCrossEntropy::ENTRY,
    SymmetricCrossEntropy::ENTRY,
    sum::ENTRY,
];

/// The row of the table called `name`.
pub fn find(name: &str) -> Option<&'static LossEntry> {
    LOSSES.iter().find(|entry| entry.name == name)
}
