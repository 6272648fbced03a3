//! The two formats as named tensors of 32-bit numbers.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::{DType, TensorData};
use pytorch_reader::PytorchReader;
use safetensors::{Dtype, SafeTensors};

use super::{CheckpointError, Metadata, NamedTensors};

/// Where pytorch-cifar keeps the `state_dict` in its checkpoints.
const WRAPPER: &str = "net.";
/// What `torch.nn.DataParallel` puts before every name.
const DATA_PARALLEL: &str = "module.";
/// How many batches a batch normalisation has seen; unused at a fixed momentum.
const COUNTER: &str = "num_batches_tracked";

/// The tensors of the file at `path`, except counters, under the model's names.
pub(super) fn tensors(path: &Path) -> Result<NamedTensors, CheckpointError> {
    let io = |source| CheckpointError::Io {
        path: path.to_owned(),
        action: "read",
        source,
    };
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("safetensors") => {
            let content = std::fs::read(path).map_err(io)?;
            Ok(read_tensors(&content, path)?.0)
        }
        Some("pth" | "pt") => {
            let bytes = std::fs::metadata(path).map_err(io)?.len();
            let raw = pytorch(path).map_err(incomplete(path, "PyTorch", bytes))?;
            into_data(raw, path)
        }
        _ => {
            let path = path.to_owned();
            Err(CheckpointError::Extension { path })
        }
    }
}

/// The tensors of a safetensors file, as 32-bit numbers, and the texts beside them; `path` is for
/// the messages.
///
/// # Errors
/// When the content is not a whole safetensors file of floating-point numbers.
pub fn read_tensors(
    content: &[u8],
    path: &Path,
) -> Result<(NamedTensors, Metadata), CheckpointError> {
    let incomplete = incomplete(path, "safetensors", content.len() as u64);
    let (raw, metadata) = safetensors(content).map_err(incomplete)?;
    Ok((into_data(raw, path)?, metadata))
}

fn incomplete(
    path: &Path,
    format: &'static str,
    bytes: u64,
) -> impl FnOnce(String) -> CheckpointError {
    move |reason| CheckpointError::Format {
        path: path.to_owned(),
        format,
        bytes,
        reason,
    }
}

fn into_data(
    raw: BTreeMap<String, RawTensor>,
    path: &Path,
) -> Result<NamedTensors, CheckpointError> {
    raw.into_iter()
        .map(|(name, tensor)| Ok((name.clone(), tensor.into_data(path, name)?)))
        .collect()
}

/// A tensor as it lies in the file.
struct RawTensor {
    shape: Vec<usize>,
    /// The type of its elements; the file's name for it where it is not a float.
    element_type: Result<DType, String>,
    bytes: Vec<u8>,
}

impl RawTensor {
    fn into_data(self, path: &Path, name: String) -> Result<TensorData, CheckpointError> {
        let element_type = self
            .element_type
            .map_err(|found| CheckpointError::ElementType {
                path: path.to_owned(),
                name,
                found,
            })?;
        let data = TensorData::from_bytes_vec(self.bytes, self.shape, element_type);
        Ok(data.convert::<f32>())
    }
}

fn safetensors(content: &[u8]) -> Result<(BTreeMap<String, RawTensor>, Metadata), String> {
    let file = SafeTensors::deserialize(content).map_err(|error| error.to_string())?;
    let (_, header) = SafeTensors::read_metadata(content).map_err(|error| error.to_string())?;
    let names = file.names().into_iter().map(str::to_owned).collect();
    let raw = |stored: &str| {
        let view = file.tensor(stored).map_err(|error| error.to_string())?;
        Ok::<_, String>(RawTensor {
            shape: view.shape().to_vec(),
            element_type: match view.dtype() {
                Dtype::F64 => Ok(DType::F64),
                Dtype::F32 => Ok(DType::F32),
                Dtype::F16 => Ok(DType::F16),
                Dtype::BF16 => Ok(DType::BF16),
                other => Err(format!("{other:?}")),
            },
            bytes: view.data().to_vec(),
        })
    };
    let tensors = wanted(names)
        .into_iter()
        .map(|(name, stored)| Ok((name, raw(&stored)?)))
        .collect::<Result<_, String>>()?;
    let metadata = header.metadata().clone().unwrap_or_default();
    Ok((tensors, metadata.into_iter().collect()))
}

fn pytorch(path: &Path) -> Result<BTreeMap<String, RawTensor>, String> {
    let reader = PytorchReader::new(path).map_err(|error| error.to_string())?;
    let raw = |stored: &str| {
        let tensor = &reader.tensors()[stored];
        Ok::<_, String>(RawTensor {
            shape: tensor.shape().to_vec(),
            element_type: match tensor.dtype() {
                pytorch_reader::DType::F64 => Ok(DType::F64),
                pytorch_reader::DType::F32 => Ok(DType::F32),
                pytorch_reader::DType::F16 => Ok(DType::F16),
                pytorch_reader::DType::BF16 => Ok(DType::BF16),
                other => Err(format!("{other:?}")),
            },
            bytes: tensor.read().map_err(|error| error.to_string())?,
        })
    };
    wanted(reader.keys())
        .into_iter()
        .map(|(name, stored)| Ok((name, raw(&stored)?)))
        .collect()
}

/// The model's name of each weight in a file, with the name it has there.
///
/// Beside a `state_dict` under `net` nothing else is one, such as an optimizer's state.
fn wanted(stored: Vec<String>) -> Vec<(String, String)> {
    let wrapped = stored.iter().any(|name| name.starts_with(WRAPPER));
    let own_name = |name: &str| {
        let name = if wrapped {
            name.strip_prefix(WRAPPER)?
        } else {
            name
        };
        let name = name.strip_prefix(DATA_PARALLEL).unwrap_or(name);
        (!name.ends_with(COUNTER)).then(|| name.to_owned())
    };
    stored
        .into_iter()
        .filter_map(|name| Some((own_name(&name)?, name)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapper_prefix_and_counters_are_dropped() {
        let names = |stored: &[&str]| -> Vec<String> {
            let stored = stored.iter().map(|&name| name.to_owned()).collect();
            wanted(stored).into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(
            names(&["bn1.weight", "bn1.num_batches_tracked"]),
            ["bn1.weight"]
        );
        assert_eq!(names(&["module.bn1.weight"]), ["bn1.weight"]);
        assert_eq!(
            names(&["net.bn1.weight", "optimizer.bn1.weight"]),
            ["bn1.weight"]
        );
        assert_eq!(names(&["net.module.bn1.weight", "acc"]), ["bn1.weight"]);
    }
}
