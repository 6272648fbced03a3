//! A small model for the tests of what moves its parameters.

use burn::module::{Module, Param};
use burn::tensor::{Device, Gradients, Tensor};
use training_kernels::Unscaling;

use super::{Rule, Stateful};
use crate::device::open_cpu;
use crate::settings::{BackendChoice, TrainSettings};

pub fn cpu() -> Device {
    open_cpu(BackendChoice::Flex).unwrap().device
}

/// Three numbers: two weights and a bias.
#[derive(Module, Debug)]
pub struct Line {
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
}

impl Line {
    /// The numbers, times slopes, added up: a loss whose gradients are the slopes.
    pub fn loss(&self, slopes: [f32; 3]) -> Tensor<1> {
        let [first, second, third] = slopes;
        let weight = self.weight.val();
        let slopes = Tensor::from_data([[first, second]], &weight.device());
        (weight * slopes).sum() + (self.bias.val() * third).sum()
    }

    fn numbers(&self) -> [f32; 3] {
        let weight = self.weight.val().into_data().try_to_vec::<f32>();
        let bias = self.bias.val().into_data().try_to_vec::<f32>();
        let numbers = [weight.unwrap(), bias.unwrap()].concat();
        numbers.try_into().unwrap()
    }
}

/// A model and the optimizer that moves it with the learning rate of the settings.
pub struct Training<R> {
    pub model: Line,
    optimizer: Stateful<R>,
    learning_rate: f64,
}

impl<R: Rule> Training<R> {
    /// Weights 2 and −1, and a bias of 1.
    pub fn new(rule: R, settings: &TrainSettings) -> Self {
        let recording = cpu().autodiff();
        Self {
            model: Line {
                weight: Param::from_data([[2.0_f32, -1.0]], &recording),
                bias: Param::from_data([1.0_f32], &recording),
            },
            optimizer: Stateful::new(rule, settings, &cpu()),
            learning_rate: settings.learning_rate,
        }
    }

    /// Takes a step along these gradients, and gives the numbers.
    pub fn step(&mut self, gradients: [f32; 3], unscaling: Option<&Unscaling>) -> [f32; 3] {
        let gradients = self.model.loss(gradients).backward();
        self.follow(gradients, unscaling)
    }

    /// As [`Training::step`], along gradients of any loss of the model.
    pub fn follow(&mut self, gradients: Gradients, unscaling: Option<&Unscaling>) -> [f32; 3] {
        let model = self.model.clone();
        let rate = self.learning_rate;
        self.model = self.optimizer.stepped(model, gradients, rate, unscaling);
        self.numbers()
    }

    pub fn numbers(&self) -> [f32; 3] {
        self.model.numbers()
    }
}
