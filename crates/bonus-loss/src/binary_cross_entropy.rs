//! One-vs-all binary cross-entropy: every class decides alone whether it is the target.

use std::sync::Arc;

use burn::tensor::{Bool, Tensor};

use crate::LossEntry;
use crate::all_classes::{CLASSES, Classes, error_log_odds};
use crate::entry::Definition;
use crate::stable::{sigmoid, softplus, softplus_tensor};

pub const ENTRY: LossEntry = LossEntry {
    name: "binary_cross_entropy",
    summary: "one-vs-all cross-entropy: every class has its own sigmoid",
    formula: "L = −Σ_k [t_k ln s_k + (1−t_k) ln(1−s_k)], s = sigmoid(f), t = one_hot(y); mean: L/K",
    gradient: "∂L/∂f_k = s_k − t_k",
    source: "one logistic regression a class; Rifkin & Klautau, In Defense of One-Vs-All \
             Classification, JMLR 5, 2004",
    parameters: &[CLASSES],
    build: |config| {
        Arc::new(BinaryCrossEntropy {
            classes: Classes::of(config),
        })
    },
};

#[derive(Debug)]
struct BinaryCrossEntropy {
    classes: Classes,
}

impl Definition for BinaryCrossEntropy {
    fn value(&self, logits: &[f64], targets: &[f64]) -> f64 {
        let terms = logits.iter().zip(targets);
        let terms = terms.map(|(&f, t)| t * softplus(-f) + (1.0 - t) * softplus(f));
        terms.sum::<f64>() * self.classes.factor(logits.len())
    }

    fn gradient(&self, logits: &[f64], targets: &[f64]) -> Vec<f64> {
        let factor = self.classes.factor(logits.len());
        let terms = logits.iter().zip(targets);
        let slope = |(&f, t): (&f64, &f64)| (1.0 - t) * sigmoid(f) - t * sigmoid(-f);
        terms.map(|term| factor * slope(term)).collect()
    }

    fn forward(&self, logits: Tensor<2>, is_target: Tensor<2, Bool>) -> Tensor<1> {
        let errors = softplus_tensor(error_log_odds(logits, is_target));
        self.classes.reduce(errors)
    }
}
