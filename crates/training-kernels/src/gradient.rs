//! The gradients of the operations, recorded by Burn's autodiff.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, NodeGuard, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, Backend};

use crate::batch_norm::Epilogue;
use crate::convolution::Convolution;
use crate::extension::{
    BatchNormGradients, ConvolutionGradients, ConvolutionKernel, TensorEpilogue, TrainingBatchNorm,
};

impl<B, C> ConvolutionKernel for Autodiff<B, C>
where
    B: ConvolutionKernel + ConvolutionGradients,
    C: CheckpointStrategy,
{
    fn convolution(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        shape: Convolution,
    ) -> FloatTensor<Self> {
        let nodes = [input.node(), weight.node()];
        let [input, weight] = [input, weight].map(FloatTensor::<Self>::into_primitive);
        let output = B::convolution(input.clone(), weight.clone(), shape);
        record::<B, C, _, 2>(ConvolutionGradient, nodes, (input, weight, shape), output)
    }
}

impl<B, C> TrainingBatchNorm for Autodiff<B, C>
where
    B: TrainingBatchNorm + BatchNormGradients,
    C: CheckpointStrategy,
{
    fn batch_norm_train_then(
        values: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        epilogue: TensorEpilogue<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let nodes = [values.node(), weight.node(), bias.node()];
        let [values, weight, bias] =
            [values, weight, bias].map(FloatTensor::<Self>::into_primitive);
        let kind = epilogue.as_epilogue().map(|_| ());
        let (epilogue, residual_node) = match epilogue {
            TensorEpilogue::Nothing => (TensorEpilogue::Nothing, None),
            TensorEpilogue::Relu => (TensorEpilogue::Relu, None),
            TensorEpilogue::AddRelu(residual) => {
                let node = residual.node();
                (
                    TensorEpilogue::AddRelu(residual.into_primitive()),
                    Some(node),
                )
            }
        };
        let (output, mean, variance) =
            B::batch_norm_train_then(values.clone(), weight.clone(), bias, epilogue, epsilon);
        let state = BatchNormState {
            values,
            weight,
            mean: mean.clone(),
            variance: variance.clone(),
            epsilon,
            epilogue: kind,
            output: output.clone(),
        };
        let output = match (residual_node, nodes) {
            (None, nodes) => record::<B, C, _, 3>(BatchNormGradient, nodes, state, output),
            (Some(residual), [values, weight, bias]) => {
                let nodes = [values, weight, bias, residual];
                record::<B, C, _, 4>(BatchNormGradient, nodes, state, output)
            }
        };
        (output, Self::from_inner(mean), Self::from_inner(variance))
    }
}

/// `output` as a node of the graph, if one of its parents is one.
fn record<B: Backend, C: CheckpointStrategy, G: Backward<B, N>, const N: usize>(
    gradient: G,
    parents: [NodeGuard; N],
    state: G::State,
    output: FloatTensor<B>,
) -> FloatTensor<Autodiff<B, C>> {
    match gradient.prepare::<C>(parents).compute_bound().stateful() {
        OpsKind::Tracked(node) => node.finish(state, output),
        OpsKind::UnTracked(node) => node.finish(output),
    }
}

#[derive(Debug)]
struct ConvolutionGradient;

impl<B: ConvolutionGradients> Backward<B, 2> for ConvolutionGradient {
    /// Input, weight and shape.
    type State = (FloatTensor<B>, FloatTensor<B>, Convolution);

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let gradient = gradients.consume::<B>(&ops.node);
        let (input, weight, shape) = ops.state;
        let [input_node, weight_node] = ops.parents;
        if let Some(node) = input_node {
            let of_input = B::input_gradient(gradient.clone(), weight, shape);
            gradients.register::<B>(node.id, of_input);
        }
        if let Some(node) = weight_node {
            let of_weight = B::weight_gradient(input, gradient, shape);
            gradients.register::<B>(node.id, of_weight);
        }
    }
}

#[derive(Debug)]
struct BatchNormGradient;

/// The state that the backward pass of batch normalisation needs.
#[derive(Clone, Debug)]
struct BatchNormState<T> {
    values: T,
    weight: T,
    mean: T,
    variance: T,
    epsilon: f64,
    epilogue: Epilogue<()>,
    output: T,
}

/// Parents: values, weight, bias and, if there was one, the residual.
impl<B: BatchNormGradients, const N: usize> Backward<B, N> for BatchNormGradient {
    type State = BatchNormState<FloatTensor<B>>;

    fn backward(
        self,
        ops: Ops<Self::State, N>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let output_gradient = gradients.consume::<B>(&ops.node);
        let state = ops.state;
        let (values, weight, bias, epilogue) = B::batch_norm_gradients(
            output_gradient,
            state.values,
            state.weight,
            state.mean,
            state.variance,
            state.output,
            state.epilogue,
            state.epsilon,
        );
        let residual = match epilogue {
            TensorEpilogue::AddRelu(residual) => Some(residual),
            TensorEpilogue::Nothing | TensorEpilogue::Relu => None,
        };
        let computed = [Some(values), Some(weight), Some(bias), residual];
        for (parent, gradient) in ops.parents.into_iter().zip(computed) {
            if let (Some(node), Some(gradient)) = (parent, gradient) {
                gradients.register::<B>(node.id, gradient);
            }
        }
    }
}
