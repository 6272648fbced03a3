//! The kernels as functions of Burn's tensors, on every device.

mod steps;

#[cfg(any(feature = "flex", feature = "ndarray", feature = "wgpu"))]
use burn::backend::{Dispatch, DispatchDevice};
use burn::tensor::activation::relu;
use burn::tensor::module::{self, conv2d};
use burn::tensor::ops::ConvOptions;
use burn::tensor::{DType, Device, Tensor};

pub use self::steps::{adamw_step, are_finite, scaled_sgd_step, sgd_step, unscaled_step};
use crate::batch_norm::Epilogue;
use crate::convolution::Convolution;
#[cfg(any(feature = "flex", feature = "ndarray", feature = "wgpu"))]
use crate::extension::{ConvolutionKernel, EvaluationBatchNorm, TrainingBatchNorm};

/// A convolution without bias: images `[batch, height, width, channels_in]` and a square weight
/// `[channels_out, channels_in, kernel, kernel]` to `[batch, height_out, width_out, channels_out]`
/// with height_out = (height + 2 padding − kernel) / stride + 1.
///
/// The formula is that of [`Convolution`], PyTorch's `conv2d`.
///
/// # Panics
/// When the shapes do not match; the message names both.
pub fn convolution(
    images: Tensor<4>,
    weight: Tensor<4>,
    stride: usize,
    padding: usize,
) -> Tensor<4> {
    let shape = Convolution::new(images.dims(), weight.dims(), stride, padding);
    #[cfg(any(feature = "flex", feature = "ndarray", feature = "wgpu"))]
    if on_cpu(&images) || (on_gpu(&images) && is_for_patches(&images, &shape)) {
        let (images, weight) = (images.into_dispatch(), weight.into_dispatch());
        let output = <Dispatch as ConvolutionKernel>::convolution(images, weight, shape);
        return Tensor::from_dispatch(output);
    }
    let options = ConvOptions::new([shape.stride; 2], [shape.padding; 2], [1; 2], 1);
    channels_last(conv2d(channels_first(images), weight, None, options))
}

/// The results of [`batch_norm_train`].
#[derive(Clone, Debug)]
pub struct BatchNormTrain {
    /// The shape of the images.
    pub output: Tensor<4>,
    /// Mean of each channel, `[channels]`.
    pub mean: Tensor<1>,
    /// Biased variance of each channel, `[channels]`.
    pub variance: Tensor<1>,
}

/// Batch normalisation with the mean and the biased variance of the batch, and an epilogue:
/// n = (x − mean) / √(variance + epsilon) · weight + bias for images x of shape
/// `[batch, height, width, channels]`, channel by channel, then `epilogue`.
///
/// Gradients flow to the images, the weight, the bias and the residual; mean and variance have none.
/// f16 images are normalised in f32 and converted back to f16; everything else stays f32.
///
/// # Panics
/// When the residual's shape or type differs from the images', weight or bias do not have one value per channel
/// in the images' type (f32 for f16), or the images have no pixels.
pub fn batch_norm_train(
    images: Tensor<4>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    epilogue: Epilogue<Tensor<4>>,
    epsilon: f64,
) -> BatchNormTrain {
    check_shapes(&images, &[&weight, &bias], &epilogue);
    #[cfg(any(feature = "flex", feature = "ndarray", feature = "wgpu"))]
    if on_cpu(&images) || on_gpu(&images) {
        let (output, mean, variance) = <Dispatch as TrainingBatchNorm>::batch_norm_train_then(
            images.into_dispatch(),
            weight.into_dispatch(),
            bias.into_dispatch(),
            epilogue.map(Tensor::into_dispatch).into(),
            epsilon,
        );
        return BatchNormTrain {
            output: Tensor::from_dispatch(output),
            mean: Tensor::from_dispatch(mean),
            variance: Tensor::from_dispatch(variance),
        };
    }
    let (dtype, dims) = (images.dtype(), images.dims());
    let pixels = in_pixels(images.cast(DType::F32));
    let normalized = module::batch_norm_train(pixels, weight, bias, epsilon);
    BatchNormTrain {
        output: followed(normalized.output.reshape(dims).cast(dtype), epilogue),
        mean: normalized.mean,
        variance: normalized.variance,
    }
}

/// Batch normalisation with a given `mean` and `variance`, and an epilogue; the formula is that of
/// [`batch_norm_train`]. On a CPU device no gradient is recorded.
///
/// # Panics
/// As [`batch_norm_train`], when mean and variance differ from weight and bias in shape or type, and on a CPU device that
/// records gradients.
pub fn batch_norm(
    images: Tensor<4>,
    [mean, variance]: [Tensor<1>; 2],
    [weight, bias]: [Tensor<1>; 2],
    epilogue: Epilogue<Tensor<4>>,
    epsilon: f64,
) -> Tensor<4> {
    check_shapes(&images, &[&mean, &variance, &weight, &bias], &epilogue);
    #[cfg(any(feature = "flex", feature = "ndarray", feature = "wgpu"))]
    if on_cpu(&images) {
        assert!(
            !images.device().is_autodiff(),
            "expected a device without gradients for batch normalisation by given moments"
        );
        return Tensor::from_dispatch(<Dispatch as EvaluationBatchNorm>::batch_norm_then(
            images.into_dispatch(),
            mean.into_dispatch(),
            variance.into_dispatch(),
            weight.into_dispatch(),
            bias.into_dispatch(),
            epilogue.map(Tensor::into_dispatch).into(),
            epsilon,
        ));
    }
    let (dtype, dims) = (images.dtype(), images.dims());
    let pixels = in_pixels(images.cast(DType::F32));
    let output = module::batch_norm(pixels, weight, bias, mean, variance, epsilon);
    followed(output.reshape(dims).cast(dtype), epilogue)
}

fn check_shapes(images: &Tensor<4>, parameters: &[&Tensor<1>], epilogue: &Epilogue<Tensor<4>>) {
    let [_, _, _, channels] = images.dims();
    let dtype = match images.dtype() {
        DType::F16 => DType::F32,
        other => other,
    };
    for parameter in parameters {
        assert!(
            parameter.dims() == [channels],
            "expected one value per channel of images {:?}, found {:?}",
            images.dims(),
            parameter.dims()
        );
        assert!(
            parameter.dtype() == dtype,
            "expected values of {dtype:?} for the channels of images of {:?}, found {:?}",
            images.dtype(),
            parameter.dtype()
        );
    }
    if let Epilogue::AddRelu(residual) = epilogue {
        assert!(
            residual.dims() == images.dims(),
            "expected a residual of the shape of the images {:?}, found {:?}",
            images.dims(),
            residual.dims()
        );
        assert!(
            residual.dtype() == images.dtype(),
            "expected a residual of {:?} as the images, found {:?}",
            images.dtype(),
            residual.dtype()
        );
    }
}

/// Whether the CPU kernels support `tensor`: f32 on one of Burn's CPU backends.
#[cfg(any(feature = "flex", feature = "ndarray", feature = "wgpu"))]
fn on_cpu<const D: usize>(tensor: &Tensor<D>) -> bool {
    let device: Device = tensor.device().without_autodiff();
    let on_cpu = match device.as_dispatch() {
        #[cfg(feature = "flex")]
        DispatchDevice::Flex(_) => true,
        #[cfg(feature = "ndarray")]
        DispatchDevice::NdArray(_) => true,
        _ => false,
    };
    on_cpu && tensor.dtype() == DType::F32
}

/// Whether the GPU kernels support `tensor`: f32 or f16 on a CubeCL device.
#[cfg(any(feature = "flex", feature = "ndarray", feature = "wgpu"))]
fn on_gpu<const D: usize>(tensor: &Tensor<D>) -> bool {
    let device: Device = tensor.device().without_autodiff();
    let on_gpu = match device.as_dispatch() {
        #[cfg(feature = "wgpu")]
        DispatchDevice::Cube(_) => true,
        _ => false,
    };
    on_gpu && matches!(tensor.dtype(), DType::F32 | DType::F16)
}

/// Whether a GPU convolution uses patches: f16 images are for tensor cores, which Burn's convolutions use, and
/// Burn computes 1×1 as a matrix product, too.
#[cfg(any(feature = "flex", feature = "ndarray", feature = "wgpu"))]
fn is_for_patches(images: &Tensor<4>, shape: &Convolution) -> bool {
    images.dtype() == DType::F32 && shape.kernel > 1 && shape.batch > 0
}

fn followed(normalized: Tensor<4>, epilogue: Epilogue<Tensor<4>>) -> Tensor<4> {
    match epilogue {
        Epilogue::Nothing => normalized,
        Epilogue::Relu => relu(normalized),
        Epilogue::AddRelu(residual) => relu(normalized + residual),
    }
}

/// `[batch, height, width, channels]` seen as `[batch · height · width, channels]`, for Burn's batch
/// normalisation: with separate height and width it would copy the images into another layout four times.
fn in_pixels(images: Tensor<4>) -> Tensor<2> {
    let [batch, height, width, channels] = images.dims();
    images.reshape([batch * height * width, channels])
}

/// `[batch, height, width, channels]` seen as `[batch, channels, height, width]`.
fn channels_first(images: Tensor<4>) -> Tensor<4> {
    images.permute([0, 3, 1, 2])
}

/// `[batch, channels, height, width]` seen as `[batch, height, width, channels]`.
fn channels_last(images: Tensor<4>) -> Tensor<4> {
    images.permute([0, 2, 3, 1])
}
