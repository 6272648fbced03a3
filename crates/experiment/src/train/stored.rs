//! Numbers among the tensors of a checkpoint.

use anyhow::{Context, Result, ensure};
use burn::tensor::TensorData;

/// The tensor `name` of a checkpoint, which must be one number, `[1]`.
pub fn number(name: &str, stored: Option<TensorData>) -> Result<TensorData> {
    let stored = stored.with_context(|| format!("{name}: expected a number, found none"))?;
    let shape = stored.shape();
    let shape = shape.as_slice();
    ensure!(
        shape == [1],
        "{name}: expected a number of shape [1], found shape {shape:?}"
    );
    Ok(stored)
}
