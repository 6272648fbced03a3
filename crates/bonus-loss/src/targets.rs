//! The inputs of a loss besides the logits: the targets, and the training progress.

use std::sync::Arc;

use burn::tensor::{Bool, DType, FloatDType, Int, Tensor};

/// The targets of a batch.
#[derive(Clone, Debug)]
pub enum Targets {
    /// The class of each example, `[batch]`.
    Classes(Tensor<1, Int>),
    /// The probability of each class for each example, `[batch, classes]`: soft labels, as from mixup
    /// or distillation.
    Distribution(Tensor<2>),
}

impl From<Tensor<1, Int>> for Targets {
    fn from(classes: Tensor<1, Int>) -> Self {
        Self::Classes(classes)
    }
}

impl From<Tensor<2>> for Targets {
    fn from(distribution: Tensor<2>) -> Self {
        Self::Distribution(distribution)
    }
}

impl Targets {
    /// # Panics
    /// If these do not match logits `[batch, classes]`.
    pub(crate) fn check(&self, [batch, classes]: [usize; 2]) {
        let (found, fit) = match self {
            Self::Classes(targets) => (targets.dims().to_vec(), targets.dims() == [batch]),
            Self::Distribution(targets) => {
                (targets.dims().to_vec(), targets.dims() == [batch, classes])
            }
        };
        assert!(
            fit,
            "expected a target for each row of logits, found logits of shape [{batch}, {classes}] \
             and targets of shape {found:?}"
        );
    }

    /// A distribution in the precision of the logits.
    pub(crate) fn cast(self, precision: DType) -> Self {
        match self {
            Self::Distribution(targets) if targets.dtype() != precision => {
                let precision = match precision {
                    DType::F64 => FloatDType::F64,
                    _ => FloatDType::F32,
                };
                Self::Distribution(targets.cast(precision))
            }
            targets => targets,
        }
    }
}

/// The one-hot encoding of classes: `[batch]` → `[batch, classes]`. Burn's own `one_hot` reads the
/// targets back from the device.
pub(crate) fn is_target(targets: &Tensor<1, Int>, classes: usize) -> Tensor<2, Bool> {
    let [batch] = targets.dims();
    let options = (&targets.device(), targets.dtype());
    let indices = Tensor::<1, Int>::arange(0..classes as i64, options);
    let indices = indices.reshape([1, classes]).expand([batch, classes]);
    let targets = targets.clone().reshape([batch, 1]);
    indices.equal(targets.expand([batch, classes]))
}

/// The training progress, for a loss that changes with the epoch or weights the classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// The current epoch, counted from 1.
    pub epoch: usize,
    pub epochs: usize,
    /// Number of training examples of each class, if known.
    pub class_counts: Option<Arc<[usize]>>,
}

/// The first epoch, with unknown counts.
impl Default for Context {
    fn default() -> Self {
        Self {
            epoch: 1,
            epochs: 1,
            class_counts: None,
        }
    }
}
