//! Hands a sweep to the scheduler of a cluster, whose jobs train it with `experiment work`.

mod slurm;

pub use self::slurm::{Slurm, Submitted};
