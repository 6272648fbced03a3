//! A step of AdamW over plain slices, in one pass over the memory.

use pulp::{Simd, WithSimd};

use crate::instructions::vectorized;
use crate::output::computed;

/// A step of Adam with decoupled weight decay as `torch.optim.AdamW` defines it, without AMSGrad.
///
/// With gradient g, parameter p, learning rate η, the moments m and v, and c₁ = 1 − β₁ᵗ and c₂ = 1 − β₂ᵗ, the
/// corrections of step t: p ← p − η weight_decay p; m ← β₁ m + (1 − β₁) g; v ← β₂ v + (1 − β₂) g²;
/// p ← p − η (m / c₁) / (√(v / c₂) + epsilon). Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization",
/// ICLR 2019.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWStep {
    pub learning_rate: f64,
    /// β₁ and β₂
    pub betas: [f64; 2],
    pub epsilon: f64,
    pub weight_decay: f64,
}

impl AdamWStep {
    /// The new parameter and the new moments.
    pub(crate) fn of_slices(
        &self,
        parameter: &[f32],
        gradient: &[f32],
        moments: [&[f32]; 2],
        corrections: [f32; 2],
    ) -> [Vec<f32>; 3] {
        computed(parameter.len(), CHUNK, |index, new| {
            let part = index * CHUNK..index * CHUNK + new[0].len();
            vectorized(Step {
                factors: self.factors(corrections),
                parameter: &parameter[part.clone()],
                gradient: &gradient[part.clone()],
                moments: moments.map(|moment| &moment[part.clone()]),
                new,
            });
        })
    }

    fn factors(&self, corrections: [f32; 2]) -> Factors {
        let [first, second] = corrections.map(f64::from);
        Factors {
            kept: (1.0 - self.learning_rate * self.weight_decay) as f32,
            rate: (self.learning_rate / first) as f32,
            of_root: second.sqrt().recip() as f32,
            epsilon: self.epsilon as f32,
            betas: self.betas.map(|beta| beta as f32),
            rest: self.betas.map(|beta| (1.0 - beta) as f32),
        }
    }
}

/// Values that a task updates.
const CHUNK: usize = 1 << 15;

/// Constants shared by all values.
#[derive(Clone, Copy)]
struct Factors {
    /// 1 − η weight_decay
    kept: f32,
    /// η / c₁
    rate: f32,
    /// 1 / √c₂
    of_root: f32,
    epsilon: f32,
    betas: [f32; 2],
    /// 1 − β₁ and 1 − β₂
    rest: [f32; 2],
}

struct Step<'a> {
    factors: Factors,
    parameter: &'a [f32],
    gradient: &'a [f32],
    moments: [&'a [f32]; 2],
    new: [&'a mut [f32]; 3],
}

impl WithSimd for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let Factors {
            kept,
            rate,
            of_root,
            epsilon,
            betas: [beta1, beta2],
            rest: [rest1, rest2],
        } = self.factors;
        let [new_parameter, new_mean, new_square] = self.new;
        let given = self.gradient.iter().zip(self.moments[0]);
        for (new, (gradient, mean)) in new_mean.iter_mut().zip(given) {
            *new = beta1 * mean + rest1 * gradient;
        }
        let given = self.gradient.iter().zip(self.moments[1]);
        for (new, (gradient, square)) in new_square.iter_mut().zip(given) {
            *new = beta2 * square + rest2 * gradient * gradient;
        }
        let moments = new_mean.iter().zip(&*new_square);
        let given = self.parameter.iter().zip(moments);
        for (new, (parameter, (mean, square))) in new_parameter.iter_mut().zip(given) {
            *new = kept * parameter - rate * mean / (of_root * square.sqrt() + epsilon);
        }
    }
}
