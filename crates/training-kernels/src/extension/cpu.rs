//! The CPU backends.

use std::borrow::Cow;

#[cfg(feature = "flex")]
use burn::backend::Flex;
#[cfg(feature = "ndarray")]
use burn::backend::NdArray;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata};
use burn::tensor::TensorData;

use super::{
    AdamWKernel, BatchNormGradients, ConvolutionGradients, ConvolutionKernel, EvaluationBatchNorm,
    SgdKernels, TensorEpilogue, TensorUnscaling, TrainingBatchNorm,
};
use crate::adamw::AdamWStep;
use crate::batch_norm::{Epilogue, Moments, gradients, normalize};
use crate::convolution::Convolution;
use crate::sgd::SgdStep;

/// A backend whose f32 tensors are in this process's memory.
trait CpuBackend: Backend {
    /// The values in the order of the shape; copied only if their layout differs.
    fn values(tensor: &FloatTensor<Self>) -> Cow<'_, [f32]>;
}

#[cfg(feature = "flex")]
impl CpuBackend for Flex {
    fn values(tensor: &FloatTensor<Self>) -> Cow<'_, [f32]> {
        match tensor.as_slice() {
            Some(values) => Cow::Borrowed(values),
            None => Cow::Owned(tensor.to_contiguous().storage().to_vec()),
        }
    }
}

#[cfg(feature = "ndarray")]
impl CpuBackend for NdArray {
    fn values(tensor: &FloatTensor<Self>) -> Cow<'_, [f32]> {
        type Primitive = FloatTensor<NdArray>;
        let Primitive::F32(storage) = tensor else {
            panic!("expected a tensor of f32, found {:?}", tensor.dtype());
        };
        match storage.view().to_slice() {
            Some(values) => Cow::Borrowed(values),
            None => Cow::Owned(storage.view().iter().copied().collect()),
        }
    }
}

macro_rules! use_kernels {
    ($($feature:literal $backend:ty),*) => {$(
        #[cfg(feature = $feature)]
        impl ConvolutionKernel for $backend {
            fn convolution(
                input: FloatTensor<Self>,
                weight: FloatTensor<Self>,
                shape: Convolution,
            ) -> FloatTensor<Self> {
                let output = shape.forward(&Self::values(&input), &Self::values(&weight));
                tensor::<Self, 4>(output, shape.output(), &input)
            }
        }

        #[cfg(feature = $feature)]
        impl ConvolutionGradients for $backend {
            fn input_gradient(
                output_gradient: FloatTensor<Self>,
                weight: FloatTensor<Self>,
                shape: Convolution,
            ) -> FloatTensor<Self> {
                let [gradient, values] = [&output_gradient, &weight].map(Self::values);
                let computed = shape.input_gradient(&gradient, &values);
                tensor::<Self, 4>(computed, shape.input(), &weight)
            }

            fn weight_gradient(
                input: FloatTensor<Self>,
                output_gradient: FloatTensor<Self>,
                shape: Convolution,
            ) -> FloatTensor<Self> {
                let [values, gradient] = [&input, &output_gradient].map(Self::values);
                let computed = shape.weight_gradient(&values, &gradient);
                tensor::<Self, 4>(computed, shape.weight(), &input)
            }
        }

        #[cfg(feature = $feature)]
        impl TrainingBatchNorm for $backend {
            fn batch_norm_train_then(
                values: FloatTensor<Self>,
                weight: FloatTensor<Self>,
                bias: FloatTensor<Self>,
                epilogue: TensorEpilogue<Self>,
                epsilon: f64,
            ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
                let moments = moments::<Self>(&values);
                let output = batch_norm::<Self>(&values, &moments, [&weight, &bias], epsilon, &epilogue);
                let [mean, variance] = [moments.mean, moments.variance]
                    .map(|moment| tensor::<Self, 1>(moment, [weight.shape()[0]], &values));
                (output, mean, variance)
            }
        }

        #[cfg(feature = $feature)]
        impl BatchNormGradients for $backend {
            fn batch_norm_gradients(
                output_gradient: FloatTensor<Self>,
                values: FloatTensor<Self>,
                weight: FloatTensor<Self>,
                mean: FloatTensor<Self>,
                variance: FloatTensor<Self>,
                output: FloatTensor<Self>,
                epilogue: Epilogue<()>,
                epsilon: f64,
            ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, TensorEpilogue<Self>) {
                let gradients = gradients(
                    &Self::values(&output_gradient),
                    &Self::values(&values),
                    &stored_moments::<Self>(&mean, &variance),
                    &Self::values(&weight),
                    epsilon,
                    epilogue,
                    &Self::values(&output),
                );
                let dims = values.shape().dims::<4>();
                let [of_weight, of_bias] = [gradients.weight, gradients.bias]
                    .map(|gradient| tensor::<Self, 1>(gradient, [dims[3]], &values));
                let epilogue = epilogue.map(|()| tensor::<Self, 4>(gradients.residual, dims, &values));
                let of_values = tensor::<Self, 4>(gradients.values, dims, &values);
                (of_values, of_weight, of_bias, epilogue.into())
            }
        }

        #[cfg(feature = $feature)]
        impl EvaluationBatchNorm for $backend {
            fn batch_norm_then(
                values: FloatTensor<Self>,
                mean: FloatTensor<Self>,
                variance: FloatTensor<Self>,
                weight: FloatTensor<Self>,
                bias: FloatTensor<Self>,
                epilogue: TensorEpilogue<Self>,
                epsilon: f64,
            ) -> FloatTensor<Self> {
                let moments = stored_moments::<Self>(&mean, &variance);
                batch_norm::<Self>(&values, &moments, [&weight, &bias], epsilon, &epilogue)
            }
        }

        #[cfg(feature = $feature)]
        impl SgdKernels for $backend {
            fn sgd_first_step(
                parameter: FloatTensor<Self>,
                gradient: FloatTensor<Self>,
                unscaling: TensorUnscaling<Self>,
                rule: SgdStep,
            ) -> (FloatTensor<Self>, FloatTensor<Self>) {
                sgd::<Self>(&parameter, &gradient, None, &unscaling, rule)
            }

            fn sgd_step(
                parameter: FloatTensor<Self>,
                gradient: FloatTensor<Self>,
                velocity: FloatTensor<Self>,
                unscaling: TensorUnscaling<Self>,
                rule: SgdStep,
            ) -> (FloatTensor<Self>, FloatTensor<Self>) {
                sgd::<Self>(&parameter, &gradient, Some(&velocity), &unscaling, rule)
            }
        }

        #[cfg(feature = $feature)]
        impl AdamWKernel for $backend {
            fn adamw_step(
                parameter: FloatTensor<Self>,
                gradient: FloatTensor<Self>,
                mean: FloatTensor<Self>,
                mean_square: FloatTensor<Self>,
                first_correction: FloatTensor<Self>,
                second_correction: FloatTensor<Self>,
                rule: AdamWStep,
            ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
                let tensors = [&parameter, &gradient, &mean, &mean_square];
                adamw::<Self>(tensors, [&first_correction, &second_correction], rule)
            }
        }
    )*};
}

use_kernels!("flex" Flex, "ndarray" NdArray);

fn moments<B: CpuBackend>(values: &FloatTensor<B>) -> Moments {
    let [_, _, _, channels] = values.shape().dims();
    Moments::of(&B::values(values), channels)
}

fn stored_moments<B: CpuBackend>(mean: &FloatTensor<B>, variance: &FloatTensor<B>) -> Moments {
    let [mean, variance] = [mean, variance].map(|moment| B::values(moment).into_owned());
    Moments { mean, variance }
}

fn batch_norm<B: CpuBackend>(
    values: &FloatTensor<B>,
    moments: &Moments,
    weight_and_bias: [&FloatTensor<B>; 2],
    epsilon: f64,
    epilogue: &TensorEpilogue<B>,
) -> FloatTensor<B> {
    let [weight, bias] = weight_and_bias.map(B::values);
    let epilogue = epilogue.as_epilogue().map(B::values);
    let epilogue = epilogue.as_ref().map(|residual| &**residual);
    let output = normalize(
        &B::values(values),
        moments,
        [&weight, &bias],
        epsilon,
        epilogue,
    );
    tensor::<B, 4>(output, values.shape().dims(), values)
}

fn sgd<B: CpuBackend>(
    parameter: &FloatTensor<B>,
    gradient: &FloatTensor<B>,
    velocity: Option<&FloatTensor<B>>,
    unscaling: &TensorUnscaling<B>,
    rule: SgdStep,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let shape = parameter.shape();
    let device = parameter.device();
    let on_device = |values| B::float_from_data(TensorData::new(values, shape.clone()), &device);
    let (parameter, mut gradient) = (B::values(parameter), B::values(gradient));
    let velocity_before = velocity;
    let velocity = velocity.map(B::values);
    if let TensorUnscaling::By { scale, skip } = unscaling {
        if B::values(skip)[0] > 0.0 {
            let velocity = match velocity_before {
                Some(velocity) => velocity.clone(),
                None => on_device(vec![0.0; parameter.len()]),
            };
            return (on_device(parameter.into_owned()), velocity);
        }
        let scale = B::values(scale)[0];
        gradient
            .to_mut()
            .iter_mut()
            .for_each(|value| *value /= scale);
    }
    let new = rule.of_slices(&parameter, &gradient, velocity.as_deref());
    new.map(on_device).into()
}

fn adamw<B: CpuBackend>(
    tensors: [&FloatTensor<B>; 4],
    corrections: [&FloatTensor<B>; 2],
    rule: AdamWStep,
) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
    let (shape, device) = (tensors[0].shape(), tensors[0].device());
    let [parameter, gradient, mean, mean_square] = tensors.map(B::values);
    let corrections = corrections.map(|value| B::values(value)[0]);
    let new = rule.of_slices(&parameter, &gradient, [&mean, &mean_square], corrections);
    let on_device = |values| B::float_from_data(TensorData::new(values, shape.clone()), &device);
    new.map(on_device).into()
}

/// A tensor of `values` on the device of `like`.
fn tensor<B: Backend, const D: usize>(
    values: Vec<f32>,
    shape: [usize; D],
    like: &FloatTensor<B>,
) -> FloatTensor<B> {
    B::float_from_data(TensorData::new(values, shape), &like.device())
}
