//! What holds for every model of the table.
use super::*;
use crate::{named_gradients, named_tensors};
use burn::tensor::{DType, Device};

/// Small networks of every model for the smallest and the largest images, with the images.
fn cases() -> impl Iterator<Item = ModelConfig> {
    MODELS.iter().flat_map(|model| {
        let InputShapes { minimum, maximum } = model.inputs;
        [minimum, maximum].map(|input| {
            let config = ModelConfig::new(model, 7).with_input(input);
            let parameters = model.parameters.iter();
            parameters.fold(config, |config, it| config.with(it.name, it.minimum))
        })
    })
}

fn images(config: &ModelConfig, batch: usize, device: &Device) -> Tensor<4> {
    let [height, width, channels] = config.input;
    let count = batch * height * width * channels;
    let pixels: Vec<f32> = (0..count)
        .map(|it| (it * 37 % 101) as f32 / 50.0 - 1.0)
        .collect();
    Tensor::<1>::from_floats(pixels.as_slice(), device).reshape([batch, channels, height, width])
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

#[test]
fn names_are_lower_case_and_found() {
    assert_eq!(MODELS.len(), MODEL_NAMES.len());
    for (model, name) in MODELS.iter().zip(MODEL_NAMES) {
        assert_eq!(model.name, *name);
        assert!(
            name.chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        );
        assert!(
            std::ptr::eq(find(name).unwrap(), model),
            "{name} is there twice"
        );
        assert!(model.inputs.contains(model.standard_input), "{name}");
    }
    assert_eq!(find("resnet"), None);
}

#[test]
fn logits_and_features_have_their_shapes_and_gradients_reach_every_parameter() {
    for config in cases() {
        let device = Device::flex().autodiff();
        let network = config.init(1, &device);
        let features = network.features(images(&config, 3, &device)).dims();
        let logits = network.forward(images(&config, 3, &device));
        assert_eq!((features[0], logits.dims()), (3, [3, 7]), "{config:?}");
        let gradients = logits.powf_scalar(2.0).sum().backward();
        let gradients = named_gradients(&network, &gradients);
        let expected = named_tensors(&network).into_iter();
        let expected: Vec<String> = (expected.map(|(name, _)| name))
            .filter(|name| !name.contains("running_"))
            .collect();
        let found: Vec<&String> = gradients.iter().map(|(name, _)| name).collect();
        assert!(
            expected.iter().eq(found.iter().copied()),
            "{config:?}: {found:?}"
        );
        for (name, gradient) in gradients {
            assert!(
                values(gradient).iter().all(|it| it.is_finite()),
                "{config:?}: {name}"
            );
        }
    }
}

#[test]
fn the_evaluation_copy_records_no_gradients_and_scores_each_image_alone() {
    for config in cases() {
        let device = Device::flex().autodiff();
        let network = config.init(1, &device);
        drop(network.forward(images(&config, 4, &device)));
        let network = network.valid();
        let plain = Device::flex();
        let images = images(&config, 4, &plain);
        let together = network.forward(images.clone());
        assert!(!together.device().is_autodiff());
        let alone = network.forward(images.narrow(0, 2, 1));
        let together = together.narrow(0, 2, 1);
        for (found, expected) in values(alone).into_iter().zip(values(together)) {
            assert!(
                (found - expected).abs() < 1e-5,
                "{config:?}: {found} {expected}"
            );
        }
    }
}

#[test]
fn mixed_precision_gives_logits_of_f32_near_those_of_f32() {
    for config in cases() {
        let device = Device::flex();
        let [mixed, f32] = [Precision::Mixed, Precision::F32].map(|precision| {
            let network = config.clone().with_precision(precision).init(1, &device);
            network.forward(images(&config, 2, &device))
        });
        assert_eq!(mixed.dtype(), DType::F32);
        for (found, expected) in values(mixed).into_iter().zip(values(f32)) {
            assert!(
                (found - expected).abs() < 1e-2,
                "{config:?}: {found} {expected}"
            );
        }
    }
}

#[test]
fn every_convolution_is_listed_with_the_shape_of_its_weight() {
    for config in cases() {
        let network = config.init(0, &Device::flex());
        let [height, width, channels] = config.input;
        let layers = network.convolutions([4, height, width, channels]);
        let listed = layers.iter().map(|layer| {
            let shape = layer.shape.weight().to_vec();
            (format!("{}.weight", layer.name), shape)
        });
        let kernels = named_tensors(&network).into_iter();
        let mut kernels: Vec<(String, Vec<usize>)> = kernels
            .map(|(name, data)| (name, data.shape().as_slice().to_vec()))
            .filter(|(_, shape)| shape.len() == 4)
            .collect();
        let mut listed: Vec<_> = listed.collect();
        kernels.sort();
        listed.sort();
        assert!(!listed.is_empty(), "{config:?}");
        assert_eq!(listed, kernels, "{config:?}");
        assert_eq!(layers[0].shape.input(), [4, height, width, channels]);
    }
}

#[test]
fn initial_weights_depend_on_the_seed_alone() {
    for config in cases() {
        let weights = |seed, device: Device| named_tensors(&config.init(seed, &device));
        let expected = weights(1, Device::flex());
        assert_eq!(expected, weights(1, Device::flex().autodiff()));
        assert_ne!(expected, weights(2, Device::flex()));
    }
}

#[test]
#[should_panic(
    expected = "resnet18: expected images (height × width × channels) from 25×25×1 to 32×32×3, found [33, 32, 3]"
)]
fn images_that_a_model_does_not_allow_are_refused() {
    let config = ModelConfig::new(find("resnet18").unwrap(), 10);
    config.with_input([33, 32, 3]).init(0, &Device::flex());
}

#[test]
#[should_panic(expected = "resnet18 has no parameter depth")]
fn a_parameter_that_a_model_does_not_have_is_refused() {
    drop(ModelConfig::new(find("resnet18").unwrap(), 10).with("depth", 3));
}

#[test]
fn the_readme_lists_every_model_with_its_number_of_parameters() {
    let readme = include_str!("../../README.md");
    for model in MODELS {
        let count = ModelConfig::new(model, 10)
            .init(0, &Device::flex())
            .num_params();
        let digits = count.to_string();
        let groups = digits.as_bytes().rchunks(3).rev();
        let groups: Vec<&str> = groups.map(|it| str::from_utf8(it).unwrap()).collect();
        let row = format!(
            "| `{}` | {} | {} | {} | {} |",
            model.name,
            model.summary,
            model.inputs,
            groups.join(","),
            model.source
        );
        assert!(readme.contains(&row), "README.md lacks the row {row}");
    }
}
