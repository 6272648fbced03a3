//! Which network of a model a file holds.

use super::*;
use crate::{MODELS, find};

#[test]
fn the_size_of_a_resnet18_is_read_from_its_tensors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let size = |content: Vec<u8>| {
        std::fs::write(&path, content).unwrap();
        let checkpoint = Checkpoint::open(&path).unwrap();
        let any = ModelConfig::new(find("resnet18").unwrap(), 1);
        let config = checkpoint.config(any, &Device::flex());
        config.map(|config| (config.parameter("width"), config.classes))
    };
    for (width, classes) in [(1, 1), (3, 7), (2, 100)] {
        let found = size(to_safetensors(&network_of(0, width, classes)));
        assert_eq!(found.unwrap(), (width, classes));
    }
    let with = |name: &str, shape: &[usize]| {
        let zeros = TensorData::zeros::<f32, _>(shape);
        let change = |tensors: &mut Vec<(String, TensorData)>| {
            let tensor = tensors.iter_mut().find(|(known, _)| known == name);
            tensor.unwrap().1 = zeros;
        };
        size(changed(change)).unwrap_err().to_string()
    };
    for (name, shape, expected) in [
        (
            "conv1.weight",
            &[2, 3, 7, 7][..],
            "[width, 3, 3, 3], found [2, 3, 7, 7]",
        ),
        ("conv1.weight", &[], "[width, 3, 3, 3], found []"),
        ("linear.weight", &[0, 16], "[classes, 16], found [0, 16]"),
        ("linear.weight", &[10, 32], "[classes, 16], found [10, 32]"),
        (
            "conv1.weight",
            &[9, 3, 3, 3],
            "[classes, 72], found [10, 16]",
        ),
    ] {
        let message = with(name, shape);
        assert!(message.ends_with(expected), "{message}");
    }
}

#[test]
fn every_model_is_read_back_from_its_file_bare_or_wrapped() {
    let device = Device::flex();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    for model in MODELS {
        for input in [model.inputs.minimum, model.inputs.maximum] {
            let config = ModelConfig::new(model, 7).with_input(input);
            let parameters = model.parameters.iter();
            let config = parameters.fold(config, |config, it| config.with(it.name, it.minimum + 1));
            let expected = named_tensors(&config.init(1, &device));
            assert!(!expected.is_empty());
            for prefix in ["", "model_state_dict.", "module._orig_mod.", "model."] {
                let wrapped = expected
                    .iter()
                    .map(|(name, data)| (format!("{prefix}{name}"), data));
                let mut wrapped: Vec<_> =
                    wrapped.map(|(name, data)| (name, data.clone())).collect();
                if prefix == "model." {
                    // As in the checkpoints of the binary.
                    wrapped.push(("velocity.w".to_owned(), TensorData::zeros::<f32, _>([1])));
                }
                std::fs::write(&path, to_bytes(&wrapped)).unwrap();
                let checkpoint = Checkpoint::open(&path).unwrap();
                let any = ModelConfig::new(model, 1).with_input(input);
                let found = checkpoint.config(any, &device).unwrap();
                assert_eq!(found, config);
                let loaded = checkpoint.load(found.init(2, &device)).unwrap();
                assert_eq!(named_tensors(&loaded), expected);
            }
        }
    }
}

#[test]
fn a_missing_tensor_of_any_model_is_named() {
    let device = Device::flex();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    for model in MODELS {
        let config = ModelConfig::new(model, 3).smallest();
        let mut tensors = named_tensors(&config.init(1, &device));
        let (missing, _) = tensors.remove(0);
        std::fs::write(&path, to_bytes(&tensors)).unwrap();
        let error = Checkpoint::open(&path).unwrap().config(config, &device);
        let message = error.unwrap_err().to_string();
        let expected = format!("{}: missing tensors: {missing}", path.display());
        assert_eq!(message, expected);
    }
}

#[test]
fn another_size_of_every_model_is_refused_with_that_of_the_file() {
    let device = Device::flex();
    for model in MODELS {
        let network = |classes| {
            let mut config = ModelConfig::new(model, classes).smallest();
            config.classes = classes;
            config.init(0, &device)
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        save(&network(7), &path).unwrap();
        let message = load(network(3), &path).unwrap_err().to_string();
        let size = message.rsplit(": ").next().unwrap_or_default();
        let starts = size.starts_with(&format!("the file holds a {}", model.name));
        assert!(starts && size.ends_with(" for 7 classes"), "{message}");
    }
}
