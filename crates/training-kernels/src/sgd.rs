//! A step of stochastic gradient descent over plain slices, in one pass over the memory.

use burn::tensor::Tensor;
use pulp::{Simd, WithSimd};

use crate::instructions::vectorized;
use crate::output::computed;

/// A step of stochastic gradient descent as `torch.optim.SGD` defines it, without dampening.
///
/// With gradient g, parameter p, velocity v (before the first step g itself) and learning rate η:
/// g ← g + weight_decay · p; v ← momentum · v + g; p ← p − η v, or p − η (g + momentum · v) with
/// Nesterov's momentum. Source: Sutskever et al., ICML 2013.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdStep {
    pub learning_rate: f64,
    pub momentum: f64,
    pub nesterov: bool,
    pub weight_decay: f64,
}

/// How a step treats gradients that were multiplied by a loss scale.
#[derive(Clone, Debug)]
pub struct Unscaling {
    /// The scale by which the gradient is divided first, `[1]`.
    pub scale: Tensor<1>,
    /// 1 if the step is skipped, so that parameter and velocity stay unchanged (a velocity that does not exist yet is
    /// 0), and 0 otherwise, `[1]`.
    pub skip: Tensor<1>,
}

impl SgdStep {
    /// The new parameter and the new velocity.
    pub(crate) fn of_slices(
        &self,
        parameter: &[f32],
        gradient: &[f32],
        velocity: Option<&[f32]>,
    ) -> [Vec<f32>; 2] {
        computed(
            parameter.len(),
            CHUNK,
            |index, [new_parameter, new_velocity]| {
                let part = index * CHUNK..index * CHUNK + new_parameter.len();
                vectorized(Step {
                    rule: self,
                    parameter: &parameter[part.clone()],
                    gradient: &gradient[part.clone()],
                    velocity: velocity.map(|velocity| &velocity[part]),
                    new_parameter,
                    new_velocity,
                });
            },
        )
    }
}

/// Values that a task updates.
const CHUNK: usize = 1 << 15;

struct Step<'a> {
    rule: &'a SgdStep,
    parameter: &'a [f32],
    gradient: &'a [f32],
    velocity: Option<&'a [f32]>,
    new_parameter: &'a mut [f32],
    new_velocity: &'a mut [f32],
}

impl WithSimd for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let [learning_rate, momentum, weight_decay] = [
            self.rule.learning_rate,
            self.rule.momentum,
            self.rule.weight_decay,
        ]
        .map(|value| value as f32);
        let given = self.parameter.iter().zip(self.gradient);
        let new = self.new_parameter.iter_mut().zip(&mut *self.new_velocity);
        match self.velocity {
            Some(velocity) => {
                for (((parameter, gradient), velocity), (_, new)) in given.zip(velocity).zip(new) {
                    *new = momentum * velocity + (gradient + weight_decay * parameter);
                }
            }
            None => {
                for ((parameter, gradient), (_, new)) in given.zip(new) {
                    *new = gradient + weight_decay * parameter;
                }
            }
        }
        let given = self.parameter.iter().zip(self.gradient);
        let new = self.new_parameter.iter_mut().zip(self.new_velocity);
        for ((parameter, gradient), (new, velocity)) in given.zip(new) {
            let direction = if self.rule.nesterov {
                gradient + weight_decay * parameter + momentum * *velocity
            } else {
                *velocity
            };
            *new = parameter - learning_rate * direction;
        }
    }
}
