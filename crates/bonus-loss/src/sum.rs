//! The weighted sum of losses: the blog's "mae + mse".

use std::sync::Arc;

use burn::tensor::Tensor;

use crate::entry::Definition;
use crate::{Context, LossConfig, LossEntry, Targets};

/// The one name that [`LossConfig::new`] does not accept: a sum needs its terms.
pub const NAME: &str = "sum";

pub const ENTRY: LossEntry = LossEntry {
    name: NAME,
    summary: "weighted sum of other losses, such as \"mae + mse\"",
    formula: "L = Σ_i weights_i · terms_i(f, y)",
    gradient: "Σ_i weights_i · (gradient of term i)",
    source: "\"mae + mse\": the blog post \"Summary of the paper …\" (ita9naiwa, 2022-03-09)",
    parameters: &[],
    recommended: &[],
    build: |config| Arc::new(Sum::of(config)),
};

#[derive(Debug)]
struct Sum {
    terms: Vec<(f64, Arc<dyn Definition>)>,
}

impl Sum {
    fn of(config: &LossConfig) -> Self {
        let terms = config.terms().iter();
        let terms = terms.map(|(weight, term)| (*weight, (term.entry.build)(term)));
        Self {
            terms: terms.collect(),
        }
    }
}

impl Definition for Sum {
    fn value(&self, logits: &[f64], targets: &[f64], context: &Context) -> f64 {
        let terms = self.terms.iter();
        let terms = terms.map(|(weight, term)| weight * term.value(logits, targets, context));
        terms.sum()
    }

    fn gradient(&self, logits: &[f64], targets: &[f64], context: &Context) -> Vec<f64> {
        let mut total = vec![0.0; logits.len()];
        for (weight, term) in &self.terms {
            let gradient = term.gradient(logits, targets, context);
            for (sum, slope) in total.iter_mut().zip(gradient) {
                *sum += weight * slope;
            }
        }
        total
    }

    fn forward(&self, logits: Tensor<2>, targets: &Targets, context: &Context) -> Tensor<1> {
        let terms = self.terms.iter();
        let terms =
            terms.map(|(weight, term)| term.forward(logits.clone(), targets, context) * *weight);
        terms
            .reduce(|sum, term| sum + term)
            .expect("a sum has a term")
    }
}
