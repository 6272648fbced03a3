//! The weighted sum of losses: the blog's "mae + mse".

use std::sync::Arc;

use burn::tensor::{Bool, Tensor};

use crate::entry::Definition;
use crate::{LossConfig, LossEntry};

/// The one name that [`LossConfig::new`] cannot make: a sum needs its terms.
pub const NAME: &str = "sum";

pub const ENTRY: LossEntry = LossEntry {
    name: NAME,
    summary: "weighted sum of other losses, such as \"mae + mse\"",
    formula: "L = Σ_i weights_i · terms_i(f, y)",
    gradient: "Σ_i weights_i · (gradient of term i)",
    source: "\"mae + mse\": the blog post \"Summary of the paper …\" (ita9naiwa, 2022-03-09)",
    parameters: &[],
    build: |config| Arc::new(Sum::new(config)),
};

#[derive(Debug)]
struct Sum {
    terms: Vec<(f64, Arc<dyn Definition>)>,
}

impl Sum {
    fn new(config: &LossConfig) -> Self {
        let terms = config.terms().iter();
        let terms = terms.map(|(weight, term)| (*weight, (term.entry.build)(term)));
        Self {
            terms: terms.collect(),
        }
    }
}

impl Definition for Sum {
    fn value(&self, logits: &[f64], targets: &[f64]) -> f64 {
        let terms = self.terms.iter();
        let terms = terms.map(|(weight, term)| weight * term.value(logits, targets));
        terms.sum()
    }

    fn gradient(&self, logits: &[f64], targets: &[f64]) -> Vec<f64> {
        let mut total = vec![0.0; logits.len()];
        for (weight, term) in &self.terms {
            for (sum, slope) in total.iter_mut().zip(term.gradient(logits, targets)) {
                *sum += weight * slope;
            }
        }
        total
    }

    fn forward(&self, logits: Tensor<2>, is_target: Tensor<2, Bool>) -> Tensor<1> {
        let terms = self
            .terms
            .iter()
            .map(|(weight, term)| term.forward(logits.clone(), is_target.clone()) * *weight);
        terms
            .reduce(|sum, term| sum + term)
            .expect("a sum has a term")
    }
}
