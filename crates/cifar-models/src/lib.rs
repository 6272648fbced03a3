//! Image classifiers for CIFAR on Burn.

pub mod random;
