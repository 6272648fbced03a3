//! Files of `torch.save`.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::DType;
use pytorch_reader::{PickleError, PickleValue, PytorchError, PytorchReader, Tensor};

use super::read::{StoredTensor, StoredTensors, incomplete};
use super::zip64::with_zip64_record;
use super::{CheckpointError, NameMismatch};

/// The name of the format in messages.
const PYTORCH: &str = "PyTorch";
/// Words in a pickled `torch.nn.Module` that occur in no `state_dict`.
const MODULE_TABLES: [&str; 3] = ["_parameters", "_buffers", "_modules"];
/// A word in the pickle of every TorchScript program.
const TORCH_SCRIPT: &str = "__torch__";

/// The tensors of the file at `path`.
///
/// A pickled module is read as its `state_dict` if the reader can, that is if its classes are
/// not part of the file.
pub(super) fn stored_tensors(path: &Path) -> Result<StoredTensors, CheckpointError> {
    let (reader, tree) = read(path).map_err(|error| unreadable(path, &error))?;
    let mut paths = Vec::new();
    find_tensors(&tree, &mut Vec::new(), &mut paths);

    let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut tensors = StoredTensors::new();
    for keys in paths {
        let name = keys.join(".");
        // The reader keeps an arbitrary one of two tensors with the same name.
        if let Some(other) = seen.insert(name.clone(), keys.clone()) {
            let stored = [subscripts(&other), subscripts(&keys)];
            return Err(CheckpointError::Names {
                path: path.to_owned(),
                mismatch: NameMismatch::Duplicate { name, stored },
            });
        }
        if let Some(tensor) = reader.get(&name) {
            let dictionary = keys[..keys.len() - 1].join(".");
            tensors.insert(name, stored(tensor.clone(), dictionary, path));
        }
    }
    Ok(tensors)
}

/// The file's tensors, and the dictionaries and lists that contain them.
fn read(path: &Path) -> Result<(PytorchReader, PickleValue), PytorchError> {
    let read = |path: &Path| {
        let reader = PytorchReader::new(path)?;
        Ok((reader, PytorchReader::read_pickle_data(path, None)?))
    };
    read(path).or_else(|error| match error {
        PytorchError::Zip(_) => with_zip64_record(path, read)?.unwrap_or(Err(error)),
        _ => Err(error),
    })
}

/// Appends the keys of every tensor in `value`, which is at `keys`, to `paths`.
fn find_tensors(value: &PickleValue, keys: &mut Vec<String>, paths: &mut Vec<Vec<String>>) {
    let mut enter = |key: String, value: &PickleValue| {
        keys.push(key);
        find_tensors(value, keys, paths);
        keys.pop();
    };
    match value {
        PickleValue::Dict(entries) => {
            // The order of a hash map would differ between runs.
            let entries: BTreeMap<_, _> = entries.iter().collect();
            for (key, value) in entries {
                enter(key.clone(), value);
            }
        }
        PickleValue::List(items) => {
            for (index, value) in items.iter().enumerate() {
                enter(index.to_string(), value);
            }
        }
        PickleValue::Unsupported(python_type) if python_type == "torch.Tensor" => {
            paths.push(keys.clone());
        }
        _ => (),
    }
}

/// A location as Python code, which distinguishes a key with a dot from two keys.
fn subscripts(keys: &[String]) -> String {
    keys.iter().map(|key| format!("[{key:?}]")).collect()
}

fn stored(tensor: Tensor, dictionary: String, path: &Path) -> StoredTensor {
    let path = path.to_owned();
    StoredTensor {
        dictionary,
        shape: tensor.shape().to_vec(),
        element_type: match tensor.dtype() {
            pytorch_reader::DType::F64 => Ok(DType::F64),
            pytorch_reader::DType::F32 => Ok(DType::F32),
            pytorch_reader::DType::F16 => Ok(DType::F16),
            pytorch_reader::DType::BF16 => Ok(DType::BF16),
            other => Err(format!("{other:?}")),
        },
        read: Box::new(move || {
            let bytes = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
            let elements = tensor.read();
            elements.map_err(|error| incomplete(&path, PYTORCH, bytes, error))
        }),
    }
}

/// What kind of file the reader rejected with `error`, if its bytes show it, rather than where the
/// reader stopped.
fn unreadable(path: &Path, error: &PytorchError) -> CheckpointError {
    let path = path.to_owned();
    let content = match std::fs::read(&path) {
        Ok(content) => content,
        Err(cause) => return CheckpointError::Io { path, cause },
    };
    let holds = |word: &str| {
        let word = word.as_bytes();
        content.windows(word.len()).any(|bytes| bytes == word)
    };
    let reason = error.to_string();
    let found = if holds(TORCH_SCRIPT) {
        "a TorchScript program"
    } else if MODULE_TABLES.into_iter().all(holds) {
        "a pickled module"
    } else if let PytorchError::Pickle(
        PickleError::UnsupportedType(_) | PickleError::UnexpectedOpCode(_),
    ) = error
    {
        "other Python objects"
    } else {
        return incomplete(&path, PYTORCH, content.len() as u64, reason);
    };
    CheckpointError::Objects {
        path,
        found,
        reason,
    }
}
