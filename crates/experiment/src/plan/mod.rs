//! Checked settings → trials, each with the id under which the store knows it.

use bonus_loss::LossConfig;

use crate::sweep::TrainSettings;

/// One training run: everything that decides its outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Hash of the settings; see [`Trial::new`].
    pub id: String,
    pub train: TrainSettings,
    pub loss: LossConfig,
    pub seed: u64,
}
