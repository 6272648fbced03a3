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
mod log_odds;
mod loss;
mod mean_absolute_error;
mod mean_squared_error;
mod parameter;
mod poly1;
mod stable;
mod sum;

pub use config::LossConfig;
pub use entry::LossEntry;
pub use error::LossError;
pub use loss::Loss;
pub use parameter::{Parameter, ParameterKind, ParameterValue, Value};

/// Every loss there is: names in TOML, the command line's list, documentation, curves and the
/// property tests all run over this table. A new loss is one file and one line here.
pub static LOSSES: &[LossEntry] = &[
    cross_entropy::ENTRY,
    encouraging::ENTRY,
    mean_squared_error::ENTRY,
    mean_absolute_error::ENTRY,
    binary_cross_entropy::ENTRY,
    focal::ENTRY,
    poly1::ENTRY,
    generalized_cross_entropy::ENTRY,
    sum::ENTRY,
];

/// The row of the table called `name`.
pub fn find(name: &str) -> Option<&'static LossEntry> {
    LOSSES.iter().find(|entry| entry.name == name)
}
