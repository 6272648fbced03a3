//! Cross-entropy, with label smoothing.

use burn::tensor::Tensor;

use crate::entry::Definition;
use crate::log_odds::{LogOddsLoss, target_logits};
use crate::macros::loss;
use crate::stable::{sigmoid, softplus, softplus_tensor};
use crate::targets::is_target;
use crate::{Context, Interval, Targets};

loss! {
    CrossEntropy {
        name: "cross_entropy",
        summary: "the standard loss; its gradient shrinks as the example is fitted",
        formula: "L = −ln p; with label smoothing ε: L = −Σ_k t_k ln p_k, t = (1−ε)·one_hot(y) + ε/K",
        gradient: "dL/dz = −(1−p); with label smoothing: ∂L/∂f_k = p_k − t_k",
        source: "maximum likelihood; label smoothing: Szegedy et al., Rethinking the Inception \
                 Architecture for Computer Vision, CVPR 2016, arXiv 1512.00567",
        recommended: [
            { label_smoothing = 0.1 } => "image classification on ImageNet (Szegedy et al.)",
        ],
        parameters: {
            /// fraction ε of the target that is spread evenly over all K classes
            label_smoothing: f64 = 0.0, Interval::closed(0.0, 1.0);
        },
    }
}

impl CrossEntropy {
    fn keep(self) -> f64 {
        1.0 - self.label_smoothing
    }

    fn smooth(self, targets: &[f64]) -> Vec<f64> {
        let floor = self.label_smoothing / targets.len() as f64;
        targets.iter().map(|t| self.keep() * t + floor).collect()
    }
}

impl Definition for CrossEntropy {
    fn value(&self, logits: &[f64], targets: &[f64], context: &Context) -> f64 {
        NegativeLogLikelihood.value(logits, &self.smooth(targets), context)
    }

    fn gradient(&self, logits: &[f64], targets: &[f64], context: &Context) -> Vec<f64> {
        NegativeLogLikelihood.gradient(logits, &self.smooth(targets), context)
    }

    fn forward(&self, logits: Tensor<2>, targets: &Targets, context: &Context) -> Tensor<1> {
        if self.label_smoothing == 0.0 {
            return NegativeLogLikelihood.forward(logits, targets, context);
        }
        let [batch, classes] = logits.dims();
        match targets {
            // −ln p_k = −ln p_y + f_y − f_k, so smoothing adds ε (f_y − mean_k f_k).
            Targets::Classes(of_examples) => {
                let mean = logits.clone().mean_dim(1).reshape([batch]);
                let target = target_logits(logits.clone(), is_target(of_examples, classes));
                let loss = NegativeLogLikelihood.forward(logits, targets, context);
                loss + (target - mean) * self.label_smoothing
            }
            Targets::Distribution(targets) => {
                let smooth = targets.clone() * self.keep() + self.label_smoothing / classes as f64;
                NegativeLogLikelihood.forward(logits, &Targets::Distribution(smooth), context)
            }
        }
    }
}

/// −ln p.
#[derive(Debug)]
struct NegativeLogLikelihood;

impl LogOddsLoss for NegativeLogLikelihood {
    fn value_at(&self, z: f64) -> f64 {
        softplus(-z)
    }

    fn derivative_at(&self, z: f64) -> f64 {
        -sigmoid(-z)
    }

    fn forward_at(&self, z: Tensor<1>) -> Tensor<1> {
        softplus_tensor(z.neg())
    }
}
