mod models;

use burn::tensor::Device;

use super::*;
use crate::{BatchNorm2d, Classifier, ResNet18, ResNet18Config, named_gradients};

fn network(seed: u64) -> ResNet18 {
    network_of(seed, 2, 10)
}

fn network_of(seed: u64, width: usize, classes: usize) -> ResNet18 {
    ResNet18Config::new(classes)
        .with_width(width)
        .init(seed, &Device::flex())
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// The message of loading `content` from a file called `name` into a network of width 2.
fn refusal(name: &str, content: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    let error = load(network(0), &path).unwrap_err().to_string();
    let folder = format!("{}/", folder.path().display());
    let message = error.strip_prefix(&folder);
    message
        .expect("the message starts with the file")
        .to_owned()
}

/// A safetensors file with the tensors of `network(0)` after `change`.
fn changed(change: impl FnOnce(&mut Vec<(String, TensorData)>)) -> Vec<u8> {
    let mut tensors = named_tensors(&network(0));
    change(&mut tensors);
    to_bytes(&tensors)
}

#[test]
fn saved_network_loads_bit_by_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    save(&network(1), &path).unwrap();
    let loaded = load(network(2), &path).unwrap();
    assert_eq!(named_tensors(&loaded), named_tensors(&network(1)));
}

#[test]
fn tensors_and_texts_read_back_as_they_were_written() {
    let tensors: NamedTensors = named_tensors(&network(1)).into_iter().collect();
    let metadata: Metadata = [("step".to_owned(), "17".to_owned())].into();
    let content = write_tensors(&tensors, metadata.clone());
    let read = read_tensors(&content, "a.safetensors".as_ref()).unwrap();
    assert_eq!(read, (tensors.clone(), metadata));
    let replaced = replace(network(2), tensors, "a.safetensors".as_ref()).unwrap();
    assert_eq!(named_tensors(&replaced), named_tensors(&network(1)));
}

#[test]
fn same_weights_give_the_same_bytes() {
    assert_eq!(to_safetensors(&network(1)), to_safetensors(&network(1)));
    assert_ne!(to_safetensors(&network(1)), to_safetensors(&network(2)));
}

#[test]
fn weights_load_onto_a_training_device_as_leaves_with_gradient() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    save(&network(1), &path).unwrap();
    let device = Device::flex().autodiff();
    let config = ResNet18Config::new(10).with_width(2);
    let loaded = load(config.init(2, &device), &path).unwrap();
    let images = Tensor::ones([2, 3, 32, 32], &device);
    let gradients = loaded.forward(images).sum().backward();

    // 20 convolutions, 20 batch normalisations with two parameters each, linear weight and bias
    assert_eq!(named_gradients(&loaded, &gradients).len(), 62);
}

/// What loading a fixture of the batch normalisation of `make_wrapped.py` gives.
fn layer(name: &str) -> Result<Vec<(String, Vec<f32>)>, CheckpointError> {
    let layer = load(BatchNorm2d::new(2, &Device::flex()), &fixture(name))?;
    let values = |(name, data): (String, TensorData)| (name, data.try_to_vec::<f32>().unwrap());
    Ok(named_tensors(&layer).into_iter().map(values).collect())
}

fn layer_refusal(name: &str) -> String {
    let error = layer(name).unwrap_err().to_string();
    let file = format!("{}: ", fixture(name).display());
    let message = error.strip_prefix(&file);
    message
        .expect("the message starts with the file")
        .to_owned()
}

#[test]
fn pytorchs_states_are_read_bare_or_wrapped() {
    let expected = [
        ("weight".to_owned(), vec![1.0, 2.0]),
        ("bias".to_owned(), vec![3.0, 4.0]),
        ("running_mean".to_owned(), vec![5.0, 6.0]),
        ("running_var".to_owned(), vec![7.0, 8.0]),
    ];
    for name in [
        "batch_norm.pth",
        "wrapped_averaged.pth",
        "wrapped_module.pth",
        "name_of_twenty_one_ab.pth",
    ] {
        assert_eq!(layer(name).unwrap(), expected, "{name}");
    }
}

#[test]
fn views_of_one_storage_are_read_in_every_type() {
    let expected = [
        ("weight".to_owned(), vec![1.0, 2.0]),
        ("bias".to_owned(), vec![3.0, 5.0]),
        ("running_mean".to_owned(), vec![5.0, 6.0]),
        ("running_var".to_owned(), vec![7.0, 8.0]),
    ];
    assert_eq!(layer("wrapped_views.pth").unwrap(), expected);
}

#[test]
fn a_name_in_a_dictionary_and_with_its_prefix_is_refused_in_every_run() {
    let message = layer_refusal("wrapped_twice.pth");
    let expected =
        r#"net.bias: expected one tensor of this name, found ["net"]["bias"] and ["net.bias"]: "#;
    assert!(message.starts_with(expected), "{message}");
}

#[test]
fn a_pickled_module_of_the_old_format_is_refused_as_one() {
    let message = layer_refusal("wrapped_legacy.pth");
    let expected = "expected a state_dict, found a pickled module, which cannot be read here (";
    assert!(message.starts_with(expected), "{message}");
    let advice = "): save the `state_dict()` of the network alone";
    assert!(message.ends_with(advice), "{message}");
}

#[test]
fn python_objects_that_cannot_be_read_are_said_to_be_there() {
    // `pickle.dumps({"history": defaultdict(list, {"a": 1})}, 2)`
    let pickle = b"\x80\x02}q\x00X\x07\x00\x00\x00historyq\x01ccollections\ndefaultdict\nq\x02\
        c__builtin__\nlist\nq\x03\x85q\x04Rq\x05X\x01\x00\x00\x00aq\x06K\x01ss.";
    let message = refusal("a.pth", pickle);
    let expected = "a.pth: expected a state_dict, found other Python objects, ";
    assert!(message.starts_with(expected), "{message}");
}

#[test]
fn the_programs_own_training_checkpoint_is_read() {
    let mut tensors = NamedTensors::new();
    for (name, data) in named_tensors(&network(1)) {
        tensors.insert(format!("velocity.{name}"), data.clone());
        tensors.insert(format!("model.{name}"), data);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    std::fs::write(&path, write_tensors(&tensors, Metadata::new())).unwrap();
    let loaded = load(network(2), &path).unwrap();
    assert_eq!(named_tensors(&loaded), named_tensors(&network(1)));
}

#[test]
fn content_decides_the_format_and_not_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("epoch=3.ckpt");
    for content in [
        std::fs::read(fixture("parity.pth")).unwrap(),
        to_safetensors(&network(1)),
    ] {
        std::fs::write(&path, content).unwrap();
        load(network(2), &path).unwrap();
    }
}

#[test]
fn numbers_that_are_not_finite_are_refused_with_their_tensor() {
    for (value, shown) in [
        (f32::NAN, "NaN"),
        (f32::INFINITY, "inf"),
        (f32::NEG_INFINITY, "-inf"),
    ] {
        let content = changed(|tensors| {
            let bias = &mut tensors.last_mut().unwrap().1;
            let mut values = bias.try_to_vec::<f32>().unwrap();
            values[3] = value;
            *bias = TensorData::new(values, [10]);
        });
        let message = refusal("a.safetensors", &content);
        let expected = format!(
            "a.safetensors: linear.bias: expected finite 32-bit numbers, found {shown}: \
             the weights are not finite"
        );
        assert!(message.starts_with(&expected), "{message}");
    }
}

#[test]
fn a_file_without_tensors_says_so() {
    let content = serialize(Vec::<(&str, TensorView<'_>)>::new(), None).unwrap();
    // `pickle.dumps({"epoch": 3}, 2)`
    let pickle = b"\x80\x02}q\x00X\x05\x00\x00\x00epochq\x01K\x03s.";
    for content in [&content, &pickle[..]] {
        let message = refusal("a.pth", content);
        let expected = "a.pth: expected a state_dict, found no tensors ";
        assert!(message.starts_with(expected), "{message}");
    }
}

#[test]
fn half_precision_becomes_32_bit() {
    let half = burn::tensor::f16::from_f32(0.5).to_le_bytes().repeat(2);
    let names = ["bias", "running_mean", "running_var", "weight"];
    let views = names.map(|name| (name, TensorView::new(Dtype::F16, vec![2], &half).unwrap()));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("half.safetensors");
    std::fs::write(&path, serialize(views, None).unwrap()).unwrap();
    let layer = load(BatchNorm2d::new(2, &Device::flex()), &path).unwrap();
    for (_, data) in named_tensors(&layer) {
        assert_eq!(data.try_to_vec::<f32>().unwrap(), [0.5, 0.5]);
    }
}

#[test]
fn integers_are_refused_where_weights_are_expected() {
    let zeros = [0; 16];
    let tensors = named_tensors(&network(0));
    let views = tensors.iter().map(|(name, data)| {
        let shape = data.shape().as_slice().to_vec();
        let view = match name.as_str() {
            "bn1.bias" => TensorView::new(Dtype::I64, vec![2], &zeros),
            _ => TensorView::new(Dtype::F32, shape, data.as_bytes()),
        };
        (name, view.unwrap())
    });
    let content = serialize(views, None).unwrap();
    assert_eq!(
        refusal("a.safetensors", &content),
        "a.safetensors: bn1.bias: expected floating-point numbers, found I64"
    );
}

#[test]
fn missing_and_unexpected_tensors_are_named_together() {
    let content = changed(|tensors| {
        tensors[0].0 = "stem.weight".to_owned();
        tensors.pop();
    });
    assert_eq!(
        refusal("a.safetensors", &content),
        "a.safetensors: missing tensors: conv1.weight, linear.bias; \
         unexpected tensors: stem.weight"
    );
}

#[test]
fn long_lists_of_tensors_are_cut() {
    let content = changed(|tensors| tensors.truncate(95));
    assert_eq!(
        refusal("a.safetensors", &content),
        "a.safetensors: missing tensors: layer4.1.conv2.weight, layer4.1.bn2.weight, \
         layer4.1.bn2.bias, layer4.1.bn2.running_mean, layer4.1.bn2.running_var and 2 more"
    );
}

#[test]
fn other_width_is_refused_with_both_shapes_and_the_files_size() {
    assert_eq!(
        refusal("a.safetensors", &to_safetensors(&network_of(0, 4, 100))),
        "a.safetensors: conv1.weight: expected shape [2, 3, 3, 3], found [4, 3, 3, 3]: \
         the file holds a resnet18 of width 4 for 100 classes"
    );
}

#[test]
fn truncated_file_is_refused_with_its_size() {
    let whole = to_safetensors(&network(0));
    for length in [0, 5, 100, whole.len() - 1] {
        let message = refusal("a.safetensors", &whole[..length]);
        let expected = format!("a.safetensors: not a complete safetensors file ({length} bytes): ");
        assert!(message.starts_with(&expected), "{message}");
    }
    let whole = std::fs::read(fixture("parity.pth")).unwrap();
    for length in [0, 5, 100, whole.len() / 2, whole.len() - 1] {
        let message = refusal("a.pth", &whole[..length]);
        let expected = format!("a.pth: not a complete PyTorch file ({length} bytes): ");
        assert!(message.starts_with(&expected), "{message}");
    }
}

#[test]
fn text_is_not_a_checkpoint() {
    let text = b"accuracy,loss\n0.9,0.3\n";
    for name in ["a.safetensors", "a.pth", "a.csv"] {
        let message = refusal(name, text);
        assert!(message.contains("not a complete"), "{message}");
    }
}

#[test]
fn absent_file_is_named() {
    let path = Path::new("absent/model.pth");
    let error = load(network(0), path).unwrap_err().to_string();
    assert!(error.starts_with("absent/model.pth: "), "{error}");
    let error = save(&network(0), path).unwrap_err().to_string();
    assert!(error.starts_with("absent/model.pth: "), "{error}");
}

#[test]
fn a_folder_is_not_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let error = load(network(0), folder.path()).unwrap_err().to_string();
    assert!(error.ends_with(": expected a file"), "{error}");
}
