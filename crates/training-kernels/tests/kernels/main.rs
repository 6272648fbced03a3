//! The kernels against their definitions in float64 and against Burn's own operations.

mod activation;
mod adamw;
mod batch_norm;
mod convolution;
mod half;
mod instructions;
mod pooling;
mod sgd;
mod support;
