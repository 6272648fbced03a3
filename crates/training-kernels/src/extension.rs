//! The kernels as operations of Burn's backends.

#![allow(
    deprecated,
    reason = "NdArray stays for comparison as long as Burn ships it"
)]
#![allow(
    clippy::too_many_arguments,
    reason = "a backward pass needs all that the forward pass met and gave"
)]

#[cfg(any(feature = "flex", feature = "ndarray"))]
mod cpu;

#[cfg(feature = "wgpu")]
use burn::backend::fusion::custom::TensorSpec;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, ExtensionType, backend_extension};

use crate::adamw::AdamWStep;
use crate::batch_norm::Epilogue;
use crate::convolution::Convolution;
use crate::sgd::SgdStep;

/// A convolution; the layout of images is `[batch, height, width, channels]`.
#[backend_extension(
    Autodiff,
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    Cube: cfg(feature = "wgpu"),
    Fusion: cfg(feature = "wgpu")
)]
pub trait ConvolutionKernel: Backend {
    #[fusion(meta = |input, _, shape| TensorSpec::new(shape.output().into(), input.dtype))]
    fn convolution(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        shape: Convolution,
    ) -> FloatTensor<Self>;
}

/// The backward pass of [`ConvolutionKernel`].
#[backend_extension(
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    Cube: cfg(feature = "wgpu"),
    Fusion: cfg(feature = "wgpu")
)]
pub trait ConvolutionGradients: Backend {
    #[fusion(meta = |gradient, _, shape| TensorSpec::new(shape.input().into(), gradient.dtype))]
    fn input_gradient(
        output_gradient: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        shape: Convolution,
    ) -> FloatTensor<Self>;

    #[fusion(meta = |input, _, shape| TensorSpec::new(shape.weight().into(), input.dtype))]
    fn weight_gradient(
        input: FloatTensor<Self>,
        output_gradient: FloatTensor<Self>,
        shape: Convolution,
    ) -> FloatTensor<Self>;
}

/// Batch normalisation by the batch's own moments.
#[backend_extension(
    Autodiff,
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    Cube: cfg(feature = "wgpu"),
    Fusion: cfg(feature = "wgpu")
)]
pub trait TrainingBatchNorm: Backend {
    /// Output, mean and biased variance.
    #[fusion(meta = |values, weight, _, _, _| (values.clone(), weight.clone(), weight.clone()))]
    fn batch_norm_train_then(
        values: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        #[extension_type] epilogue: TensorEpilogue<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

/// The backward pass of [`TrainingBatchNorm`].
#[backend_extension(
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    Cube: cfg(feature = "wgpu"),
    Fusion: cfg(feature = "wgpu")
)]
pub trait BatchNormGradients: Backend {
    /// The gradients of values, weight and bias, and instead of the residual its gradient.
    #[fusion(meta = |_, values, weight, _, _, _, epilogue, _| {
        let residual = epilogue.map(|()| values.clone());
        (values.clone(), weight.clone(), weight.clone(), residual.into())
    })]
    fn batch_norm_gradients(
        output_gradient: FloatTensor<Self>,
        values: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        output: FloatTensor<Self>,
        epilogue: Epilogue<()>,
        epsilon: f64,
    ) -> (
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        TensorEpilogue<Self>,
    );
}

/// Batch normalisation by given moments, without a gradient.
#[backend_extension(Flex: cfg(feature = "flex"), NdArray: cfg(feature = "ndarray"))]
pub trait EvaluationBatchNorm: Backend {
    fn batch_norm_then(
        values: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        #[extension_type] epilogue: TensorEpilogue<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self>;
}

/// Stochastic gradient descent: new parameter and velocity.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    Cube: cfg(feature = "wgpu"),
    Fusion: cfg(feature = "wgpu")
)]
pub trait SgdKernels: Backend {
    #[fusion(meta = |parameter, _, _, _| (parameter.clone(), parameter.clone()))]
    fn sgd_first_step(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        #[extension_type] unscaling: TensorUnscaling<Self>,
        rule: SgdStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    #[fusion(meta = |parameter, _, _, _, _| (parameter.clone(), parameter.clone()))]
    fn sgd_step(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        velocity: FloatTensor<Self>,
        #[extension_type] unscaling: TensorUnscaling<Self>,
        rule: SgdStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

/// AdamW: new parameter and new moments.
#[backend_extension(Flex: cfg(feature = "flex"), NdArray: cfg(feature = "ndarray"))]
pub trait AdamWKernel: Backend {
    fn adamw_step(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        mean_square: FloatTensor<Self>,
        first_correction: FloatTensor<Self>,
        second_correction: FloatTensor<Self>,
        rule: AdamWStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

/// The check for non-finite numbers.
#[cfg(feature = "wgpu")]
#[backend_extension(Cube, Fusion)]
pub trait FiniteKernel: Backend {
    /// The marks, any number of them, with 1 in at least one more if a number in the eight tensors is not finite.
    #[fusion(meta = |marks, _, _, _, _, _, _, _, _| marks.clone())]
    fn mark_not_finite(
        marks: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        third: FloatTensor<Self>,
        fourth: FloatTensor<Self>,
        fifth: FloatTensor<Self>,
        sixth: FloatTensor<Self>,
        seventh: FloatTensor<Self>,
        eighth: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

/// [`Unscaling`] or none, in the form that Burn's dispatch passes on.
///
/// [`Unscaling`]: crate::sgd::Unscaling
#[derive(ExtensionType)]
#[extension_type(fusion: cfg(feature = "wgpu"))]
pub enum TensorUnscaling<B: Backend> {
    None,
    By {
        scale: FloatTensor<B>,
        skip: FloatTensor<B>,
    },
}

/// [`Epilogue`] in the form that Burn's dispatch passes on.
#[derive(ExtensionType)]
#[extension_type(fusion: cfg(feature = "wgpu"))]
pub enum TensorEpilogue<B: Backend> {
    Nothing,
    Relu,
    AddRelu(FloatTensor<B>),
}

impl<B: Backend> TensorEpilogue<B> {
    pub fn as_epilogue(&self) -> Epilogue<&FloatTensor<B>> {
        match self {
            Self::Nothing => Epilogue::Nothing,
            Self::Relu => Epilogue::Relu,
            Self::AddRelu(residual) => Epilogue::AddRelu(residual),
        }
    }
}

impl<B: Backend> From<Epilogue<FloatTensor<B>>> for TensorEpilogue<B> {
    fn from(epilogue: Epilogue<FloatTensor<B>>) -> Self {
        match epilogue {
            Epilogue::Nothing => Self::Nothing,
            Epilogue::Relu => Self::Relu,
            Epilogue::AddRelu(residual) => Self::AddRelu(residual),
        }
    }
}

#[cfg(feature = "wgpu")]
impl From<Epilogue<TensorSpec>> for TensorEpilogueMetadata {
    fn from(epilogue: Epilogue<TensorSpec>) -> Self {
        match epilogue {
            Epilogue::Nothing => Self::Nothing,
            Epilogue::Relu => Self::Relu,
            Epilogue::AddRelu(residual) => Self::AddRelu(residual),
        }
    }
}
