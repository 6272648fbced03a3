//! The kernels against their definitions in float64 and against Burn's own operations.

mod adamw;
mod batch_norm;
mod convolution;
mod half;
mod instructions;
mod sgd;
mod support;
