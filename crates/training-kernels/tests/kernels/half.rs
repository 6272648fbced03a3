//! Images of f16 against images of f32: by Burn's own operations on Flex, by our kernels on a GPU.

use crate::support::{Numbers, devices, tensor, values};
use burn::tensor::{DType, Device, Tensor};
use comparison::{distance, error};
use training_kernels::{BatchNormTrain, Epilogue, batch_norm, batch_norm_train, convolution};

const EPSILON: f64 = 1e-5;
/// Each of a few roundings is at most 2⁻¹¹ = 5e-4 of a number, and batch normalisation takes what the
/// numbers have in common out of their gradients; measured 4.3e-3.
const BOUND: f64 = 1e-2;

/// A convolution of maps of `dtype` and its batch normalisation without ReLU, which turns the least
/// difference around 0 into the whole of a gradient: output of training and evaluation, mean, variance,
/// gradients of images, kernel, weight and bias.
fn results(dtype: DType) -> [Vec<f32>; 8] {
    let device = Device::flex().autodiff();
    let mut numbers = Numbers::new(5);
    let shape = [4, 9, 9, 8];
    let mut next = |shape: [usize; 4]| -> Tensor<4> {
        tensor(&numbers.values(shape.iter().product()), shape, &device)
    };
    let images = next(shape).require_grad();
    let kernel = next([6, 8, 3, 3]).require_grad();
    let gradient = next([4, 9, 9, 6]);
    let weight = next([1, 1, 1, 6]).reshape([6]).require_grad();
    let bias = next([1, 1, 1, 6]).reshape([6]).require_grad();

    let maps = convolution(images.clone().cast(dtype), kernel.clone().cast(dtype), 1, 1);
    let (maps_inner, parameters) = (maps.clone().inner(), [&weight, &bias]);
    let parameters = parameters.map(|parameter| parameter.clone().inner());
    let BatchNormTrain {
        output,
        mean,
        variance,
    } = batch_norm_train(
        maps,
        weight.clone(),
        bias.clone(),
        Epilogue::Nothing,
        EPSILON,
    );
    let moments = [&mean, &variance].map(|moment| moment.clone().inner());
    let evaluated = batch_norm(maps_inner, moments, parameters, Epilogue::Nothing, EPSILON);
    assert_eq!((output.dtype(), evaluated.dtype()), (dtype, dtype));
    let output = output.cast(DType::F32);
    let gradients = (output.clone() * gradient).sum().backward();
    [
        values(output),
        values(evaluated.cast(DType::F32)),
        values(mean),
        values(variance),
        values(images.grad(&gradients).unwrap()),
        values(kernel.grad(&gradients).unwrap()),
        values(weight.grad(&gradients).unwrap()),
        values(bias.grad(&gradients).unwrap()),
    ]
}

#[test]
fn images_of_f16_give_nearly_the_results_of_f32() {
    let found = results(DType::F16);
    for (index, (found, expected)) in found.iter().zip(results(DType::F32)).enumerate() {
        let error = error(found, &expected);
        assert!(error < BOUND, "result {index}: {error:.1e}");
    }
}

/// Training's batch normalisation with residual and ReLU of images of `dtype`: output, moments, gradients.
fn normalized(dtype: DType, device: &Device) -> [Vec<f32>; 7] {
    let mut numbers = Numbers::new(6);
    // More than one chunk, the last one shorter, and no whole block of channels.
    let shape = [9, 32, 31, 40];
    let [images, residual, upstream] = [(); 3]
        .map(|()| tensor(&numbers.values(shape.iter().product()), shape, device).require_grad());
    let [weight, bias] = [(); 2].map(|()| tensor(&numbers.values(40), [40], device).require_grad());
    let epilogue = Epilogue::AddRelu(residual.clone().cast(dtype));
    let cast = images.clone().cast(dtype);
    let result = batch_norm_train(cast, weight.clone(), bias.clone(), epilogue, EPSILON);
    assert_eq!(result.output.dtype(), dtype);
    let output = result.output.cast(DType::F32);
    let gradients = (output.clone() * upstream).sum().backward();
    [
        values(output),
        values(result.mean),
        values(result.variance),
        values(images.grad(&gradients).unwrap()),
        values(residual.grad(&gradients).unwrap()),
        values(weight.grad(&gradients).unwrap()),
        values(bias.grad(&gradients).unwrap()),
    ]
}

#[test]
fn training_normalises_f16_nearly_as_f32_on_every_device_that_has_it() {
    let expected = normalized(DType::F32, &Device::flex().autodiff());
    let mut devices = devices().to_vec();
    devices.retain(|device| device.supports_dtype(DType::F16));
    assert!(!devices.is_empty(), "Flex has f16");
    devices.extend(gpu_device::software_with_f16().map(Device::autodiff));
    for device in &devices {
        let found = normalized(DType::F16, device);
        for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
            // A value that f16 rounds over ReLU's edge changes its whole gradient, so sums are compared.
            let error = distance(found, expected);
            assert!(error < 2e-2, "result {index}: {error:.1e}");
        }
    }
}

#[test]
#[should_panic(expected = "values of F32 for the channels of images of F16, found F16")]
fn parameters_of_f16_panic_with_both_types() {
    let device = Device::flex();
    let half = |shape| Tensor::<1>::ones(shape, &device).cast(DType::F16);
    let images = Tensor::<4>::ones([1, 2, 2, 3], &device).cast(DType::F16);
    batch_norm_train(images, half([3]), half([3]), Epilogue::Nothing, EPSILON);
}
