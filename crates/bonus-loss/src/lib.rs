//! Classification losses on Burn.

/// A loss and its parameters, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct LossConfig;
