//! A file as named tensors whose elements are read lazily.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use burn::tensor::{DType, TensorData};
use safetensors::{Dtype, SafeTensors};

use super::names::StoredName;
use super::{CheckpointError, Metadata, NamedTensors, pytorch};

/// The name of the format in messages.
const SAFETENSORS: &str = "safetensors";

/// A tensor in a file.
pub(super) struct StoredTensor {
    /// The keys of the dictionaries around the one that contains it, joined with dots.
    pub dictionary: String,
    pub shape: Vec<usize>,
    /// The type of its elements; the file's name for it if it is not a float.
    pub element_type: Result<DType, String>,
    /// The elements' bytes in row-major order, or why they cannot be read.
    pub read: Box<dyn Fn() -> Result<Vec<u8>, CheckpointError>>,
}

/// The tensors of a file, named by all keys that lead to them, joined with dots.
pub(super) type StoredTensors = BTreeMap<String, StoredTensor>;

impl StoredTensor {
    /// Its location in the file, where it is called `name`.
    pub fn place(&self, name: &str) -> StoredName {
        StoredName {
            name: name.to_owned(),
            dictionary: self.dictionary.clone(),
            is_float: self.element_type.is_ok(),
        }
    }

    /// Its elements as 32-bit numbers; `name` and `path` are for the message.
    pub fn data(&self, name: &str, path: &Path) -> Result<TensorData, CheckpointError> {
        let element_type =
            (self.element_type.clone()).map_err(|found| CheckpointError::ElementType {
                path: path.to_owned(),
                name: name.to_owned(),
                found,
            })?;
        let data = TensorData::from_bytes_vec((self.read)()?, self.shape.clone(), element_type);
        Ok(data.convert::<f32>())
    }
}

/// The tensors of the file at `path`; the format is determined by its content.
pub(super) fn stored_tensors(path: &Path) -> Result<StoredTensors, CheckpointError> {
    let io = |cause| CheckpointError::Io {
        path: path.to_owned(),
        cause,
    };
    // A pipe may never deliver anything.
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return Err(io(io::Error::other("expected a file")));
    }
    let mut start = Vec::new();
    let file = File::open(path).map_err(io)?;
    file.take(9).read_to_end(&mut start).map_err(io)?;
    if is_safetensors(&start, path) {
        let content = std::fs::read(path).map_err(io)?;
        Ok(safetensors(&content, path)?.0)
    } else {
        pytorch::stored_tensors(path)
    }
}

/// Whether a file that starts with `start` is to be read as safetensors: the length of a header,
/// then its brace. For a file too short for both, the name decides.
fn is_safetensors(start: &[u8], path: &Path) -> bool {
    match start.get(8) {
        Some(&first) => first == b'{',
        None => path.extension().is_some_and(|it| it == SAFETENSORS),
    }
}

/// The tensors of a safetensors file, as 32-bit numbers, and its texts; `path` is for
/// the messages.
///
/// # Errors
/// When the content is not a complete safetensors file of floating-point numbers.
pub fn read_tensors(
    content: &[u8],
    path: &Path,
) -> Result<(NamedTensors, Metadata), CheckpointError> {
    let (stored, metadata) = safetensors(content, path)?;
    let tensors = stored.into_iter().map(|(name, tensor)| {
        let data = tensor.data(&name, path)?;
        Ok((name, data))
    });
    Ok((tensors.collect::<Result<_, CheckpointError>>()?, metadata))
}

fn safetensors(content: &[u8], path: &Path) -> Result<(StoredTensors, Metadata), CheckpointError> {
    let refused = |error| incomplete(path, SAFETENSORS, content.len() as u64, error);
    let file = SafeTensors::deserialize(content).map_err(refused)?;
    let (_, header) = SafeTensors::read_metadata(content).map_err(refused)?;
    let tensors = file.iter().map(|(name, view)| {
        let bytes = view.data().to_vec();
        let tensor = StoredTensor {
            dictionary: String::new(),
            shape: view.shape().to_vec(),
            element_type: match view.dtype() {
                Dtype::F64 => Ok(DType::F64),
                Dtype::F32 => Ok(DType::F32),
                Dtype::F16 => Ok(DType::F16),
                Dtype::BF16 => Ok(DType::BF16),
                other => Err(format!("{other:?}")),
            },
            read: Box::new(move || Ok(bytes.clone())),
        };
        (name.to_owned(), tensor)
    });
    let metadata = header.metadata().clone().unwrap_or_default();
    Ok((tensors.collect(), metadata.into_iter().collect()))
}

/// The error for a file of `bytes` bytes that a format's reader rejected with `reason`.
pub(super) fn incomplete(
    path: &Path,
    format: &'static str,
    bytes: u64,
    reason: impl Display,
) -> CheckpointError {
    CheckpointError::Format {
        path: path.to_owned(),
        format,
        bytes,
        reason: reason.to_string(),
    }
}
