//! The norm of the gradient by all parameters.

use burn::tensor::{Gradients, Tensor};
use cifar_models::{Model, named_gradients};

/// The steps from one whose gradient is measured to the next. On a GPU, a norm launches some kernels per parameter.
const INTERVAL: u64 = 10;

/// Whether the norm is measured at this step of an epoch, counted from 0.
pub fn is_measured(step_of_epoch: u64) -> bool {
    step_of_epoch.is_multiple_of(INTERVAL)
}

/// The Euclidean norm, `[1]`.
pub fn gradient_norm(model: &Model, gradients: &Gradients) -> Tensor<1> {
    let gradients = named_gradients(model, gradients).into_iter();
    // Not `sum`: on a GPU it may add in any order and differ from run to run.
    let squares = gradients.map(|(_, gradient)| gradient.square().sum_dim(0));
    Tensor::cat(squares.collect(), 0).sum_dim(0).sqrt()
}

#[cfg(test)]
mod tests {
    use bonus_loss::LossConfig;
    use burn::tensor::{Device, Int, TensorData};
    use cifar_models::named_tensors;
    use random_streams::Stream;

    use super::*;
    use crate::device::open_cpu;
    use crate::measure::read_values;
    use crate::settings::{BackendChoice, PrecisionName, TrainSettings};
    use crate::train::{Learner, model_config};

    /// A plain step at learning rate 1 subtracts the gradient from the parameters, whose change thus has its norm.
    fn assert_the_change_has_the_norm(precision: PrecisionName, device: &Device) {
        let settings = TrainSettings {
            width: 2,
            momentum: 0.0,
            weight_decay: 0.0,
            precision,
            ..TrainSettings::default()
        };
        let config = model_config(&settings, 10, [32, 32, 3]);
        let loss = LossConfig::new("cross_entropy").unwrap();
        let mut learner = Learner::new(&settings, &loss, &config, 1, device);
        // Until the first step that is not skipped.
        for _ in 0..20 {
            let (images, targets) = noise(device);
            let before = parameters(&learner.model);
            let norm;
            (learner, _, norm) = learner.step_measured(images, targets, 1.0, true, |_| ());
            let after = parameters(&learner.model);
            let squares = before
                .iter()
                .zip(&after)
                .map(|(a, b)| f64::from(a - b).powi(2));
            let expected = squares.sum::<f64>().sqrt();
            let found = f64::from(read_values(norm.unwrap()).unwrap()[0]);
            if found.is_finite() {
                let error = (found - expected).abs();
                assert!(error < 1e-4 * expected, "{found} ≠ {expected}");
                return;
            }
            assert_eq!(expected, 0.0);
        }
        panic!("every step was skipped");
    }

    fn noise(device: &Device) -> (Tensor<4>, Tensor<1, Int>) {
        let mut stream = Stream::new(0, "norm", 0);
        let pixels: Vec<f32> = (0..8 * 3 * 32 * 32).map(|_| stream.normal()).collect();
        let images = TensorData::new(pixels, [8, 3, 32, 32]);
        let images = Tensor::from_data(images, device);
        (images, Tensor::from_data([3, 1, 4, 1, 5, 9, 2, 6], device))
    }

    fn parameters(model: &Model) -> Vec<f32> {
        let tensors = named_tensors(model).into_iter();
        let parameters = tensors.filter(|(name, _)| !name.contains("running_"));
        let values = parameters.flat_map(|(_, tensor)| tensor.try_into_vec::<f32>().unwrap());
        values.collect()
    }

    #[test]
    fn the_norm_is_that_of_the_change_of_a_plain_step() {
        let device = open_cpu(BackendChoice::Flex).unwrap().autodiff();
        for precision in [PrecisionName::F32, PrecisionName::Mixed] {
            assert_the_change_has_the_norm(precision, &device);
        }
    }

    #[test]
    fn every_tenth_step_is_measured_and_the_first() {
        let measured: Vec<u64> = (0..25).filter(|step| is_measured(*step)).collect();
        assert_eq!(measured, [0, 10, 20]);
    }
}
