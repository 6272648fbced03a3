//! Every kind of operation of a training step by itself, on a device and on the CPU.

use anyhow::Result;
use bonus_loss::{LOSSES, LossConfig};
use burn::tensor::{DType, Device, Tensor};
use cifar_models::{ConvolutionLayer, max_pool2d};
use training_kernels::{
    AdamWStep, Convolution, Epilogue, SgdStep, adamw_step, batch_norm, batch_norm_train,
    convolution, sgd_step,
};

use super::check::{Check, check_all};
use crate::measure::{read_values, sums};
use crate::synthetic::{labels, noise};

/// One operation alone rounds far less than a network.
const TOLERANCE: f64 = 1e-4;
/// Numbers of f16 are rounded by up to 2⁻¹¹ = 5e-4 of themselves, images and weights as well as results.
const HALF_TOLERANCE: f64 = 5e-3;
/// `[batch, height, width, channels]`
const IMAGES: [usize; 4] = [4, 12, 12, 16];
const CHANNELS_OUT: usize = 32;
const CLASSES: usize = 10;

/// What an operation gave, by name.
type Outputs = Vec<(&'static str, Vec<f32>)>;

pub(super) struct Operation {
    pub(super) name: &'static str,
    /// Computes on a device, with images in a type of number.
    run: fn(&Device, DType) -> Result<Outputs>,
    /// Runs in f16 in mixed precision.
    half: bool,
}

impl Operation {
    const fn new(name: &'static str, run: fn(&Device, DType) -> Result<Outputs>) -> Self {
        let half = false;
        Self { name, run, half }
    }

    const fn half(name: &'static str, run: fn(&Device, DType) -> Result<Outputs>) -> Self {
        let half = true;
        Self { name, run, half }
    }
}

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::half("3×3 convolution", |device, dtype| {
        convolved(device, dtype, &small_convolution(3, 1))
    }),
    Operation::half("3×3 convolution, stride 2", |device, dtype| {
        convolved(device, dtype, &small_convolution(3, 2))
    }),
    Operation::half("1×1 convolution, stride 2", |device, dtype| {
        convolved(device, dtype, &small_convolution(1, 2))
    }),
    Operation::half("batch norm, residual and ReLU", normalized),
    Operation::half("batch norm by running statistics", normalized_by_statistics),
    Operation::half("max-pooling", pooled),
    Operation::new("max-pooling, backward", |device, _| pooled_backward(device)),
    Operation::new("average pooling and linear layer", |device, _| {
        classified(device)
    }),
    Operation::new("sum of losses and number correct", |device, _| {
        summed(device)
    }),
    Operation::new("SGD step", |device, _| stepped_by_sgd(device)),
    Operation::new("AdamW step", |device, _| stepped_by_adamw(device)),
];

/// Compares every operation, the losses among them.
///
/// # Errors
/// When a device fails.
pub fn compare(cpu: &Device, device: &Device) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    for operation in OPERATIONS {
        let expected = (operation.run)(cpu, DType::F32)?;
        let found = (operation.run)(device, DType::F32)?;
        checks.extend(checked(operation.name, &expected, &found, TOLERANCE));
    }
    // A sum is made of the others and has no defaults.
    for loss in LOSSES
        .iter()
        .filter_map(|entry| LossConfig::new(entry.name).ok())
    {
        let (expected, found) = (loss_of(&loss, cpu)?, loss_of(&loss, device)?);
        checks.extend(checked(loss.name(), &expected, &found, TOLERANCE));
    }
    Ok(checks)
}

/// Compares what runs in f16 on `device` in mixed precision with the same in f32 on `cpu`.
///
/// # Errors
/// When a device fails.
pub fn compare_half(cpu: &Device, device: &Device) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    for operation in OPERATIONS.iter().filter(|operation| operation.half) {
        let expected = (operation.run)(cpu, DType::F32)?;
        let found = (operation.run)(device, DType::F16)?;
        let name = format!("{} in f16", operation.name);
        checks.extend(checked(&name, &expected, &found, HALF_TOLERANCE));
    }
    Ok(checks)
}

/// Compares the convolutions of these layers of `model` in f16 on `device` with the same in f32 on `cpu`.
///
/// In a real batch a gradient of the weight adds up a hundred thousand products. A kernel that does so in
/// f16 loses most of them, and a device may take one for some shapes and not for others.
///
/// # Errors
/// When a device fails.
pub fn compare_convolutions_in_half(
    model: &str,
    layers: &[ConvolutionLayer],
    cpu: &Device,
    device: &Device,
) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    let mut met = Vec::new();
    for ConvolutionLayer { name, shape, .. } in layers {
        if met.contains(shape) {
            continue;
        }
        met.push(*shape);
        let expected = convolved(cpu, DType::F32, shape)?;
        let found = convolved(device, DType::F16, shape)?;
        let name = format!("{model}: {name} of a batch of {} in f16", shape.batch);
        checks.extend(checked(&name, &expected, &found, HALF_TOLERANCE));
    }
    Ok(checks)
}

fn checked(operation: &str, expected: &Outputs, found: &Outputs, tolerance: f64) -> Vec<Check> {
    check_all(expected, found, tolerance, |name| {
        format!("{operation}: {name}")
    })
}

fn small_convolution(kernel: usize, stride: usize) -> Convolution {
    let weight = [CHANNELS_OUT, IMAGES[3], kernel, kernel];
    Convolution::new(IMAGES, weight, stride, kernel / 2)
}

fn convolved(device: &Device, dtype: DType, shape: &Convolution) -> Result<Outputs> {
    let device = device.clone().autodiff();
    let images = noise("images", shape.input(), &device).require_grad();
    let weight = noise("weight", shape.weight(), &device).require_grad();
    let (images_cast, weight_cast) = (images.clone().cast(dtype), weight.clone().cast(dtype));
    let output = convolution(images_cast, weight_cast, shape.stride, shape.padding);
    let output = output.cast(DType::F32);
    let upstream = noise("upstream", output.dims(), &device);
    let gradients = (output.clone() * upstream).sum().backward();
    Ok(vec![
        ("output", read_values(output)?),
        (
            "gradient of the images",
            read_values(gradient(&images, &gradients))?,
        ),
        (
            "gradient of the weight",
            read_values(gradient(&weight, &gradients))?,
        ),
    ])
}

fn normalized(device: &Device, dtype: DType) -> Result<Outputs> {
    let device = device.clone().autodiff();
    let images = noise("images", IMAGES, &device).require_grad();
    let residual = noise("residual", IMAGES, &device).require_grad();
    let weight = noise("weight", [IMAGES[3]], &device).require_grad();
    let bias = noise("bias", [IMAGES[3]], &device).require_grad();
    let epilogue = Epilogue::AddRelu(residual.clone().cast(dtype));
    let cast = images.clone().cast(dtype);
    let normalized = batch_norm_train(cast, weight.clone(), bias.clone(), epilogue, 1e-5);
    let output = normalized.output.cast(DType::F32);
    let upstream = noise("upstream", IMAGES, &device);
    let gradients = (output.clone() * upstream).sum().backward();
    Ok(vec![
        ("output", read_values(output)?),
        ("mean", read_values(normalized.mean)?),
        ("variance", read_values(normalized.variance)?),
        (
            "gradient of the images",
            read_values(gradient(&images, &gradients))?,
        ),
        (
            "gradient of the residual",
            read_values(gradient(&residual, &gradients))?,
        ),
        (
            "gradient of the weight",
            read_values(gradient(&weight, &gradients))?,
        ),
        (
            "gradient of the bias",
            read_values(gradient(&bias, &gradients))?,
        ),
    ])
}

fn normalized_by_statistics(device: &Device, dtype: DType) -> Result<Outputs> {
    let channels = |name| noise(name, [IMAGES[3]], device);
    let images = noise("images", IMAGES, device).cast(dtype);
    let moments = [channels("mean"), channels("variance").abs() + 0.5];
    let parameters = [channels("weight"), channels("bias")];
    let output = batch_norm(images, moments, parameters, Epilogue::Relu, 1e-5);
    Ok(vec![("output", read_values(output.cast(DType::F32))?)])
}

fn pooled(device: &Device, dtype: DType) -> Result<Outputs> {
    let output = max_pool2d(noise("images", IMAGES, device).cast(dtype));
    Ok(vec![("output", read_values(output.cast(DType::F32))?)])
}

/// By itself, since numbers that are equal in f16 and not in f32 send the gradient to another pixel.
fn pooled_backward(device: &Device) -> Result<Outputs> {
    let device = device.clone().autodiff();
    let images = noise("images", IMAGES, &device).require_grad();
    let output = max_pool2d(images.clone());
    let upstream = noise("upstream", output.dims(), &device);
    let gradients = (output * upstream).sum().backward();
    Ok(vec![(
        "gradient of the images",
        read_values(gradient(&images, &gradients))?,
    )])
}

fn classified(device: &Device) -> Result<Outputs> {
    let device = device.clone().autodiff();
    let images = noise("images", IMAGES, &device).require_grad();
    let weight = noise("weight", [IMAGES[3], CLASSES], &device).require_grad();
    let [batch, height, width, channels] = IMAGES;
    let features = (images.clone().reshape([batch, height * width, channels])).mean_dim(1);
    let logits = features.reshape([batch, channels]).matmul(weight.clone());
    let upstream = noise("upstream", logits.dims(), &device);
    let gradients = (logits.clone() * upstream).sum().backward();
    Ok(vec![
        ("logits", read_values(logits)?),
        (
            "gradient of the images",
            read_values(gradient(&images, &gradients))?,
        ),
        (
            "gradient of the weight",
            read_values(gradient(&weight, &gradients))?,
        ),
    ])
}

fn summed(device: &Device) -> Result<Outputs> {
    let logits = noise("logits", [64, CLASSES], device);
    let losses = noise("losses", [64], device);
    Ok(vec![(
        "sums",
        read_values(sums(losses, logits, labels(64, CLASSES, device)))?,
    )])
}

fn stepped_by_sgd(device: &Device) -> Result<Outputs> {
    let values = |name| noise(name, [CHANNELS_OUT, IMAGES[3]], device);
    let rule = SgdStep {
        learning_rate: 0.1,
        momentum: 0.9,
        nesterov: true,
        weight_decay: 5e-4,
    };
    let velocity = Some(values("velocity"));
    let [parameter, velocity] = sgd_step(values("parameter"), values("gradient"), velocity, rule);
    Ok(vec![
        ("parameter", read_values(parameter)?),
        ("velocity", read_values(velocity)?),
    ])
}

fn stepped_by_adamw(device: &Device) -> Result<Outputs> {
    let values = |name| noise(name, [CHANNELS_OUT, IMAGES[3]], device);
    let rule = AdamWStep {
        learning_rate: 0.1,
        betas: [0.9, 0.999],
        epsilon: 1e-8,
        weight_decay: 0.01,
    };
    let squares = values("mean of squares");
    let moments = [values("mean"), squares.clone() * squares + 0.1];
    let corrections = rule
        .betas
        .map(|beta| Tensor::from_floats([1.0 - beta as f32], device));
    let [parameter, mean, mean_square] = adamw_step(
        values("parameter"),
        values("gradient"),
        moments,
        &corrections,
        rule,
    );
    Ok(vec![
        ("parameter", read_values(parameter)?),
        ("mean", read_values(mean)?),
        ("mean of squares", read_values(mean_square)?),
    ])
}

fn loss_of(loss: &LossConfig, device: &Device) -> Result<Outputs> {
    let device = device.clone().autodiff();
    // Some examples certain, some lost.
    let logits = (noise("logits", [64, CLASSES], &device) * 8.0).require_grad();
    let losses = loss
        .init()
        .forward_no_reduction(logits.clone(), labels(64, CLASSES, &device));
    let gradients = losses.clone().sum().backward();
    Ok(vec![
        ("values", read_values(losses)?),
        (
            "gradient of the logits",
            read_values(gradient(&logits, &gradients))?,
        ),
    ])
}

fn gradient<const D: usize>(tensor: &Tensor<D>, gradients: &burn::tensor::Gradients) -> Tensor<D> {
    tensor.grad(gradients).expect("it was required")
}
