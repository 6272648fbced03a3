//! One-vs-all binary cross-entropy: an independent binary classification for every class.

use burn::tensor::Tensor;

use crate::all_classes::{Classes, error_log_odds};
use crate::entry::Definition;
use crate::macros::loss;
use crate::stable::{sigmoid, softplus, softplus_tensor};
use crate::targets::is_target;
use crate::{Context, Targets};

loss! {
    BinaryCrossEntropy {
        name: "binary_cross_entropy",
        summary: "one-vs-all cross-entropy: every class has its own sigmoid",
        formula: "L = −Σ_k [t_k ln s_k + (1−t_k) ln(1−s_k)], s = sigmoid(f), t = one_hot(y); mean: L/K",
        gradient: "∂L/∂f_k = s_k − t_k",
        source: "one logistic regression per class; Rifkin & Klautau, In Defense of One-Vs-All \
                 Classification, JMLR 5, 2004",
        recommended: [],
        parameters: {
            /// whether the K terms of an example are added or averaged (which makes the gradient K
            /// times smaller)
            classes: Classes = Classes::Sum;
        },
    }
}

impl Definition for BinaryCrossEntropy {
    fn value(&self, logits: &[f64], targets: &[f64], _: &Context) -> f64 {
        let terms = logits.iter().zip(targets);
        let terms = terms.map(|(&f, t)| t * softplus(-f) + (1.0 - t) * softplus(f));
        terms.sum::<f64>() * self.classes.factor(logits.len())
    }

    fn gradient(&self, logits: &[f64], targets: &[f64], _: &Context) -> Vec<f64> {
        let factor = self.classes.factor(logits.len());
        let terms = logits.iter().zip(targets);
        let slope = |(&f, t): (&f64, &f64)| (1.0 - t) * sigmoid(f) - t * sigmoid(-f);
        terms.map(|term| factor * slope(term)).collect()
    }

    fn forward(&self, logits: Tensor<2>, targets: &Targets, _: &Context) -> Tensor<1> {
        let [_, classes] = logits.dims();
        self.classes.reduce(match targets {
            Targets::Classes(targets) => {
                softplus_tensor(error_log_odds(logits, is_target(targets, classes)))
            }
            Targets::Distribution(targets) => {
                let others = (targets.clone().neg() + 1.0) * softplus_tensor(logits.clone());
                targets.clone() * softplus_tensor(logits.neg()) + others
            }
        })
    }
}
