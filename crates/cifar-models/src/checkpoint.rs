//! Weights on disk: reading and writing safetensors, and reading PyTorch's own format, all with
//! PyTorch's names and layouts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, serialize};

use self::names::StoredName;
use self::read::StoredTensors;
use crate::{MODELS, MapNamed, ModelConfig, Shapes, map_named, named_tensors};

mod error;
mod names;
mod pytorch;
mod read;
mod zip64;

pub use error::CheckpointError;
pub use names::NameMismatch;
pub use read::read_tensors;

/// Tensors of 32-bit numbers by their names.
pub type NamedTensors = BTreeMap<String, TensorData>;

/// Texts stored in a safetensors file along with its tensors, by their keys.
pub type Metadata = BTreeMap<String, String>;

/// A file of weights: its tensors by name; their elements are read by [`Checkpoint::load`].
pub struct Checkpoint {
    path: PathBuf,
    stored: StoredTensors,
}

impl Checkpoint {
    /// Opens a file written by PyTorch, in any of its formats, or safetensors; determined by the content,
    /// not by the file's name.
    ///
    /// # Errors
    /// When the file cannot be read or is of neither format.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        let stored = read::stored_tensors(path)?;
        let path = path.to_owned();
        if stored.is_empty() {
            return Err(CheckpointError::NoTensors { path });
        }
        Ok(Self { path, stored })
    }

    /// `model` with the weights and running statistics of the file.
    ///
    /// Names may be under the keys and prefixes of the usual wrappers in any order: `state_dict`,
    /// `model_state_dict`, `model`, `net`, `module` and `_orig_mod`. Every tensor of the model must
    /// occur exactly once, with its shape, and no others with them, except integers and the counters
    /// `num_batches_tracked`. The content of other dictionaries, such as an optimizer's state, is ignored.
    /// Numbers are converted to 32-bit.
    ///
    /// # Errors
    /// When the tensors are not the model's, or not finite.
    pub fn load<M: Module>(&self, model: M) -> Result<M, CheckpointError> {
        let mut tensors = NamedTensors::new();
        for (name, stored) in self.select(&named_tensors(&model))? {
            let data = self.stored[&stored].data(&name, &self.path)?;
            let values = data.as_slice::<f32>().expect("numbers became 32-bit");
            if let Some(&found) = values.iter().find(|value| !value.is_finite()) {
                let path = self.path.clone();
                return Err(CheckpointError::NotFinite { path, name, found });
            }
            tensors.insert(name, data);
        }
        replace(model, tensors, &self.path)
    }

    /// `config` with the number of classes and the parameters, such as the width, of the network
    /// stored in the file; `device` is used for a small network to compare with.
    ///
    /// # Errors
    /// When the tensors do not match the model by name, or those that determine its size by shape.
    ///
    /// # Panics
    /// As [`ModelConfig::init`].
    pub fn config(
        &self,
        config: ModelConfig,
        device: &Device,
    ) -> Result<ModelConfig, CheckpointError> {
        let template = config.smallest().init(0, device);
        let names = self.select(&named_tensors(&template))?.into_iter();
        let shapes: Shapes = names
            .map(|(name, stored)| (name, self.stored[&stored].shape.clone()))
            .collect();
        (config.model.read_config)(&shapes, config).map_err(|unexpected| CheckpointError::Shape {
            path: self.path.clone(),
            name: unexpected.name.to_owned(),
            expected: unexpected.expected,
            found: shapes[unexpected.name].clone(),
            hint: String::new(),
        })
    }

    /// The stored name of each tensor of `model`.
    fn select(
        &self,
        model: &[(String, TensorData)],
    ) -> Result<BTreeMap<String, String>, CheckpointError> {
        let expected: Vec<String> = model.iter().map(|(name, _)| name.clone()).collect();
        let stored = self.stored.iter().map(|(name, tensor)| tensor.place(name));
        let stored: Vec<StoredName> = stored.collect();
        names::select(&expected, &stored).map_err(|mismatch| CheckpointError::Names {
            path: self.path.clone(),
            mismatch,
        })
    }
}

/// `model` with the weights and running statistics of the file at `path`; see [`Checkpoint::open`]
/// and [`Checkpoint::load`].
///
/// # Errors
/// As for these.
pub fn load<M: Module>(model: M, path: &Path) -> Result<M, CheckpointError> {
    Checkpoint::open(path)?.load(model)
}

/// `model` with the tensors `stored`, which came from the file at `path`.
///
/// # Errors
/// When they do not match the model by name and shape.
pub fn replace<M: Module>(
    model: M,
    stored: NamedTensors,
    path: &Path,
) -> Result<M, CheckpointError> {
    let device = model.devices().pop();
    compare(&named_tensors(&model), &stored, device, path)?;
    Ok(map_named(model, &mut Replace { stored }))
}

/// Writes `model` as a safetensors file.
///
/// # Errors
/// When the file cannot be written.
pub fn save<M: Module>(model: &M, path: &Path) -> Result<(), CheckpointError> {
    std::fs::write(path, to_safetensors(model)).map_err(|cause| CheckpointError::Io {
        path: path.to_owned(),
        cause,
    })
}

/// `model` as the content of a safetensors file: 32-bit numbers under PyTorch's names. The same
/// weights give the same bytes.
///
/// The counters `num_batches_tracked` are omitted: `load_state_dict(strict=True)` does not require
/// them in a dictionary without version numbers, such as safetensors provides.
pub fn to_safetensors<M: Module>(model: &M) -> Vec<u8> {
    to_bytes(&named_tensors(model))
}

fn to_bytes(tensors: &[(String, TensorData)]) -> Vec<u8> {
    // readers in the PyTorch ecosystem require this entry
    let metadata = [("format".to_owned(), "pt".to_owned())].into();
    write_tensors(tensors.iter().map(|(name, data)| (name, data)), metadata)
}

/// Tensors of 32-bit numbers and their accompanying texts as the content of a safetensors file.
///
/// # Panics
/// When a tensor has another element type.
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
    device: Option<Device>,
    path: &Path,
) -> Result<(), CheckpointError> {
    let known: BTreeSet<&String> = expected.iter().map(|(name, _)| name).collect();
    let missing = (expected.iter().map(|(name, _)| name)).filter(|it| !stored.contains_key(*it));
    let missing: Vec<String> = missing.cloned().collect();
    let unexpected = stored.keys().filter(|name| !known.contains(name));
    let unexpected: Vec<String> = unexpected.cloned().collect();
    if !missing.is_empty() || !unexpected.is_empty() {
        return Err(CheckpointError::Names {
            path: path.to_owned(),
            mismatch: NameMismatch::Differences {
                prefix: String::new(),
                missing,
                unexpected,
            },
        });
    }
    for (name, expected) in expected {
        let (expected, found) = (expected.shape(), stored[name].shape());
        if found != expected {
            return Err(CheckpointError::Shape {
                path: path.to_owned(),
                name: name.clone(),
                expected: format!("{:?}", expected.as_slice()),
                found: found.as_slice().to_vec(),
                hint: device.map_or_else(String::new, |device| size_hint(stored, &device)),
            });
        }
    }
    Ok(())
}

/// Parameters and number of classes of a stored network, if it is one of the table's for images of the size that
/// it was published for.
fn size_hint(stored: &NamedTensors, device: &Device) -> String {
    let shape = |data: &TensorData| data.shape().as_slice().to_vec();
    let shapes: Shapes = (stored
        .iter()
        .map(|(name, data)| (name.clone(), shape(data))))
    .collect();
    let stored_as = |model| {
        let config = ModelConfig::new(model, 1);
        let template = named_tensors(&config.smallest().init(0, device));
        let has_names = template.len() == shapes.len()
            && template.iter().all(|(name, _)| shapes.contains_key(name));
        has_names.then(|| (config.model.read_config)(&shapes, config).ok())?
    };
    let Some(config) = MODELS.iter().find_map(stored_as) else {
        return String::new();
    };
    let parameters = config.model.parameters.iter();
    let parameters = parameters.map(|it| format!(" of {} {}", it.name, config.parameter(it.name)));
    let parameters: String = parameters.collect();
    let (model, classes) = (config.model.name, config.classes);
    format!(": the file holds a {model}{parameters} for {classes} classes")
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
