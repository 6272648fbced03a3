//! Batch normalisation against its definition in float64 and against Burn's own operations.

use crate::support::{Numbers, devices, tensor, training_devices, values};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, module};
use comparison::error;
use training_kernels::{Epilogue, batch_norm, batch_norm_train};

const EPSILON: f64 = 1e-5;
const BOUND: f64 = 1e-5;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Follow {
    Nothing,
    Relu,
    AddRelu,
}

/// Images with their parameters, residual and output gradient.
struct Case {
    shape: [usize; 4],
    follow: Follow,
    images: Vec<f32>,
    weight: Vec<f32>,
    bias: Vec<f32>,
    residual: Vec<f32>,
    gradient: Vec<f32>,
}

impl Case {
    fn new(shape: [usize; 4], follow: Follow) -> Self {
        let mut numbers = Numbers::new(3);
        let (len, channels) = (shape.iter().product(), shape[3]);
        // Far from 0, where a careless variance loses its digits.
        let images = numbers
            .values(len)
            .iter()
            .map(|value| value + 30.0)
            .collect();
        Self {
            shape,
            follow,
            images,
            weight: numbers.values(channels),
            bias: numbers.values(channels),
            residual: numbers.values(len),
            gradient: numbers.values(len),
        }
    }

    /// Output, mean, variance, then the gradients of images, weight, bias and residual.
    fn in_double(&self) -> [Vec<f64>; 7] {
        let (channels, rows) = (self.shape[3], (self.images.len() / self.shape[3]) as f64);
        let mut results = [
            vec![0.0; self.images.len()],
            vec![0.0; channels],
            vec![0.0; channels],
            vec![0.0; self.images.len()],
            vec![0.0; channels],
            vec![0.0; channels],
            vec![0.0; self.images.len()],
        ];
        let [output, mean, variance, images, weight, bias, residual] = &mut results;
        for c in 0..channels {
            let places = || (c..self.images.len()).step_by(channels);
            let x = |place: usize| f64::from(self.images[place]);
            mean[c] = places().map(x).sum::<f64>() / rows;
            variance[c] = places()
                .map(|place| (x(place) - mean[c]).powi(2))
                .sum::<f64>()
                / rows;
            let deviation = (variance[c] + EPSILON).sqrt();
            let normalized = |place: usize| (x(place) - mean[c]) / deviation;
            for place in places() {
                let mut value =
                    normalized(place) * f64::from(self.weight[c]) + f64::from(self.bias[c]);
                if self.follow == Follow::AddRelu {
                    value += f64::from(self.residual[place]);
                }
                let passes = self.follow == Follow::Nothing || value > 0.0;
                output[place] = if passes { value } else { 0.0 };
                residual[place] = if passes {
                    f64::from(self.gradient[place])
                } else {
                    0.0
                };
                bias[c] += residual[place];
                weight[c] += residual[place] * normalized(place);
            }
            for place in places() {
                let centred =
                    residual[place] - bias[c] / rows - normalized(place) * weight[c] / rows;
                images[place] = f64::from(self.weight[c]) / deviation * centred;
            }
        }
        if self.follow != Follow::AddRelu {
            residual.fill(0.0);
        }
        results
    }

    /// The same through tensors on `device`, by the kernels or by Burn's operations.
    fn on(&self, device: &Device, by_kernels: bool) -> [Vec<f32>; 7] {
        let [images, residual] = [&self.images, &self.residual]
            .map(|values| tensor(values, self.shape, device).require_grad());
        let [weight, bias] = [&self.weight, &self.bias]
            .map(|values| tensor(values, [self.shape[3]], device).require_grad());
        let (output, mean, variance) = if by_kernels {
            let epilogue = match self.follow {
                Follow::Nothing => Epilogue::Nothing,
                Follow::Relu => Epilogue::Relu,
                Follow::AddRelu => Epilogue::AddRelu(residual.clone()),
            };
            let result = batch_norm_train(
                images.clone(),
                weight.clone(),
                bias.clone(),
                epilogue,
                EPSILON,
            );
            (result.output, result.mean, result.variance)
        } else {
            let first = images.clone().permute([0, 3, 1, 2]);
            let result = module::batch_norm_train(first, weight.clone(), bias.clone(), EPSILON);
            let output = result.output.permute([0, 2, 3, 1]);
            let output = match self.follow {
                Follow::Nothing => output,
                Follow::Relu => relu(output),
                Follow::AddRelu => relu(output + residual.clone()),
            };
            (output, result.mean, result.variance)
        };
        let loss = output.clone() * tensor(&self.gradient, self.shape, device);
        let gradients = loss.sum().backward();
        let residual = match self.follow {
            Follow::AddRelu => values(residual.grad(&gradients).expect("residual's gradient")),
            _ => vec![0.0; self.images.len()],
        };
        [
            values(output),
            values(mean),
            values(variance),
            values(images.grad(&gradients).expect("images' gradient")),
            values(weight.grad(&gradients).expect("weight's gradient")),
            values(bias.grad(&gradients).expect("bias's gradient")),
            residual,
        ]
    }
}

fn cases() -> impl Iterator<Item = Case> {
    let shapes = [
        [2, 2, 3, 1],
        [1, 3, 5, 7],
        [33, 5, 3, 16],
        [4, 8, 8, 130],
        [5, 32, 32, 24],
    ];
    shapes.into_iter().flat_map(|shape| {
        [Follow::Nothing, Follow::Relu, Follow::AddRelu].map(|follow| Case::new(shape, follow))
    })
}

const NAMES: [&str; 7] = [
    "output", "mean", "variance", "images", "weight", "bias", "residual",
];

#[test]
fn values_and_gradients_are_those_of_the_definition() {
    for case in cases() {
        for device in training_devices() {
            let results = case
                .on(&device, true)
                .into_iter()
                .zip(case.in_double())
                .zip(NAMES);
            for ((found, expected), name) in results {
                // The normalised value is a difference of numbers thirty times as large.
                let bound = if name == "mean" { BOUND } else { 30.0 * BOUND };
                let error = error(&found, &expected);
                assert!(
                    error < bound,
                    "{name} of {:?}, {:?}: {error:.1e}",
                    case.shape,
                    case.follow
                );
            }
        }
    }
}

#[test]
fn values_and_gradients_are_those_of_burn() {
    for mut case in cases() {
        case.images.iter_mut().for_each(|value| *value -= 30.0);
        for device in training_devices() {
            let results = case
                .on(&device, true)
                .into_iter()
                .zip(case.on(&device, false))
                .zip(NAMES);
            for ((found, expected), name) in results {
                let error = error(&found, &expected);
                assert!(
                    error < BOUND,
                    "{name} of {:?}, {:?}: {error:.1e}",
                    case.shape,
                    case.follow
                );
            }
        }
    }
}

#[test]
fn given_moments_normalise_as_in_burn() {
    for case in cases() {
        for device in devices().map(Device::without_autodiff) {
            let images = tensor(&case.images, case.shape, &device);
            let [mean, variance, weight, bias] = [
                &case.bias,
                &case.weight.iter().map(|x| x * x).collect(),
                &case.weight,
                &case.bias,
            ]
            .map(|values: &Vec<f32>| tensor(values, [case.shape[3]], &device));
            let found = batch_norm(
                images.clone(),
                [mean.clone(), variance.clone()],
                [weight.clone(), bias.clone()],
                Epilogue::Relu,
                EPSILON,
            );
            let first = images.permute([0, 3, 1, 2]);
            let expected = module::batch_norm(first, weight, bias, mean, variance, EPSILON);
            let expected = values(relu(expected.permute([0, 2, 3, 1])));
            let error = error(&values(found), &expected);
            assert!(error < BOUND, "{:?}: {error:.1e}", case.shape);
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let case = Case::new([9, 16, 16, 40], Follow::AddRelu);
    let results = [1, 2, 5].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.expect("a pool of threads")
            .install(|| case.on(&Device::flex().autodiff(), true))
    });
    assert!(results.iter().all(|result| *result == results[0]));
}

#[test]
fn the_rectifier_lets_nan_through() {
    let mut case = Case::new([1, 2, 2, 3], Follow::Relu);
    case.images[4] = f32::NAN;
    for device in training_devices() {
        let [output, ..] = case.on(&device, true);
        let of_channel: Vec<bool> = output
            .iter()
            .skip(1)
            .step_by(3)
            .map(|value| value.is_nan())
            .collect();
        assert_eq!(of_channel, [true; 4], "{output:?}");
    }
}

#[test]
#[should_panic(expected = "shape of the images [1, 2, 2, 3], found [1, 2, 2, 4]")]
fn a_residual_of_another_shape_panics_with_both_shapes() {
    let device = Device::flex().autodiff();
    let parameter = || Tensor::<1>::ones([3], &device);
    let residual = Epilogue::AddRelu(Tensor::zeros([1, 2, 2, 4], &device));
    batch_norm_train(
        Tensor::zeros([1, 2, 2, 3], &device),
        parameter(),
        parameter(),
        residual,
        EPSILON,
    );
}

#[test]
#[should_panic(expected = "one value per channel of images [1, 2, 2, 3], found [1]")]
fn moments_of_other_channels_panic_with_both_shapes() {
    let device = Device::flex();
    let of = |channels| Tensor::<1>::ones([channels], &device);
    let images = Tensor::zeros([1, 2, 2, 3], &device);
    batch_norm(
        images,
        [of(1), of(3)],
        [of(3), of(3)],
        Epilogue::Nothing,
        EPSILON,
    );
}
