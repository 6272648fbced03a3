//! Weights on disk: safetensors in both directions and PyTorch's own format for reading, all with
//! PyTorch's names and layouts.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use burn::module::{Module, Param};
use burn::tensor::{Tensor, TensorData};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, serialize};

use crate::{MapNamed, map_named, named_tensors};

mod read;

pub use read::read_tensors;

/// Tensors of 32-bit numbers by their names.
pub type NamedTensors = BTreeMap<String, TensorData>;

/// Texts that a safetensors file holds beside its tensors, by their keys.
pub type Metadata = BTreeMap<String, String>;

/// Why a file could not be loaded or written. Every message starts with the file.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The operating system refused; why is the error's source.
    #[error("{}: cannot {action}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was attempted.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The file's name says nothing about its format.
    #[error("{}: expected a file named .safetensors, .pth or .pt", path.display())]
    Extension {
        /// The file.
        path: PathBuf,
    },
    /// The content is not what the name says, or not all of it.
    #[error("{}: not a complete {format} file ({bytes} bytes): {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The format that the name promises.
        format: &'static str,
        /// Size of the file.
        bytes: u64,
        /// What the reader found.
        reason: String,
    },
    /// The file holds other tensors than the model.
    #[error("{}: {}", path.display(), name_differences(missing, unexpected))]
    Names {
        /// The file.
        path: PathBuf,
        /// Tensors of the model that the file lacks.
        missing: Vec<String>,
        /// Tensors of the file that the model lacks.
        unexpected: Vec<String>,
    },
    /// A tensor has another shape than the model's.
    #[error("{}: {name}: expected shape {expected:?}, found {found:?}{hint}", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The first such tensor.
        name: String,
        /// Its shape in the model.
        expected: Vec<usize>,
        /// Its shape in the file.
        found: Vec<usize>,
        /// `": "` and the likely cause, or nothing.
        hint: String,
    },
    /// A tensor holds something else than floating-point numbers.
    #[error("{}: {name}: expected floating-point numbers, found {found}", path.display())]
    ElementType {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The type in the file.
        found: String,
    },
}

/// `model` with the weights and running statistics of a `.safetensors`, `.pth` or `.pt` file.
///
/// A PyTorch file holds a `state_dict` or, as pytorch-cifar writes it, one under `net`; names may
/// start with `module.`, which `DataParallel` adds. Counters called `num_batches_tracked` are
/// ignored. Every other tensor must be in both, with one shape; numbers become 32-bit.
///
/// # Errors
/// When the file cannot be read, is no checkpoint, or does not fit the model.
pub fn load<M: Module>(model: M, path: &Path) -> Result<M, CheckpointError> {
    replace(model, read::tensors(path)?, path)
}

/// `model` with the tensors `stored`, which came from the file at `path`.
///
/// # Errors
/// When they are not the model's, by name and shape.
pub fn replace<M: Module>(
    model: M,
    stored: NamedTensors,
    path: &Path,
) -> Result<M, CheckpointError> {
    compare(&named_tensors(&model), &stored, path)?;
    Ok(map_named(model, &mut Replace { stored }))
}

/// Writes `model` as a safetensors file.
///
/// # Errors
/// When the file cannot be written.
pub fn save<M: Module>(model: &M, path: &Path) -> Result<(), CheckpointError> {
    std::fs::write(path, to_safetensors(model)).map_err(|source| CheckpointError::Io {
        path: path.to_owned(),
        action: "write",
        source,
    })
}

/// `model` as the content of a safetensors file: 32-bit numbers under PyTorch's names. The same
/// weights give the same bytes.
///
/// The counters `num_batches_tracked` are left out: `load_state_dict(strict=True)` does not ask for
/// them in a dictionary without version numbers, which is what safetensors gives.
pub fn to_safetensors<M: Module>(model: &M) -> Vec<u8> {
    to_bytes(&named_tensors(model))
}

fn to_bytes(tensors: &[(String, TensorData)]) -> Vec<u8> {
    // the readers of PyTorch's users ask for this entry
    let metadata = [("format".to_owned(), "pt".to_owned())].into();
    write_tensors(tensors.iter().map(|(name, data)| (name, data)), metadata)
}

/// Tensors of 32-bit numbers and the texts beside them as the content of a safetensors file.
///
/// # Panics
/// When a tensor holds other numbers.
pub fn write_tensors<'a>(
    tensors: impl IntoIterator<Item = (&'a String, &'a TensorData)>,
    metadata: Metadata,
) -> Vec<u8> {
    let views = tensors.into_iter().map(|(name, data)| {
        let shape = data.shape().as_slice().to_vec();
        let view = TensorView::new(Dtype::F32, shape, data.as_bytes())
            .expect("a tensor's bytes fit its shape");
        (name, view)
    });
    let metadata = metadata.into_iter().collect();
    serialize(views, Some(metadata)).expect("names and shapes make a short header")
}

fn compare(
    expected: &[(String, TensorData)],
    stored: &NamedTensors,
    path: &Path,
) -> Result<(), CheckpointError> {
    let missing: Vec<String> = expected
        .iter()
        .filter(|(name, _)| !stored.contains_key(name))
        .map(|(name, _)| name.clone())
        .collect();
    let unexpected: Vec<String> = stored
        .keys()
        .filter(|name| expected.iter().all(|(known, _)| known != *name))
        .cloned()
        .collect();
    if !missing.is_empty() || !unexpected.is_empty() {
        return Err(CheckpointError::Names {
            path: path.to_owned(),
            missing,
            unexpected,
        });
    }
    for (name, expected) in expected {
        let (expected, found) = (expected.shape(), stored[name].shape());
        if found != expected {
            return Err(CheckpointError::Shape {
                path: path.to_owned(),
                name: name.clone(),
                expected: expected.as_slice().to_vec(),
                found: found.as_slice().to_vec(),
                hint: size_hint(stored),
            });
        }
    }
    Ok(())
}

/// Width and number of classes of a stored network, where its first and last layer tell them.
fn size_hint(stored: &NamedTensors) -> String {
    let outputs = |name: &str| Some(*stored.get(name)?.shape().as_slice().first()?);
    match (outputs("conv1.weight"), outputs("linear.weight")) {
        (Some(width), Some(classes)) => {
            format!(": the file holds a network of width {width} for {classes} classes")
        }
        _ => String::new(),
    }
}

fn name_differences(missing: &[String], unexpected: &[String]) -> String {
    let list = |kind: &str, names: &[String]| {
        let shown = names[..names.len().min(5)].join(", ");
        match names.len() {
            0 => None,
            1..=5 => Some(format!("{kind} tensors: {shown}")),
            count => Some(format!("{kind} tensors: {shown} and {} more", count - 5)),
        }
    };
    let kinds = [list("missing", missing), list("unexpected", unexpected)];
    kinds.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

struct Replace {
    stored: NamedTensors,
}

impl MapNamed for Replace {
    fn map<const D: usize>(&mut self, name: &str, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let stored = self.stored.remove(name);
        let data = stored.expect("every tensor was compared before");
        let tensor = Tensor::from_data(data, &param.lazy_device());
        let id = param.id;
        param.transform_for_load(tensor, id)
    }
}

#[cfg(test)]
mod tests;
