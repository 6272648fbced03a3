//! What the user sees on the terminal: results on standard output; warnings, notes and progress on
//! standard error.

mod bars;
mod estimate;
mod meter;
mod output;
mod progress;
mod status;
mod sweep_progress;
pub mod table;
pub mod text;
mod tuning;

pub use self::bars::{Shown, can_show as can_show_bars, clear as clear_bars, show as show_bars};
pub use self::estimate::{Estimate, Work};
pub use self::meter::TrialSize;
pub use self::output::{Verbosity, detail, inform, print, set_verbosity, tell, verbosity};
pub use self::progress::Progress;
pub use self::sweep_progress::{Message, SweepProgress, TrialName};
