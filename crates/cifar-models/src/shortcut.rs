//! The shortcut of a residual block.

use std::fmt;

use burn::module::{
    Content, Devices, DisplaySettings, Module, ModuleDisplay, ModuleDisplayDefault, ModuleMapper,
    ModuleVisitor,
};
use burn::tensor::{Device, Tensor};
use training_kernels::Epilogue;

use crate::{BatchNorm2d, Convolution, InitialWeights};

/// The identity, or a 1×1 convolution with batch normalisation if the block changes the shape.
///
/// As in PyTorch's `Sequential` the two are called `0` and `1`, which a derived module cannot do;
/// a tuple can, but would count running statistics as parameters.
#[derive(Clone, Debug)]
pub struct Shortcut(Option<(Convolution, BatchNorm2d)>);

impl Shortcut {
    /// The shortcut from `channels[0]` to `channels[1]`, its convolution drawn as `name.0.weight`.
    pub fn new(
        name: &str,
        channels: [usize; 2],
        stride: usize,
        weights: InitialWeights<'_>,
    ) -> Self {
        let changes_shape = stride != 1 || channels[0] != channels[1];
        Self(changes_shape.then(|| {
            let convolution = Convolution::new(&format!("{name}.0"), channels, 1, stride, weights);
            (convolution, BatchNorm2d::new(channels[1], weights.device()))
        }))
    }

    /// The convolution of a shortcut that changes the shape.
    pub fn convolution(&self) -> Option<&Convolution> {
        self.0.as_ref().map(|(convolution, _)| convolution)
    }

    /// `[batch, height, width, channels_in]` to the shape of the block's output.
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        match &self.0 {
            Some((convolution, batch_norm)) => {
                batch_norm.forward(convolution.forward(input), Epilogue::Nothing)
            }
            None => input,
        }
    }
}

impl Module for Shortcut {
    fn num_params(&self) -> usize {
        let count = |(convolution, batch_norm): &(Convolution, BatchNorm2d)| {
            Module::num_params(convolution) + Module::num_params(batch_norm)
        };
        self.0.as_ref().map_or(0, count)
    }

    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        self.0.visit(visitor);
    }

    fn map<M: ModuleMapper>(self, mapper: &mut M) -> Self {
        Self(Module::map(self.0, mapper))
    }

    fn to_device(self, device: &Device) -> Self {
        Self(self.0.to_device(device))
    }

    fn fork(self, device: &Device) -> Self {
        Self(self.0.fork(device))
    }

    fn collect_devices(&self, devices: Devices) -> Devices {
        self.0.collect_devices(devices)
    }

    fn materialize(self) -> Self {
        Self(self.0.materialize())
    }

    fn valid(&self) -> Self {
        Self(self.0.valid())
    }

    fn train(self) -> Self {
        Self(self.0.train())
    }
}

impl fmt::Display for Shortcut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.format(DisplaySettings::default()))
    }
}

impl ModuleDisplayDefault for Shortcut {
    fn content(&self, content: Content) -> Option<Content> {
        self.0.content(content)
    }
}

impl ModuleDisplay for Shortcut {}
