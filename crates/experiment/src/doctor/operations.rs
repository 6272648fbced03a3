//! Every kind of operation of a training step by itself, on a device and on the CPU.

use anyhow::Result;
use bonus_loss::{LOSSES, LossConfig};
use burn::tensor::{Device, Int, Tensor, TensorData};
use cifar_models::random::Stream;
use cpu_kernels::{SgdStep, Then, batch_norm, batch_norm_train, convolution, sgd_step};

use super::check::Check;
use crate::measure::{read_values, sums};

/// One operation alone rounds far less than a network.
const TOLERANCE: f64 = 1e-4;
/// `[batch, height, width, channels]`
const IMAGES: [usize; 4] = [4, 12, 12, 16];
const CHANNELS_OUT: usize = 32;
const CLASSES: usize = 10;

/// What an operation gave, by name.
type Outputs = Vec<(&'static str, Vec<f32>)>;

struct Operation {
    name: &'static str,
    run: fn(&Device) -> Result<Outputs>,
}

const OPERATIONS: &[Operation] = &[
    Operation {
        name: "3×3 convolution",
        run: |device| convolved(device, 3, 1),
    },
    Operation {
        name: "3×3 convolution, stride 2",
        run: |device| convolved(device, 3, 2),
    },
    Operation {
        name: "1×1 convolution, stride 2",
        run: |device| convolved(device, 1, 2),
    },
    Operation {
        name: "batch norm, residual and ReLU",
        run: normalized,
    },
    Operation {
        name: "batch norm by running statistics",
        run: normalized_by_statistics,
    },
    Operation {
        name: "average pooling and linear layer",
        run: classified,
    },
    Operation {
        name: "sum of losses and number correct",
        run: summed,
    },
    Operation {
        name: "SGD step",
        run: stepped,
    },
];

/// Compares every operation, the losses among them.
///
/// # Errors
/// When a device fails.
pub fn compare(cpu: &Device, device: &Device) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    for operation in OPERATIONS {
        let (expected, found) = ((operation.run)(cpu)?, (operation.run)(device)?);
        checks.extend(checked(operation.name, &expected, &found));
    }
    // A sum is made of the others and has no defaults.
    for loss in LOSSES
        .iter()
        .filter_map(|entry| LossConfig::new(entry.name).ok())
    {
        let (expected, found) = (loss_of(&loss, cpu)?, loss_of(&loss, device)?);
        checks.extend(checked(loss.name(), &expected, &found));
    }
    Ok(checks)
}

fn checked(operation: &str, expected: &Outputs, found: &Outputs) -> Vec<Check> {
    (expected.iter().zip(found))
        .map(|((name, expected), (_, found))| {
            Check::new(format!("{operation}: {name}"), expected, found, TOLERANCE)
        })
        .collect()
}

fn convolved(device: &Device, kernel: usize, stride: usize) -> Result<Outputs> {
    let device = device.clone().autodiff();
    let images = noise("images", IMAGES, &device).require_grad();
    let shape = [CHANNELS_OUT, IMAGES[3], kernel, kernel];
    let weight = noise("weight", shape, &device).require_grad();
    let output = convolution(images.clone(), weight.clone(), stride, kernel / 2);
    let pull = noise("pull", output.dims(), &device);
    let gradients = (output.clone() * pull).sum().backward();
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

fn normalized(device: &Device) -> Result<Outputs> {
    let device = device.clone().autodiff();
    let images = noise("images", IMAGES, &device).require_grad();
    let residual = noise("residual", IMAGES, &device).require_grad();
    let weight = noise("weight", [IMAGES[3]], &device).require_grad();
    let bias = noise("bias", [IMAGES[3]], &device).require_grad();
    let then = Then::AddRelu(residual.clone());
    let normalized = batch_norm_train(images.clone(), weight.clone(), bias.clone(), then, 1e-5);
    let pull = noise("pull", IMAGES, &device);
    let gradients = (normalized.output.clone() * pull).sum().backward();
    Ok(vec![
        ("output", read_values(normalized.output)?),
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

fn normalized_by_statistics(device: &Device) -> Result<Outputs> {
    let channels = |name| noise(name, [IMAGES[3]], device);
    let images = noise("images", IMAGES, device);
    let moments = [channels("mean"), channels("variance").abs() + 0.5];
    let parameters = [channels("weight"), channels("bias")];
    let output = batch_norm(images, moments, parameters, Then::Relu, 1e-5);
    Ok(vec![("output", read_values(output)?)])
}

fn classified(device: &Device) -> Result<Outputs> {
    let device = device.clone().autodiff();
    let images = noise("images", IMAGES, &device).require_grad();
    let weight = noise("weight", [IMAGES[3], CLASSES], &device).require_grad();
    let [batch, height, width, channels] = IMAGES;
    let features = (images.clone().reshape([batch, height * width, channels])).mean_dim(1);
    let logits = features.reshape([batch, channels]).matmul(weight.clone());
    let pull = noise("pull", logits.dims(), &device);
    let gradients = (logits.clone() * pull).sum().backward();
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
        read_values(sums(losses, logits, targets(64, device)))?,
    )])
}

fn stepped(device: &Device) -> Result<Outputs> {
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

fn loss_of(loss: &LossConfig, device: &Device) -> Result<Outputs> {
    let device = device.clone().autodiff();
    // Some examples certain, some lost.
    let logits = (noise("logits", [64, CLASSES], &device) * 8.0).require_grad();
    let losses = loss
        .init()
        .forward_no_reduction(logits.clone(), targets(64, &device));
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

fn targets(count: usize, device: &Device) -> Tensor<1, Int> {
    let labels: Vec<i32> = (0..count).map(|index| (index % CLASSES) as i32).collect();
    Tensor::from_data(TensorData::new(labels, [count]), device)
}

fn noise<const D: usize>(name: &str, shape: [usize; D], device: &Device) -> Tensor<D> {
    let mut noise = Stream::new(0, name, 0);
    let values: Vec<f32> = (0..shape.iter().product())
        .map(|_| noise.normal())
        .collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}
