#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod forest;
mod frame;
mod histogram;
mod labels;
mod line;
mod number;
mod path;
#[cfg(test)]
mod properties;
mod sample;
mod scale;
mod style;
mod svg;
mod text;
mod tuning;

pub use forest::{Difference, ForestPlot, Verdict};
pub use histogram::{Histogram, HistogramGrid, Panel};
pub use line::{Line, LineChart, Point};
pub use scale::{Axis, Scale};
pub use style::STYLE;
pub use svg::Svg;
pub use tuning::{Setting, TuningChart, TuningSeries};
